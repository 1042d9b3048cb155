"""Our encoder's bytes mean what the stock encoder makes of the same spans."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState
from opentelemetry.trace.status import Status, StatusCode

from otel_layer.core.otlp import Encoder, batches, request

# Lone surrogates and integers beyond 64 bits are where we differ on purpose: unit tests.
texts = st.text(st.characters(exclude_categories=["Cs"]))
long_texts = st.sampled_from([127, 128, 8191, 8192, 150_000]).map(lambda size: "ü" * size)
scalars = (
    st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | texts
    | st.binary()
    | st.none()
)
values = st.recursive(
    scalars | long_texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts.filter(bool), inner, max_size=3)
    ),
    max_leaves=5,
)
attributes = st.dictionaries(texts.filter(bool), values, max_size=6)
bounded_attributes = st.builds(
    BoundedAttributes, st.none() | st.integers(0, 5), attributes, st.just(value=True)
)
times = st.integers(0, (1 << 64) - 1)
trace_states = st.lists(
    st.tuples(st.text("abz", min_size=1, max_size=8), st.text("!+-~", min_size=1, max_size=8)),
    max_size=3,
).map(TraceState)
contexts = st.builds(
    SpanContext,
    st.integers(1, (1 << 128) - 1),
    st.integers(1, (1 << 64) - 1),
    st.booleans(),
    trace_state=trace_states,
)
events = st.builds(Event, texts, bounded_attributes, times)
links = st.builds(Link, contexts, bounded_attributes)
statuses = st.builds(Status, st.just(StatusCode.ERROR), texts) | st.sampled_from(
    [Status(StatusCode.UNSET), Status(StatusCode.OK)]
)
resources = st.builds(Resource, attributes, texts)
scopes = st.none() | st.builds(InstrumentationScope, texts, texts, texts, attributes)


def bounded_lists(elements):
    """Lists as the SDK keeps them, which count what they dropped."""
    return st.builds(
        BoundedList.from_seq,
        st.integers(1, 3),
        st.lists(elements, max_size=5),
    )


spans = st.builds(
    ReadableSpan,
    texts,
    contexts,
    st.none() | contexts,
    resources,
    bounded_attributes,
    bounded_lists(events),
    bounded_lists(links),
    st.sampled_from(SpanKind),
    status=statuses,
    start_time=st.none() | times,
    end_time=st.none() | times,
    instrumentation_scope=scopes,
)


# Plain ones that share resources and scopes, equal and not, as those of one function do.
related_spans = st.builds(
    ReadableSpan,
    texts,
    contexts,
    st.none() | contexts,
    st.sampled_from([Resource({"n": 1}), Resource({"n": 1}), Resource({"n": 2})]),
    st.dictionaries(texts.filter(bool), scalars, max_size=3),
    instrumentation_scope=st.sampled_from(
        [None, *(InstrumentationScope(name) for name in ("a", "a", "b"))]
    ),
)


def meaning(export):
    """Each span with its resource and scope; not in whose company it came."""
    # Serialised, because NaN equals nothing: the library writes equal messages equally.
    return sorted(
        (
            resource_spans.resource.SerializeToString(deterministic=True),
            resource_spans.schema_url,
            scope_spans.scope.SerializeToString(deterministic=True),
            scope_spans.schema_url,
            span.SerializeToString(deterministic=True),
        )
        for resource_spans in export.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    )


def exported(some_spans, size_bytes_max=1 << 20):
    """What a receiver decodes from our requests, merged."""
    encoder = Encoder()
    encoded = [encoder.encode(span) for span in some_spans]
    bodies = [request(batch) for batch in batches(encoded, size_bytes_max)]
    return ExportTraceServiceRequest.FromString(b"".join(bodies))


@given(spans)
def test_a_span_means_the_same(span):
    assert meaning(exported([span])) == meaning(encode_spans([span]))


@given(st.lists(related_spans, max_size=8), st.integers(1, 1000))
def test_spans_mean_the_same_however_they_are_divided(some_spans, size_bytes_max):
    assert meaning(exported(some_spans, size_bytes_max)) == meaning(encode_spans(some_spans))


@given(st.lists(related_spans, max_size=8))
def test_what_is_remembered_of_earlier_spans_changes_nothing(some_spans):
    encoder = Encoder()
    first = [encoder.encode(span) for span in some_spans]

    second = [encoder.encode(span) for span in some_spans]

    assert request(second) == request(first)
