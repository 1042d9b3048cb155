"""Composition root of what is told beside what clients send: by the platform, and by us.

It is loaded where any of it is wanted.
"""

from __future__ import annotations

from collector_ext import settings
from collector_ext.core.actions import WARN
from collector_ext.core.config.resource import resource_of
from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.edge import clock
from collector_ext.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from collector_ext.core.config.delivery import Delivery
    from collector_ext.core.delivery.pipelines import Pipelines
    from collector_ext.core.delivery.report import Report
    from collector_ext.core.function_logs.forwarding import FunctionLogs
    from collector_ext.core.lifecycle import Lifecycle
    from collector_ext.core.otlp import Signal
    from collector_ext.core.platform.metrics import PlatformMetrics
    from collector_ext.core.platform.traces import PlatformTraces
    from collector_ext.edge.log import Log
    from collector_ext.edge.telemetry_api import ReadBatch
    from collector_ext.runner import Core


class Observation:
    """What takes part in the lifecycle, and tells of it.

    Args:
        delivery: What is wanted.
        exported: The signals that have an exporter; what has none is said.
        variables: Of the function.
        log: For that.
        has_telemetry: Whether the platform tells anything.
        has_function_logs: Whether it tells what the function writes.
    """

    def __init__(  # noqa: PLR0913 - what is wanted, and what there is
        self,
        delivery: Delivery,
        exported: Collection[Signal],
        variables: Mapping[str, str],
        log: Log,
        *,
        has_telemetry: bool,
        has_function_logs: bool,
    ) -> None:
        self._variables = variables
        self._log = log
        self._has_telemetry = has_telemetry
        self._has_metrics = delivery.has_own_metrics and METRICS in exported
        self._has_spans = delivery.has_platform_spans and TRACES in exported
        self._has_logs = delivery.has_function_logs and LOGS in exported and has_function_logs
        if delivery.has_own_metrics and not self._has_metrics:
            log.say(WARN, "OTEL_LAYER_METRICS=true, and no exporter of metrics; no effect")
        if delivery.has_platform_spans and not self._has_spans:
            log.say(WARN, "OTEL_LAYER_PLATFORM_SPANS=true, and no exporter of traces; no effect")
        if delivery.has_function_logs and LOGS not in exported:
            log.say(WARN, "OTEL_LAYER_FUNCTION_LOGS=true, and no exporter of logs; no effect")
        self._metrics = self._platform_metrics()

    def report(self, pipelines: Pipelines) -> Report | None:
        """Return what tells the collector's own counters, and the platform's figures."""
        if not self._has_metrics:
            return None
        from collector_ext.core.delivery.report import Report  # noqa: PLC0415 - if wanted

        resource = resource_of(self._variables)
        return Report(pipelines, resource, VERSION, clock.now(), platform=self._metrics)

    def around(self, lifecycle: Lifecycle) -> tuple[Core, ReadBatch] | None:
        """Return what the loop drives in the lifecycle's place, and what reads telemetry for it.

        Returns:
            None where the lifecycle, and what it reads, are all there is.
        """
        traces, logs = self._platform_traces(), self._function_logs()
        if traces is None and self._metrics is None and logs is None:
            return None
        from collector_ext.core.platform import records  # noqa: PLC0415 - where it is wanted
        from collector_ext.core.platform.observed import Observed  # noqa: PLC0415 - likewise

        observed = Observed(lifecycle, traces, self._metrics, logs)
        if logs is None:
            return observed, records.events_in
        from collector_ext.core.function_logs import batch  # noqa: PLC0415 - likewise

        return observed, batch.events_in

    def _platform_metrics(self) -> PlatformMetrics | None:
        if not (self._has_metrics and self._has_telemetry):
            return None
        from collector_ext.core.platform.metrics import PlatformMetrics  # noqa: PLC0415 - if wanted
        from collector_ext.core.platform.price import prices_from  # noqa: PLC0415 - likewise

        prices, remarks = prices_from(self._variables, settings.architecture())
        for remark in remarks:
            self._log.say(WARN, remark)
        return PlatformMetrics(prices, resource_of(self._variables), VERSION)

    def _platform_traces(self) -> PlatformTraces | None:
        if not (self._has_spans and self._has_telemetry):
            return None
        from collector_ext.core.platform.traces import PlatformTraces  # noqa: PLC0415 - if wanted

        return PlatformTraces(VERSION)

    def _function_logs(self) -> FunctionLogs | None:
        if not self._has_logs:
            return None
        from collector_ext.core.function_logs.forwarding import FunctionLogs  # noqa: PLC0415

        is_concurrent = settings.settings_from(self._variables).is_managed_instance
        return FunctionLogs(resource_of(self._variables), VERSION, is_concurrent=is_concurrent)
