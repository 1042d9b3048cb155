"""The SDK's log records, without its thread: sent as spans are.

Importing this module imports ``opentelemetry.sdk._logs``: 5 ms.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import _internal as api  # what keeps the API's providers
from opentelemetry._logs._internal import ProxyLogger
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler, LogRecordProcessor

from otel_layer.core.otlp_logs import LogEncoder, without_correlation
from otel_layer.core.signals import LOGS
from otel_layer.edge.late_providers import is_ours
from otel_layer.edge.local_exporter import LocalExporter
from otel_layer.edge.shield import Shield

if TYPE_CHECKING:
    import logging

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import SpanContext


class _Processor(LogRecordProcessor):
    """Hands over each record when it is made."""

    def __init__(self, take: Callable[[Any], None], flush: Callable[[], None]) -> None:
        self._take = take
        self._flush = flush

    def on_emit(self, log_record: Any) -> None:  # noqa: ANN401  # the SDK has renamed its class
        """Hand over one record, on the thread that made it."""
        self._take(log_record)

    emit = on_emit  # its name until 1.35

    def force_flush(self, timeout_millis: int = 0) -> bool:  # noqa: ARG002  # its signature
        """Send what waits."""
        self._flush()
        return True

    def shutdown(self) -> None:
        """Send what waits."""
        self._flush()


class _Provider(LoggerProvider):
    """What ``get_logger_provider()`` returns once the SDK is there."""

    def __init__(self, proxy: Any, resource: Resource) -> None:  # noqa: ANN401  # the API's provider
        super().__init__(resource=resource, shutdown_on_exit=False)
        self.get_own_logger = super().get_logger
        self.get_logger = proxy.get_logger  # type: ignore[method-assign]  # as in sdk_metrics.py

    def _handle_fork(self) -> None:
        # As in sdk.py: no threads in the child, to detect what it is.
        self._logger_cache_lock = threading.Lock()
        self._active_loggers_lock = threading.Lock()


class _Logger(ProxyLogger):
    """A logger of the API's, which asks each time whether the function has set a provider."""

    is_own: Callable[[], bool]
    get_own: Callable[[], Any]

    @property
    def _logger(self) -> Any:  # noqa: ANN401  # the API's
        return self.get_own() if self.is_own() else super()._logger

    @property
    def resource(self) -> Resource:
        """Return the resource, for which the SDK's handler asked its loggers until 1.35."""
        resource: Resource = self._logger.resource
        return resource


class Logs:
    """What the function logs, from its loggers to the collector."""

    def __init__(
        self,
        resource: Resource,
        exporter: LocalExporter,
        span_context: Callable[[], SpanContext | None],
        shield: Shield,
    ) -> None:
        """Make the SDK's provider.

        Args:
            resource: That of the spans.
            exporter: To the collector.
            span_context: Returns that of the span that the running code belongs to.
            shield: For faults of ours.
        """
        self._exporter = exporter
        self._span_context = span_context
        self._service_name = str(resource.attributes.get("service.name", ""))
        self._faults = shield("export a log record", "log records are lost")
        self._encoder = LogEncoder()
        proxy = api._PROXY_LOGGER_PROVIDER  # noqa: SLF001  # see late_providers
        self._provider = _Provider(proxy, resource)
        self._provider.add_log_record_processor(_Processor(self._take, self._flush))
        api._PROXY_LOGGER_PROVIDER = self._provider  # type: ignore[assignment]  # noqa: SLF001  # as above

    def logger(self, *args: Any, **kwargs: Any) -> _Logger:  # noqa: ANN401  # the API's
        """Return a logger; the arguments are those of the API's ``get_logger``."""
        made = _Logger(*args, **kwargs)
        made.is_own = self._is_used
        made.get_own = functools.partial(self._provider.get_own_logger, *args, **kwargs)
        return made

    def _is_used(self) -> bool:
        return is_ours(api._LOGGER_PROVIDER, self._provider)  # noqa: SLF001  # as above

    def _take(self, emitted: Any) -> None:  # noqa: ANN401  # as in on_emit
        with self._faults:
            record = emitted.log_record
            context = None if record.trace_id else self._span_context()
            if context is not None:  # on a thread that was started without it
                record.trace_id, record.span_id = context.trace_id, context.span_id
                record.trace_flags = context.trace_flags
            span = (record.trace_id, record.span_id, record.trace_flags)
            attributes = without_correlation(record.attributes or {}, span, self._service_name)
            # On the record itself until 1.35.
            resource = getattr(emitted, "resource", None) or record.resource
            encoded = self._encoder.encode_record(
                record, attributes, resource, emitted.instrumentation_scope
            )
            self._exporter.hand_over(LOGS, [encoded], at_once=False)

    def _flush(self) -> None:
        with self._faults:
            self._exporter.hand_over(LOGS, [])


def logging_handler() -> logging.Handler:
    """Make the SDK's handler of ``logging``, which says that it will move, to whom it may help."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LoggingHandler()
