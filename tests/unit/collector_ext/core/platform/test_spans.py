"""Spans of the platform, read by the real protobuf library."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status

from collector_ext.core.otlp import TRACES
from collector_ext.core.platform.root import Root, root_in
from collector_ext.core.platform.spans import (
    PlatformSpan,
    encode,
    of_initialisation,
    of_invocation,
    span_id,
)
from collector_ext.core.platform.startup import Initialisation
from collector_ext.core.wire import check_export_request
from tests.fakes.platform_entries import at_ns, record_of, report, runtime_done
from tests.fakes.telemetry_requests import TRACE_ID, attributes_in, items_in, request, span

ROOT_ID = bytes(7) + b"\x09"
ROOT_BODY = request(TRACES, span(span_id=ROOT_ID, trace_state="a=1"))
ROOT = root_in(ROOT_BODY) or Root(b"", b"", b"", 0, b"")
INIT = Initialisation(
    is_restore=False,
    initialization_type="on-demand",
    phase="init",
    start_ns=at_ns(0),
    runtime_done_ns=at_ns(100),
    end_ns=at_ns(120),
    status="success",
    error_type="",
)


def but(found, **fields):
    return type(found)(**{**found.__dict__, **fields})


def times(spans):
    return {each.name: (each.parent, each.start_ns, each.end_ns) for each in spans}


class TestTheRequest:
    """It means what the library makes of the same."""

    def test_is_of_the_resource_of_the_root(self):
        whole = PlatformSpan("init", "", at_ns(0), at_ns(1), (("error.type", "E"),), is_failed=True)
        expected = ExportTraceServiceRequest.FromString(ROOT_BODY)
        scoped = expected.resource_spans[0].scope_spans[0]
        scoped.scope.name, scoped.scope.version = "otel_layer.platform", "0.1.0"
        del scoped.spans[:]
        scoped.spans.add(
            trace_id=TRACE_ID,
            span_id=span_id(ROOT_ID, "init"),
            trace_state="a=1",
            parent_span_id=ROOT_ID,
            name="aws.lambda.init",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=at_ns(0),
            end_time_unix_nano=at_ns(1),
            flags=SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK,
            status=Status(code=Status.STATUS_CODE_ERROR),
        ).attributes.add(key="error.type").value.string_value = "E"

        body = encode(ROOT, [whole], "0.1.0")

        assert ExportTraceServiceRequest.FromString(body) == expected
        check_export_request(body)

    def test_a_phase_is_below_its_whole(self):
        whole, phase = items_in(TRACES, encode(ROOT, of_initialisation(INIT)[:2], "0.1.0"))

        assert (whole.parent_span_id, phase.parent_span_id) == (ROOT_ID, whole.span_id)


class TestAnId:
    """It follows from the root's and the name, so what is told twice is one span."""

    def test_is_the_same_each_time(self):
        assert span_id(ROOT_ID, "init") == span_id(ROOT_ID, "init")

    def test_is_another_one_for_another_name_or_root(self):
        ids = {span_id(ROOT_ID, "init"), span_id(ROOT_ID, "restore"), span_id(bytes(8), "init")}

        assert len(ids | {ROOT_ID}) == 4

    def test_is_never_all_zeros(self):
        hashed = span_id(bytes(8), "init")

        assert span_id(hashed, "init") == bytes(7) + b"\1"

    def test_is_the_hash_that_its_source_has(self):
        assert span_id(bytes(8), "foobar").hex() == "85944171f73967e8"


class TestAnInitialisation:
    """The whole of it, the runtime's part, and what extensions still had to do then."""

    def test_has_its_phases(self):
        assert times(of_initialisation(INIT)) == {
            "init": ("", at_ns(0), at_ns(120)),
            "initRuntime": ("init", at_ns(0), at_ns(100)),
            "initExtensions": ("init", at_ns(100), at_ns(120)),
        }

    def test_says_of_which_type_it_was(self):
        assert of_initialisation(INIT)[0].attributes == (
            ("aws.lambda.initialization_type", "on-demand"),
            ("aws.lambda.initialization_phase", "init"),
        )

    def test_has_no_phases_that_are_not_told(self):
        assert list(times(of_initialisation(but(INIT, runtime_done_ns=0)))) == ["init"]

    def test_no_phase_ends_after_it(self):
        found = times(of_initialisation(but(INIT, runtime_done_ns=at_ns(121))))

        assert found["initRuntime"][2] == at_ns(120)
        assert "initExtensions" not in found

    @pytest.mark.parametrize(("error_type", "told"), [("E", "E"), ("", "timeout")])
    def test_that_failed_is_an_error(self, error_type, told):
        whole = of_initialisation(but(INIT, status="timeout", error_type=error_type))[0]

        assert whole.is_failed
        assert ("error.type", told) in whole.attributes

    def test_whose_status_is_not_told_is_none(self):
        assert not of_initialisation(but(INIT, status=""))[0].is_failed


class TestARestore:
    """The whole of it, and the runtime's part: hooks and the way back to work."""

    def test_has_its_phase(self):
        restored = but(INIT, is_restore=True, initialization_type="snap-start", phase="")

        assert times(of_initialisation(restored)) == {
            "restore": ("", at_ns(0), at_ns(120)),
            "restoreRuntime": ("restore", at_ns(0), at_ns(100)),
        }
        assert of_initialisation(restored)[0].attributes == (
            ("aws.lambda.initialization_type", "snap-start"),
        )


class TestAnInvocation:
    """Each part that Lambda has measured, by Lambda's name."""

    def test_the_runtime_has_three(self):
        assert times(of_invocation(record_of(runtime_done("r-1", 100, took_ms=30)))) == {
            "responseLatency": ("", at_ns(100), at_ns(129)),
            "responseDuration": ("", at_ns(129), at_ns(129)),
            "runtimeOverhead": ("", at_ns(129), at_ns(130)),
        }

    def test_the_response_has_a_size(self):
        found = of_invocation(record_of(runtime_done("r-1", 100, took_ms=30)))

        assert [each.attributes for each in found] == [
            (),
            (("aws.lambda.produced_bytes", 101),),
            (),
        ]

    def test_extensions_have_one(self):
        assert times(of_invocation(record_of(report("r-1", 100, 30, overhead_ms=2.5)))) == {
            "extensionOverhead": ("", at_ns(130), at_ns(132.5)),
        }

    def test_a_part_of_any_name_is_a_span(self):
        part = PlatformSpan("é", "", 1, 2, (("a", "b"),), is_failed=False)

        (found,) = items_in(TRACES, encode(ROOT, [part], "0.1.0"))

        assert (found.name, attributes_in(found.attributes)) == ("aws.lambda.é", {"a": "b"})
