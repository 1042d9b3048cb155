"""Requests of OTLP metrics, written on the wire.

Sums and histograms are deltas: an environment is short-lived and has many siblings, and of
their deltas a backend makes one total without knowing which is which.

Shapes, from opentelemetry-proto v1 (metrics/v1/metrics.proto)::

    Metric                 1: name  2: description  3: unit  5: Gauge  7: Sum  9: Histogram
    Gauge, Sum, Histogram  1: data points*  2: aggregation_temporality
    Sum                    3: is_monotonic
    NumberDataPoint        2: start  3: time  4: as_double  6: as_int  7: KeyValue*
    HistogramDataPoint     2: start  3: time  4: count  5: sum  6: bucket_counts (packed)
                           7: explicit_bounds (packed)  9: KeyValue*  11: min  12: max

Loaded when metrics of our own are asked for.
"""

from __future__ import annotations

import struct

from collector_ext.core import otlp_request
from collector_ext.core.otlp_request import attributes
from collector_ext.core.processors.any_value import double, field, fixed64
from collector_ext.core.wire import VARINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Attributes = Sequence[tuple[str, str]]

_GAUGE, _SUM, _HISTOGRAM = 5, 7, 9
_DELTA = bytes([2 << 3 | VARINT, 1])
_MONOTONIC = bytes([3 << 3 | VARINT, 1])


def request(
    resource: Mapping[str, str], scope_name: str, version: str, metrics: Iterable[bytes]
) -> bytes:
    """Return a serialised ``ExportMetricsServiceRequest``; empty without metrics.

    Args:
        resource: The attributes of what the metrics are of.
        scope_name: Of what measures.
        version: Likewise.
        metrics: Each as ``gauge``, ``counter`` or ``histogram`` returns it.
    """
    found = list(metrics)
    if not found:
        return b""
    shared = field(1, attributes(1, resource.items()))
    return otlp_request.request(shared, scope_name, version, found)


def head(name: str, description: str, unit: str) -> bytes:
    """Return what every metric begins with."""
    texts = (name, description, unit)
    return b"".join([field(number, text.encode()) for number, text in enumerate(texts, start=1)])


def gauge(head: bytes, points: Iterable[bytes]) -> bytes:
    """Return a metric of points that are of one moment."""
    return head + field(_GAUGE, _points(points))


def counter(head: bytes, points: Iterable[bytes]) -> bytes:
    """Return a monotonic sum of deltas."""
    return head + field(_SUM, _points(points) + _DELTA + _MONOTONIC)


def histogram(head: bytes, points: Iterable[bytes]) -> bytes:
    """Return a histogram of deltas."""
    return head + field(_HISTOGRAM, _points(points) + _DELTA)


def number_point(value: float, pairs: Attributes, start_ns: int, end_ns: int) -> bytes:
    """Return a point of a gauge or a counter.

    Args:
        value: A whole number stays one on the wire.
        pairs: Its attributes, each key once.
        start_ns: When its time began, in nanoseconds since the epoch; 0 for a gauge's.
        end_ns: When it ended, likewise.
    """
    amount = fixed64(6, value) if isinstance(value, int) else double(4, value)
    return _times(start_ns, end_ns) + amount + attributes(7, pairs)


def histogram_point(
    values: Sequence[float],
    bounds: Sequence[float],
    pairs: Attributes,
    start_ns: int,
    end_ns: int,
) -> bytes:
    """Return a point of a histogram.

    Args:
        values: What was measured; not empty.
        bounds: Of its buckets, rising; each belongs to the bucket below it.
        pairs: Its attributes, each key once.
        start_ns: When its time began, in nanoseconds since the epoch.
        end_ns: When it ended, likewise.
    """
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[sum(bound < value for bound in bounds)] += 1
    return b"".join(
        [
            _times(start_ns, end_ns),
            fixed64(4, len(values)),
            double(5, sum(values)),
            field(6, struct.pack(f"<{len(counts)}Q", *counts)),
            field(7, struct.pack(f"<{len(bounds)}d", *bounds)),
            attributes(9, pairs),
            double(11, min(values)),
            double(12, max(values)),
        ]
    )


def _points(points: Iterable[bytes]) -> bytes:
    return b"".join([field(1, point) for point in points])


def _times(start_ns: int, end_ns: int) -> bytes:
    return (fixed64(2, start_ns) if start_ns else b"") + fixed64(3, end_ns)
