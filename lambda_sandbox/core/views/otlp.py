"""OTLP/HTTP bodies as messages, and trace messages as spans.

The only importer of protobuf in this package (``opentelemetry-proto`` and its runtime).

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from lambda_sandbox.core.views.traces import (
    Attributes,
    AttributeValue,
    Event,
    Kind,
    Link,
    Span,
    StatusCode,
)

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

TraceRequest = ExportTraceServiceRequest
MetricsRequest = ExportMetricsServiceRequest
LogsRequest = ExportLogsServiceRequest
Request = TraceRequest | MetricsRequest | LogsRequest
"""The export request of a signal."""

REQUESTS: dict[str, type[Request]] = {
    "/v1/traces": TraceRequest,
    "/v1/metrics": MetricsRequest,
    "/v1/logs": LogsRequest,
}
"""Path → the message that is posted to it."""

_STATUS_MESSAGE_BYTES_MAX = 127
"""The longest message whose length is a single byte of a protobuf varint."""

_ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})

_UNREADABLE = (
    DecodeError,
    ParseError,
    RecursionError,  # nested deeper than any message of OTLP
    # What json and json_format let through of values that have another type or range.
    ValueError,
    TypeError,
    OverflowError,
    SystemError,  # protobuf's C code, of half a surrogate pair in place of an object
)


class MalformedError(ValueError):
    """The sender's body is not the message that belongs to its path."""


def parse(path: str, content_type: str, body: bytes) -> Request:
    """Parse a body as the export request of its path.

    Args:
        path: One of ``REQUESTS``.
        content_type: ``PROTOBUF`` or ``JSON``.
        body: Not compressed.

    Raises:
        MalformedError: The body is something else; its text says what.
    """
    message = REQUESTS[path]()
    try:
        if content_type == PROTOBUF:
            message.ParseFromString(body)
        else:
            ParseDict(_json_object(body), message, ignore_unknown_fields=True)
    except _UNREADABLE as error:
        text = f"the body is not an {type(message).__name__}: {error}"
        raise MalformedError(text) from error
    return message


def _json_object(body: bytes) -> dict[str, object]:
    value = json.loads(body)
    if not isinstance(value, dict):
        text = f"{type(value).__name__} in place of an object"
        raise TypeError(text)
    return {name: _with_base64_id(name, item) for name, item in value.items()}


def _with_base64_id(name: str, value: object) -> object:
    # OTLP's JSON writes ids in hex, protobuf's JSON (which json_format reads) in base64.
    if name in _ID_FIELDS and isinstance(value, str):
        return base64.b64encode(bytes.fromhex(value)).decode()
    if isinstance(value, list):
        return [_with_base64_id(name, item) for item in value]
    if isinstance(value, dict):
        return {inner: _with_base64_id(inner, item) for inner, item in value.items()}
    return value


def accepted(content_type: str) -> bytes:
    """Encode the answer to a request that was accepted whole: an empty response message."""
    return b"{}" if content_type == JSON else b""


def refused(content_type: str, text: str) -> bytes:
    """Encode a ``google.rpc.Status`` that says why a request was refused.

    Source: https://opentelemetry.io/docs/specs/otlp/#failures-1
    """
    if content_type == JSON:
        return json.dumps({"message": text}).encode()
    # Written by hand: the message has one field of interest (2, a string), its Python class
    # is in a package of its own.
    message = text.encode()[:_STATUS_MESSAGE_BYTES_MAX].decode(errors="ignore").encode()
    return b"\x12" + bytes([len(message)]) + message


def spans_of(message: TraceRequest) -> Iterator[Span]:
    """Yield the spans of an export request, in its order."""
    for resource_spans in message.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _span(span, resource, scope_spans)


def _span(span: trace_pb2.Span, resource: Attributes, scope_spans: trace_pb2.ScopeSpans) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        name=span.name,
        kind=_kind(span),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(
            Event(event.name, event.time_unix_nano, _attributes(event.attributes))
            for event in span.events
        ),
        links=tuple(
            Link(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))
            for link in span.links
        ),
        status_code=_status_code(span),
        status_message=span.status.message,
        resource=resource,
        scope=scope_spans.scope.name,
        scope_version=scope_spans.scope.version,
        trace_state=span.trace_state,
        parent_is_remote=bool(
            span.flags & trace_pb2.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
            and span.flags & trace_pb2.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
        ),
    )


def _kind(span: trace_pb2.Span) -> Kind:
    # Enumerations are open in proto3: a newer sender may know a kind that we do not.
    if span.kind not in trace_pb2.Span.SpanKind.values():
        return "UNSPECIFIED"
    name = trace_pb2.Span.SpanKind.Name(span.kind)
    return cast("Kind", name.removeprefix("SPAN_KIND_"))


def _status_code(span: trace_pb2.Span) -> StatusCode:
    if span.status.code not in trace_pb2.Status.StatusCode.values():
        return "UNSET"
    name = trace_pb2.Status.StatusCode.Name(span.status.code)
    return cast("StatusCode", name.removeprefix("STATUS_CODE_"))


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, AttributeValue]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> AttributeValue:
    match value.WhichOneof("value"):
        case None:
            return None
        case "bytes_value":
            return value.bytes_value.hex()
        case "array_value":
            return [_value(item) for item in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case field:
            return cast("AttributeValue", getattr(value, field))
