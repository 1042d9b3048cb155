"""Over generated requests, the wire functions mean what the protobuf library makes of them."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from collector_ext.core import wire

IDS = [bytes([n]) * 8 for n in range(1, 6)]

spans = st.builds(
    Span,
    span_id=st.sampled_from(IDS),
    parent_span_id=st.sampled_from([b"", *IDS]),
    name=st.text(max_size=300),
    start_time_unix_nano=st.integers(0, 2**64 - 1),
    end_time_unix_nano=st.integers(0, 2**64 - 1),
    dropped_links_count=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 2**32 - 1),
    links=st.lists(st.builds(Span.Link, span_id=st.sampled_from(IDS)), max_size=2),
    status=st.one_of(
        st.none(), st.builds(Status, code=st.sampled_from([0, 1, 2]), message=st.text(max_size=9))
    ),
)
requests = st.builds(
    ExportTraceServiceRequest,
    resource_spans=st.lists(
        st.builds(
            ResourceSpans,
            schema_url=st.text(max_size=20),
            scope_spans=st.lists(
                st.builds(
                    ScopeSpans, schema_url=st.text(max_size=9), spans=st.lists(spans, max_size=4)
                ),
                max_size=3,
            ),
        ),
        max_size=3,
    ),
)


def spans_of(request):
    return [s for r in request.resource_spans for c in r.scope_spans for s in c.spans]


@given(requests)
def test_every_real_request_passes_the_check(request):
    wire.check_export_request(request.SerializeToString())


@given(requests)
def test_span_ids_are_those_of_the_spans(request):
    assert wire.span_ids(request.SerializeToString()) == [s.span_id for s in spans_of(request)]


@given(requests, st.sampled_from(IDS))
def test_a_span_is_held_exactly_if_it_is_there(request, span_id):
    is_there = span_id in [span.span_id for span in spans_of(request)]

    assert wire.holds_span(request.SerializeToString(), span_id) is is_there


@given(requests, st.sets(st.sampled_from(IDS)))
def test_removing_spans_leaves_all_others_as_they_are(request, unwanted):
    left = wire.without_spans(request.SerializeToString(), unwanted)

    expected = [span for span in spans_of(request) if span.span_id not in unwanted]
    assert spans_of(ExportTraceServiceRequest.FromString(left)) == expected


@given(requests, st.integers(0, 2**64 - 1), st.text(max_size=300))
def test_ending_spans_changes_their_end_and_status_alone(request, end_ns, message):
    body = wire.end_spans(request.SerializeToString(), end_ns=end_ns, message=message)

    for span in spans_of(request):
        span.end_time_unix_nano = max(end_ns, span.start_time_unix_nano)
        if span.status.code == Status.STATUS_CODE_ERROR:
            continue  # it knows better
        span.status.code = Status.STATUS_CODE_ERROR
        if message:
            span.status.message = message
        else:
            span.status.ClearField("message")
    assert spans_of(ExportTraceServiceRequest.FromString(body)) == spans_of(request)


def told(places):
    """All that is yielded, and the fault that ends it."""
    found: list[object] = []
    try:
        found.extend(places)
    except wire.MalformedError as fault:
        found.append(str(fault))
    return found


@given(requests, st.integers(0, 2), st.binary(max_size=9), st.data())
def test_contents_are_where_the_fields_are(request, number, added, data):
    body = request.SerializeToString() + added
    end = data.draw(st.integers(0, len(body)))

    found = told(wire.contents(body, (1, number), 0, end))

    assert found == told(
        (field.value_at, field.end)
        for field in wire.fields(body, 0, end)
        if field.number in {1, number} and field.wire_type == wire.LENGTH_DELIMITED
    )


@given(st.binary(max_size=200))
def test_what_passes_the_check_does_no_harm_to_its_neighbours(body):
    with contextlib.suppress(wire.MalformedError):
        wire.check_export_request(body)
        neighbour = ExportTraceServiceRequest(resource_spans=[ResourceSpans(schema_url="x")])

        merged = wire.without_spans(body + neighbour.SerializeToString(), set())

        assert merged.endswith(neighbour.SerializeToString())


@given(requests, st.data())
def test_bytes_gone_wrong_are_refused_or_walked_but_nothing_else(request, data):
    body = bytearray(request.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    for walk in (wire.check_export_request, wire.span_ids, wire.start_ns, wire.partial_success):
        with contextlib.suppress(wire.MalformedError):
            walk(bytes(body))
    wire.holds_span(bytes(body), IDS[0])
    wire.without_spans(bytes(body), {IDS[0]})
