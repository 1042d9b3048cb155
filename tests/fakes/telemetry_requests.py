"""Export requests of the three signals for tests, made by the real protobuf library.

Each has one resource (``service.name: shop``), one scope (``tests`` 1.0) and its items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector_ext.core.otlp import LOGS, METRICS, TRACES

if TYPE_CHECKING:
    from collector_ext.core.otlp import Signal

TRACE_ID = bytes(range(16))
ITEMS: dict[Signal, tuple[Any, str, str, str]] = {
    TRACES: (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
    METRICS: (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
    LOGS: (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
}


def any_value(value: object) -> AnyValue:
    """Return a value of Python as a message."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    found = AnyValue()
    if isinstance(value, list):
        found.array_value.values.extend([any_value(element) for element in value])
        found.array_value.SetInParent()
    if isinstance(value, dict):
        found.kvlist_value.values.extend(key_values(value))
        found.kvlist_value.SetInParent()
    return found


def plain(value: AnyValue) -> object:
    """Return what a message holds as a value of Python."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_in(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def key_values(attributes: dict[str, Any]) -> list[KeyValue]:
    """Return attributes as messages."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def attributes_in(pairs: Any) -> dict[str, Any]:
    """Return messages as attributes."""
    return {pair.key: plain(pair.value) for pair in pairs}


def span(name: str = "GET", attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    """Return a span of one second."""
    given = {
        "trace_id": TRACE_ID,
        "span_id": bytes(7) + b"\1",
        "start_time_unix_nano": 1_000_000_000,
        "end_time_unix_nano": 2_000_000_000,
        **fields,
    }
    return Span(name=name, attributes=key_values(attributes or {}), **given)


def record(
    body: object = "hi", attributes: dict[str, Any] | None = None, **fields: Any
) -> LogRecord:
    """Return a log record."""
    return LogRecord(body=any_value(body), attributes=key_values(attributes or {}), **fields)


def gauge(name: str, *points: dict[str, Any]) -> Metric:
    """Return a metric with points of these attributes."""
    metric = Metric(name=name)
    metric.gauge.SetInParent()
    for at, attributes in enumerate(points):
        metric.gauge.data_points.add(attributes=key_values(attributes), as_int=at)
    return metric


def request(signal: Signal, *items: Any, resource: dict[str, Any] | None = None) -> bytes:
    """Return a serialised request with one resource."""
    make, groups, scopes, name = ITEMS[signal]
    message = make()
    group = getattr(message, groups).add(schema_url="https://opentelemetry.io/schemas/1.0")
    group.resource.attributes.extend(key_values(resource or {"service.name": "shop"}))
    scoped = getattr(group, scopes).add()
    scoped.scope.name, scoped.scope.version = "tests", "1.0"
    getattr(scoped, name).extend(items)
    return bytes(message.SerializeToString())


def parsed(signal: Signal, body: bytes) -> Any:
    """Return a request as a message."""
    return ITEMS[signal][0].FromString(body)


def items_in(signal: Signal, body: bytes) -> list[Any]:
    """Return the spans, metrics or log records of a request, in their order."""
    _, groups, scopes, name = ITEMS[signal]
    return [
        item
        for group in getattr(parsed(signal, body), groups)
        for scoped in getattr(group, scopes)
        for item in getattr(scoped, name)
    ]


def names_in(signal: Signal, body: bytes) -> list[str]:
    """Return the names of the spans or metrics of a request, or the bodies of its records."""
    items = items_in(signal, body)
    return [plain(item.body) if signal == LOGS else item.name for item in items]  # type: ignore[misc]  # texts, in tests
