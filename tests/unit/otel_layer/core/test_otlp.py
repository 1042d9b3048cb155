"""What the encoder decides by itself; its equality with the stock encoder is a property."""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from otel_layer.core.otlp import KNOWN_KEYS_MAX, EncodedItem, Encoder, batches, request

RESOURCE = Resource({"service.name": "hello"}, "https://opentelemetry.io/schemas/1.37.0")
SCOPE = InstrumentationScope("tests", "1.0", "https://opentelemetry.io/schemas/1.38.0")
CONTEXT = SpanContext(0x1234 << 100, 0x56 << 50, is_remote=False)
REMOTE = SpanContext(0x1234 << 100, 0x77, is_remote=True)


def span(**changes):
    """A span with nothing to say, except for the changes."""
    given: dict[str, Any] = {
        "name": "GET",
        "context": CONTEXT,
        "resource": RESOURCE,
        "instrumentation_scope": SCOPE,
        "start_time": 10,
        "end_time": 20,
    }
    return ReadableSpan(**(given | changes))


def export(*spans):
    """The spans encoded by us and decoded by the protocol's own library."""
    encoder = Encoder()
    return ExportTraceServiceRequest.FromString(request([encoder.encode(one) for one in spans]))


def decoded(one):
    """One span, there and back."""
    (resource_spans,) = export(one).resource_spans
    (scope_spans,) = resource_spans.scope_spans
    (back,) = scope_spans.spans
    return back


class _OldScope:
    """A scope of the SDK before 1.26: it has no attributes."""

    name, version, schema_url = "tests", "1.0", ""


def value(attribute):
    """One attribute value, there and back."""
    (pair,) = decoded(span(attributes={"key": attribute})).attributes
    return pair.value


class TestASpan:
    """Every field arrives where the protocol has it."""

    def test_it_arrives_whole(self):
        everything = span(
            parent=REMOTE,
            kind=SpanKind.CLIENT,
            context=SpanContext(1, 2, is_remote=False, trace_state=TraceState([("a", "b")])),
            attributes={"http.status_code": 200},
            events=[Event("exception", {"exception.type": "ValueError"}, 15)],
            links=[Link(REMOTE, {"n": 1})],
            status=Status(StatusCode.ERROR, "it broke"),
        )

        back = decoded(everything)

        assert back == trace_pb2.Span(
            trace_id=bytes(15) + b"\x01",
            span_id=bytes(7) + b"\x02",
            trace_state="a=b",
            parent_span_id=bytes(7) + b"\x77",
            name="GET",
            kind=trace_pb2.Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=10,
            end_time_unix_nano=20,
            attributes=back.attributes[:1],
            events=back.events[:1],
            links=back.links[:1],
            status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message="it broke"),
            flags=0x300,
        )
        assert back.attributes[0].value.int_value == 200
        assert back.events[0].attributes[0].value.string_value == "ValueError"
        assert back.links[0].span_id == bytes(7) + b"\x77"
        assert back.links[0].flags == 0x300

    def test_what_was_dropped_is_counted(self):
        crowded = span(
            attributes=BoundedAttributes(1, {"a": 1, "b": 2}),
            events=BoundedList.from_seq(1, [Event("1"), Event("2"), Event("3")]),
            links=BoundedList.from_seq(1, [Link(REMOTE)] * 4),
        )

        back = decoded(crowded)

        assert back.dropped_attributes_count == 1
        assert back.dropped_events_count == 2
        assert back.dropped_links_count == 3

    def test_one_that_has_not_ended_has_no_end_time(self):
        assert decoded(span(end_time=None)).end_time_unix_nano == 0

    def test_one_that_is_unfinished_says_so_beside_its_attributes(self):
        encoded = Encoder().encode(span(end_time=None, attributes={"a": 1}), is_unfinished=True)

        export = ExportTraceServiceRequest.FromString(request([encoded]))
        (back,) = export.resource_spans[0].scope_spans[0].spans
        pairs = [(pair.key, pair.value.WhichOneof("value")) for pair in back.attributes]
        assert pairs == [("a", "int_value"), ("otel_layer.unfinished", "bool_value")]
        assert back.attributes[1].value.bool_value is True

    def test_one_without_a_start_or_a_name_is_encoded_too(self):
        back = decoded(span(start_time=None, name=""))

        assert (back.start_time_unix_nano, back.name) == (0, "")

    def test_resource_and_scope_bring_their_schemas(self):
        (resource_spans,) = export(span()).resource_spans

        assert resource_spans.schema_url == RESOURCE.schema_url
        assert resource_spans.scope_spans[0].schema_url == SCOPE.schema_url
        assert resource_spans.scope_spans[0].scope.name == "tests"
        assert resource_spans.scope_spans[0].scope.version == "1.0"

    @pytest.mark.parametrize("scope", [None, InstrumentationScope("")])
    def test_a_scope_may_be_nameless(self, scope):
        (resource_spans,) = export(span(instrumentation_scope=scope)).resource_spans

        assert resource_spans.scope_spans[0].scope.name == ""


