"""What the collector counts about itself, now and then, as payloads of metrics.

Loaded when the collector's own metrics are asked for.
"""

from __future__ import annotations

from collector_ext.core.delivery import own_metrics
from collector_ext.core.delivery.account import BUFFER_FULL
from collector_ext.core.delivery.own_metrics import Point, item_metric
from collector_ext.core.otlp import METRICS, PROTOBUF, Payload
from collector_ext.core.otlp_items import item_count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collector_ext.core.delivery.own_metrics import Metric
    from collector_ext.core.delivery.pipelines import Pipelines
    from collector_ext.core.platform.metrics import PlatformMetrics

INTERVAL_S = 60.0
"""Between two reports, at least: the OpenTelemetry SDK's own interval of metrics."""

RECEIVER = "otlp"
"""The one there is, by its type: OTLP/HTTP and OTLP/gRPC are both of it."""

_NS_PER_S = 1_000_000_000


class Report:
    """Tell the counters of pipelines, each time since the last.

    Args:
        pipelines: Whose counters these are.
        resource: The attributes of what they are of.
        version: The collector's own.
        now: Seconds since the epoch.
        platform: What else is told then; None for nothing.
    """

    def __init__(
        self,
        pipelines: Pipelines,
        resource: Mapping[str, str],
        version: str,
        now: float,
        *,
        platform: PlatformMetrics | None = None,
    ) -> None:
        self._pipelines = pipelines
        self._resource = resource
        self._version = version
        self._platform = platform
        self._told_at = now
        self._told: dict[tuple[Metric, tuple[tuple[str, str], ...]], int] = {}

    def payloads(self, now: float, *, is_last: bool) -> list[Payload]:
        """Return what is to be told now, as payloads of metrics.

        Args:
            now: Seconds since the epoch.
            is_last: Whether there will be no other occasion.
        """
        if not is_last and 0 <= now - self._told_at < INTERVAL_S:
            return []
        start_ns = round(min(self._told_at, now) * _NS_PER_S)
        end_ns = round(now * _NS_PER_S)
        self._told_at = now
        points = list(self._points())
        own = own_metrics.encode(
            points, self._resource, self._version, start_ns=start_ns, end_ns=end_ns
        )
        platform = self._platform.take(start_ns, end_ns) if self._platform else b""
        return [
            Payload(METRICS, PROTOBUF, body, item_count(METRICS, body), is_suspect=False)
            for body in (own, platform)
            if body
        ]

    def _points(self) -> Iterator[Point]:
        for total in self._totals():
            if not total.metric.is_sum:
                yield total
                continue
            key = total.metric, total.attributes
            since = total.count - self._told.get(key, 0)
            self._told[key] = total.count
            if since:
                yield Point(total.metric, total.attributes, since)

    def _totals(self) -> Iterator[Point]:
        receiver = ((own_metrics.RECEIVER, RECEIVER),)
        for signal, count in self._pipelines.received.items():
            yield Point(item_metric(own_metrics.ACCEPTED, signal), receiver, count)
        for outbox in self._pipelines.outboxes:
            exporter = (own_metrics.EXPORTER, outbox.exporter)
            waiting = [payload.signal for payload in outbox.undelivered]
            for signal, account in outbox.accounts.items():
                sent, failed, unqueued = (
                    item_metric(counted, signal)
                    for counted in (
                        own_metrics.SENT,
                        own_metrics.SEND_FAILED,
                        own_metrics.ENQUEUE_FAILED,
                    )
                )
                yield Point(sent, (exporter,), account.exported)
                for reason, count in account.dropped.items():
                    if reason == BUFFER_FULL:
                        yield Point(unqueued, (exporter,), count)
                    else:
                        yield Point(failed, (exporter, (own_metrics.ERROR_TYPE, reason)), count)
                data_type = (own_metrics.DATA_TYPE, signal.name)
                yield Point(own_metrics.QUEUE_SIZE, (exporter, data_type), waiting.count(signal))
