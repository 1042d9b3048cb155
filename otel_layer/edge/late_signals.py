"""Metrics and log records, of functions that record any: what is made for them, and when.

Nothing is imported here that a function which records none does not have already.
"""

# ruff: noqa: PLC0415  # the SDK's metrics and logs are imported when they are needed

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from otel_layer.edge.import_hook import ImportHook
from otel_layer.edge.instrumentors import INSTRUMENTORS
from otel_layer.edge.late_providers import offer_loggers, offer_meters
from otel_layer.edge.local_exporter import LocalExporter
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield
from otel_layer.edge.stand_ins import cheap_imports

if TYPE_CHECKING:
    import logging
    from contextlib import AbstractContextManager

    from opentelemetry.trace import SpanContext, Tracer

    from otel_layer.edge.sdk_logs import Logs
    from otel_layer.edge.sdk_metrics import Metrics


class LateSignals:
    """What both signals are made of."""

    def __init__(
        self,
        hook: ImportHook,
        exporter: LocalExporter,
        tracer: Tracer,
        prepared: Callable[[], AbstractContextManager[None]],
        shield: Shield,
    ) -> None:
        """Prepare.

        Args:
            hook: Tells when the API has been imported.
            exporter: To the collector.
            tracer: Of the spans, whose resource all signals share.
            prepared: The environment in which the SDK is imported.
            shield: For faults of ours and of the SDK.
        """
        self._hook = hook
        self._exporter = exporter
        self._resource: Any = getattr(tracer, "resource", None)
        self._prepared = prepared
        self._shield = shield

    def offer_metrics(
        self, log: Log, temporality: str, *, has_exponential: bool, has_http: bool
    ) -> None:
        """Have the function's metrics exported.

        Args:
            log: For callbacks that are slow.
            temporality: Preferred: delta, cumulative or lowmemory.
            has_exponential: Whether histograms are exponential unless a view says otherwise.
            has_http: Whether the instrumentors of HTTP clients get meters, too. They ask for
                them in each function that makes a call.
        """

        def make() -> Metrics:
            with cheap_imports(), self._prepared():
                from otel_layer.edge import sdk_metrics

                preferences = sdk_metrics.Preferences(temporality, has_exponential)
                return sdk_metrics.Metrics(
                    self._resource, self._exporter, log, self._shield, preferences
                )

        left_out = () if has_http else [module for module, _ in INSTRUMENTORS.values()]
        offer_meters(self._hook, make, left_out, self._shield)

    def offer_logs(
        self, span_context: Callable[[], SpanContext | None], *, has_logging: bool
    ) -> None:
        """Have the function's log records exported.

        Args:
            span_context: Returns that of the span that the running code belongs to.
            has_logging: Whether what is logged with ``logging`` is among them.
        """

        def make() -> Logs:
            with cheap_imports(), self._prepared():
                from otel_layer.edge import sdk_logs

                return sdk_logs.Logs(self._resource, self._exporter, span_context, self._shield)

        offer_loggers(self._hook, make, self._shield)
        if has_logging:
            import logging

            from otel_layer.edge.root_log_handler import RootLogHandler

            logging.getLogger().addHandler(RootLogHandler(self._logging_handler, self._shield))

    def _logging_handler(self) -> logging.Handler:
        with cheap_imports(), self._prepared():
            from otel_layer.edge.sdk_logs import logging_handler

            return logging_handler()
