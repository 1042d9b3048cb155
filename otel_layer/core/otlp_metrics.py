"""Metrics to OTLP: what the SDK has collected in, items of ``/v1/metrics`` requests out.

Source: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/metrics/v1/metrics.proto
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any

from otel_layer.core.otlp import INT64_MAX, INT64_MIN, EncodedItem, Encoder
from otel_layer.core.protobuf import DOUBLE, FIXED64, field, utf8, varint

if TYPE_CHECKING:
    # For the shapes alone: this module runs without the SDK.
    from opentelemetry.sdk.metrics.export import Metric, ScopeMetrics
    from opentelemetry.sdk.resources import Resource

POINTS_MAX = 256
"""Of one item. What is sent is divided between items: a metric with thousands of attribute sets
becomes several, of the same name, rather than a request that no collector takes."""

_KINDS = {
    "Gauge": b"\x2a",
    "Sum": b"\x3a",
    "Histogram": b"\x4a",
    "ExponentialHistogram": b"\x52",
}
"""The SDK's classes of data, and the field of a Metric that holds each."""

_SFIXED64 = Struct("<q").pack


class MetricEncoder(Encoder):
    """Serialise metrics, remembering the bytes that come again."""

    def encode_metric(
        self, metric: Metric, resource: Resource, scope: ScopeMetrics
    ) -> Iterator[EncodedItem]:
        """Serialise one metric; a large one is several items, one without points none."""
        data: Any = metric.data
        tag = _KINDS[type(data).__name__]
        head = b"".join(
            field(one, utf8(text))
            for one, text in (
                (b"\x0a", metric.name),
                (b"\x12", metric.description),
                (b"\x1a", metric.unit),
            )
            if text
        )
        tail = _tail(data)
        points = list(data.data_points)
        for first in range(0, len(points), POINTS_MAX):
            some = points[first : first + POINTS_MAX]
            encoded = [field(b"\x0a", self._point(point)) for point in some]
            content = head + field(tag, b"".join(encoded) + tail)
            yield self._item(resource, scope.scope, content)

    def _point(self, point: Any) -> bytes:  # noqa: ANN401  # of one of three classes
        if hasattr(point, "value"):
            return self._number(point)
        if hasattr(point, "scale"):
            return self._exponential(point)
        return self._explicit(point)

    def _number(self, point: Any) -> bytes:  # noqa: ANN401  # a NumberDataPoint
        parts = [_times(point), _number(b"\x21", b"\x31", point.value)]
        parts += [field(b"\x2a", self._exemplar(one)) for one in _exemplars(point)]
        self._add_attributes(b"\x3a", point.attributes, parts)
        return b"".join(parts)

    def _explicit(self, point: Any) -> bytes:  # noqa: ANN401  # a HistogramDataPoint
        parts = [_times(point), _sum(point)]
        if point.bucket_counts:
            parts.append(field(b"\x32", _packed("Q", point.bucket_counts)))
        if point.explicit_bounds:
            parts.append(field(b"\x3a", _packed("d", point.explicit_bounds)))
        parts += [field(b"\x42", self._exemplar(one)) for one in _exemplars(point)]
        self._add_attributes(b"\x4a", point.attributes, parts)
        parts += b"\x59", DOUBLE(point.min), b"\x61", DOUBLE(point.max)
        return b"".join(parts)

    def _exponential(self, point: Any) -> bytes:  # noqa: ANN401  # an ExponentialHistogramDataPoint
        parts: list[bytes] = []
        self._add_attributes(b"\x0a", point.attributes, parts)
        parts += _times(point), _sum(point), b"\x30", varint(_zigzag(point.scale))
        parts += b"\x39", FIXED64(point.zero_count)
        for tag, buckets in ((b"\x42", point.positive), (b"\x4a", point.negative)):
            if buckets.bucket_counts:
                counts = b"".join(map(varint, buckets.bucket_counts))
                offset = b"\x08" + varint(_zigzag(buckets.offset))
                parts.append(field(tag, offset + field(b"\x12", counts)))
        if point.flags:
            parts += b"\x50", varint(point.flags)
        parts += [field(b"\x5a", self._exemplar(one)) for one in _exemplars(point)]
        parts += b"\x61", DOUBLE(point.min), b"\x69", DOUBLE(point.max)
        return b"".join(parts)

    def _exemplar(self, exemplar: Any) -> bytes:  # noqa: ANN401  # an Exemplar
        parts = [b"\x11", FIXED64(exemplar.time_unix_nano)]
        parts.append(_number(b"\x19", b"\x31", exemplar.value))
        if exemplar.span_id is not None and exemplar.trace_id is not None:
            parts += b"\x22\x08", exemplar.span_id.to_bytes(8, "big")
            parts += b"\x2a\x10", exemplar.trace_id.to_bytes(16, "big")
        self._add_attributes(b"\x3a", exemplar.filtered_attributes, parts)
        return b"".join(parts)


def _exemplars(point: Any) -> Sequence[Any]:  # noqa: ANN401  # of any class
    # The customer's own SDK may be older than they are (1.28).
    return getattr(point, "exemplars", ())


def _tail(data: Any) -> bytes:  # noqa: ANN401  # as in encode_metric
    # What a Sum and both kinds of histograms say after their points.
    tail = b""
    if hasattr(data, "aggregation_temporality"):
        tail += b"\x10" + varint(int(data.aggregation_temporality))
    if getattr(data, "is_monotonic", False):
        tail += b"\x18\x01"
    return tail


def _times(point: Any) -> bytes:  # noqa: ANN401  # of any class
    encoded = b"\x19" + FIXED64(point.time_unix_nano)
    if point.start_time_unix_nano:  # a gauge has none
        encoded = b"\x11" + FIXED64(point.start_time_unix_nano) + encoded
    return encoded


def _sum(point: Any) -> bytes:  # noqa: ANN401  # of either kind of histogram
    return b"\x21" + FIXED64(point.count) + b"\x29" + DOUBLE(point.sum)


def _number(double_tag: bytes, integer_tag: bytes, value: Any) -> bytes:  # noqa: ANN401  # any number
    if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX:
        return integer_tag + _SFIXED64(value)
    return double_tag + DOUBLE(value)  # an integer beyond 64 bits too: nearly right


def _packed(kind: str, values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}{kind}", *values)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1
