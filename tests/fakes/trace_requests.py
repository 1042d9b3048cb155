"""Trace export requests for tests, made by the real protobuf library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE_ID = bytes(range(16))


def span_id(number: int) -> bytes:
    """Return a span id that is recognised in a hex dump."""
    return number.to_bytes(8, "big")


def export_request(*spans: tuple[str, bytes], parent: bytes = b"", is_open: bool = False) -> bytes:
    """Return a serialised request.

    Args:
        spans: Name and id of each.
        parent: The id of their parent.
        is_open: Leave out the end time, as provisional spans do.
    """
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.0")
    resource_spans.resource.attributes.add(key="service.name").value.string_value = "fake"
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tests"
    for name, id_ in spans:
        span = scope_spans.spans.add(name=name, trace_id=TRACE_ID, span_id=id_)
        span.parent_span_id = parent
        span.start_time_unix_nano = 1_000_000_000
        if not is_open:
            span.end_time_unix_nano = 2_000_000_000
    return request.SerializeToString()


def spans_in(body: bytes) -> list[Span]:
    """Return the spans of a serialised request, in their order."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        span
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]