class TestAnAttribute:
    """Each type of value has its own field."""

    @pytest.mark.parametrize(
        ("attribute", "kind"),
        [
            ("x", "string_value"),
            (True, "bool_value"),
            (False, "bool_value"),
            (-7, "int_value"),
            (1.5, "double_value"),
            (b"x", "bytes_value"),
        ],
    )
    def test_a_plain_one_stays_what_it_is(self, attribute, kind):
        assert getattr(value(attribute), kind) == attribute

    def test_none_is_a_value_that_is_not_set(self):
        assert value(None).WhichOneof("value") is None

    def test_text_that_is_an_enumeration_is_its_value(self):
        class Colour(str, enum.Enum):
            RED = "red"

        assert value(Colour.RED).string_value == "red"

    def test_a_number_that_is_an_enumeration_is_its_number(self):
        class Level(enum.IntEnum):
            HIGH = 3

        assert value(Level.HIGH).int_value == 3

    @pytest.mark.parametrize("number", [-(1 << 63), (1 << 63) - 1])
    def test_a_number_of_64_bits_is_a_number(self, number):
        assert value(number).int_value == number

    def test_a_number_beyond_64_bits_is_spelled_out(self):
        assert value(1 << 63).string_value == "9223372036854775808"

    def test_a_number_that_python_does_not_spell_out_is_hexadecimal(self):
        assert value(1 << 40_000).string_value == hex(1 << 40_000)

    def test_half_of_a_surrogate_pair_does_not_cost_the_span(self):
        assert value("\ud83e!").string_value == "?!"

    def test_a_list_may_hold_nothing_in_places(self):
        assert [one.WhichOneof("value") for one in value(["a", None, 1]).array_value.values] == [
            "string_value",
            None,
            "int_value",
        ]

    def test_a_mapping_keeps_its_pairs(self):
        (pair,) = value({"inner": True}).kvlist_value.values

        assert (pair.key, pair.value.bool_value) == ("inner", True)

    def test_what_no_type_fits_is_its_text(self):
        back = decoded(span(attributes={"key": 1 + 2j}))

        assert back.attributes[0].value.string_value == "(1+2j)"

    def test_a_mapping_without_a_copy_method_is_walked_as_it_is(self):
        class Pairs(dict[str, str]):
            copy = property(lambda _: (_ for _ in ()).throw(AttributeError))

        back = decoded(span(attributes=MappingProxyType(Pairs(key="x"))))

        assert back.attributes[0].value.string_value == "x"


class TestWhatIsKept:
    """The bytes that come again are made once, and not without bound."""

    def test_keys_that_are_made_up_at_run_time_do_not_pile_up(self):
        encoder = Encoder()

        for n in range(KNOWN_KEYS_MAX + 1):
            encoder.encode(span(attributes={f"key-{n}": n}))

        assert len(encoder._keys) <= KNOWN_KEYS_MAX

    def test_scopes_do_not_pile_up_either(self):
        encoder = Encoder()

        for n in range(KNOWN_KEYS_MAX + 1):
            encoder.encode(span(instrumentation_scope=InstrumentationScope(f"scope-{n}")))

        assert len(encoder._scopes) <= KNOWN_KEYS_MAX

    def test_another_resource_is_not_taken_for_the_one_before(self):
        encoder = Encoder()
        encoder.encode(span())

        encoded = encoder.encode(span(resource=Resource({"service.name": "other"})))

        (resource_spans,) = ExportTraceServiceRequest.FromString(request([encoded])).resource_spans
        assert resource_spans.resource.attributes[0].value.string_value == "other"


class TestARequest:
    """Spans that share a resource or a scope share it in the request."""

    def test_no_spans_are_an_empty_request(self):
        assert request([]) == b""

    def test_spans_are_grouped_by_resource_and_scope(self):
        other = InstrumentationScope("other")

        got = export(span(), span(instrumentation_scope=other), span(name="POST"))

        (resource_spans,) = got.resource_spans
        assert [[one.name for one in scope.spans] for scope in resource_spans.scope_spans] == [
            ["GET", "POST"],
            ["GET"],
        ]


class TestBatches:
    """The kernel holds a request whole, so each has a bound."""

    def test_spans_that_fit_go_together(self):
        spans = [EncodedItem(b"", b"", b"x" * 8)] * 3

        assert batches(spans, size_bytes_max=60) == [spans]

    def test_spans_that_do_not_fit_go_apart_in_their_order(self):
        first, second, third = (EncodedItem(b"", b"", bytes([n]) * 8) for n in range(3))

        assert batches([first, second, third], size_bytes_max=40) == [[first, second], [third]]

    def test_a_span_that_is_larger_goes_alone(self):
        small, large = EncodedItem(b"", b"", b"x"), EncodedItem(b"", b"", b"x" * 100)

        assert batches([small, large, small], size_bytes_max=30) == [[small], [large], [small]]

    def test_no_request_is_larger_than_the_bound(self):
        spans = [Encoder().encode(span(attributes={"n": n})) for n in range(50)]

        sizes = [len(request(batch)) for batch in batches(spans, size_bytes_max=1000)]

        assert max(sizes) <= 1000

    def test_nothing_makes_no_request(self):
        assert batches([], size_bytes_max=100) == []


def test_sampling_flags_are_not_in_the_span():
    sampled = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    assert decoded(span(context=sampled)).flags == 0x100


class TestAnOlderSdk:
    """The customer's own may be the one that makes the spans."""

    def test_a_scope_may_have_no_attributes(self):
        (resource_spans,) = export(span(instrumentation_scope=_OldScope())).resource_spans

        assert resource_spans.scope_spans[0].scope.name == "tests"
