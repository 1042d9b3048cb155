"""What the collector counts about itself, as a request of OTLP metrics.

Names, units and attributes are those of the OpenTelemetry Collector, so that dashboards and
alerts made for it work.

Loaded when the collector's own metrics are asked for.

Sources: https://opentelemetry.io/docs/collector/internal-telemetry/ and, for what is counted,
https://github.com/open-telemetry/opentelemetry-collector/blob/main/exporter/exporterhelper/documentation.md
"""

from __future__ import annotations

from collector_ext.core import otlp_metrics
from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collector_ext.core.otlp import Signal

RECEIVER, EXPORTER = "receiver", "exporter"
"""Attributes: the component's id."""

DATA_TYPE = "data_type"
"""Attribute of what counts no items: the name of the signal."""

ERROR_TYPE = "error.type"
"""Attribute of what failed: the name of the failure, or why items were dropped."""


class Metric(Value):
    """One metric: a monotonic sum of deltas, or a gauge."""

    name: str
    description: str
    unit: str
    is_sum: bool


class Point(Value):
    """One data point."""

    metric: Metric
    attributes: tuple[tuple[str, str], ...]  # each key once
    count: int  # of a sum: since the last request; of a gauge: now


ACCEPTED = "otelcol_receiver_accepted"
"""Items that a client was answered 200 for. Attribute: ``receiver``."""

SENT = "otelcol_exporter_sent"
"""Items that the endpoint accepted. Attribute: ``exporter``."""

SEND_FAILED = "otelcol_exporter_send_failed"
"""Items that were dropped because they could not be sent, or were rejected; as in the Collector
none that are tried again. Attributes: ``exporter``, ``error.type``."""

ENQUEUE_FAILED = "otelcol_exporter_enqueue_failed"
"""Items that were dropped because no more may wait. Attribute: ``exporter``."""

QUEUE_SIZE = Metric(
    "otelcol_exporter_queue_size", "Payloads that wait for the exporter", "{batches}", is_sum=False
)
"""A payload is what a client sent as one request: the Collector's batch, which is counted here
and not its items. Attributes: ``exporter``, ``data_type``."""

_DESCRIPTIONS = {
    ACCEPTED: "received",
    SENT: "that the endpoint accepted",
    SEND_FAILED: "that were dropped, as they could not be sent or were rejected",
    ENQUEUE_FAILED: "that were dropped, as no more may wait for the exporter",
}

_SUFFIXES = {TRACES: "spans", METRICS: "metric_points", LOGS: "log_records"}
_UNITS = {TRACES: "{spans}", METRICS: "{datapoints}", LOGS: "{records}"}

_SCOPE_NAME = "otel_layer.collector"


def item_metric(counted: str, signal: Signal) -> Metric:
    """Return the sum of the items of a signal.

    Args:
        counted: What became of them: ACCEPTED, SENT, SEND_FAILED or ENQUEUE_FAILED.
        signal: Whose items they are.
    """
    name = f"{counted}_{_SUFFIXES[signal]}"
    description = f"{signal.items.capitalize()} {_DESCRIPTIONS[counted]}"
    return Metric(name, description, _UNITS[signal], is_sum=True)


def encode(
    points: Sequence[Point],
    resource: Mapping[str, str],
    version: str,
    *,
    start_ns: int,
    end_ns: int,
) -> bytes:
    """Return a serialised ``ExportMetricsServiceRequest``; empty without points.

    Args:
        points: Those of one metric become one metric, wherever they are.
        resource: The attributes of what the metrics are of.
        version: The collector's own.
        start_ns: When the last request ended, in nanoseconds since the epoch.
        end_ns: Now, likewise.
    """
    by_metric: dict[Metric, list[Point]] = {}
    for point in points:
        by_metric.setdefault(point.metric, []).append(point)
    metrics = [
        _metric(metric, of_metric, start_ns, end_ns) for metric, of_metric in by_metric.items()
    ]
    return otlp_metrics.request(resource, _SCOPE_NAME, version, metrics)


def _metric(metric: Metric, points: Sequence[Point], start_ns: int, end_ns: int) -> bytes:
    head = otlp_metrics.head(metric.name, metric.description, metric.unit)
    # A gauge is of one moment.
    since_ns = start_ns if metric.is_sum else 0
    data = [otlp_metrics.number_point(p.count, p.attributes, since_ns, end_ns) for p in points]
    return otlp_metrics.counter(head, data) if metric.is_sum else otlp_metrics.gauge(head, data)
