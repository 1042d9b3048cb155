"""Composition root: the only module that knows every other.

What activation imports is imported here, inside functions: until the runtime looks for its
handler it is not known whether any of it is needed, nor is ``sys.path`` final.
"""

# ruff: noqa: PLC0415  # the price of each import is paid where it is needed, see above

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

import otel_layer
from otel_layer.edge import runtime
from otel_layer.edge.bootstrap import Handler, Trace
from otel_layer.edge.import_hook import ImportHook
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield
from otel_layer.settings import OWN_HANDLER, SettingError, Settings, corrected, swap_handler

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from otel_layer.edge.invocation import Invocations
    from otel_layer.edge.local_exporter import LocalExporter

PACKAGE_FOLDER = f"{otel_layer.__path__[0]}/"
_LIBRARIES = otel_layer.__path__[0].rpartition("/")[0]
"""Where the layer's packages lie: ours, the SDK, the instrumentors."""


class Layer:
    """The layer in one process: activated at most once."""

    def __init__(self, settings: Settings, hook: ImportHook) -> None:
        self._settings = settings
        self._hook = hook
        self._log = Log(as_json=settings.has_json_logs)
        self._shield = Shield(self._log)
        self._trace: Trace | None = None
        self._tell_failure: Callable[[BaseException], None] | None = None
        self._replaced_handler = ""
        self._traces_found_handler = False

    def meet_runtime(self, bootstrap: ModuleType) -> None:
        """Have the runtime's handler traced.

        Args:
            bootstrap: The runtime's main module, just imported.
        """
        runtime.hide_our_frames(bootstrap, PACKAGE_FOLDER)
        self._traces_found_handler = runtime.trace_found_handler(
            bootstrap, self.activate, self._init_failed
        )
        if not self._traces_found_handler:
            self._replaced_handler = swap_handler(OWN_HANDLER) or ""

    def _init_failed(self, exception: BaseException) -> None:
        if self._tell_failure is not None:
            self._tell_failure(exception)

    def join_runtime(self) -> None:
        """Activate in code that runs already, and have a running runtime's handler traced."""
        trace = self.activate()
        bootstrap = runtime.running_bootstrap()
        if bootstrap is not None and not self._traces_found_handler:
            runtime.hide_our_frames(bootstrap, PACKAGE_FOLDER)
            runtime.trace_called_handler(bootstrap, trace)

    def configured_handler(self) -> Handler:
        """Find and trace the customer's handler, when the runtime was given ours instead.

        Raises:
            SettingError: It is not known which handler is the customer's.
        """
        name = self._replaced_handler or self._settings.handler
        if name in ("", OWN_HANDLER):
            message = f"OTEL_LAYER_HANDLER={name!r} does not name the function's own handler"
            raise SettingError(message)
        swap_handler(name)  # as the customer's code expects to read it
        trace = self.activate()
        bootstrap = runtime.running_bootstrap()
        find = runtime.finder(bootstrap)
        if find is None:
            from otel_layer.edge.handler_loader import load

            find = load
        elif bootstrap is not None and not self._traces_found_handler:
            runtime.hide_our_frames(bootstrap, PACKAGE_FOLDER)
        try:
            handler = find(name)
        except BaseException as exception:
            self._init_failed(exception)
            raise
        return trace(handler)

    def activate(self) -> Trace:
        """Start the SDK and instrument the libraries, the first time.

        Returns:
            What makes a handler a traced one; after a fault of ours, what leaves it as it is.
        """
        if self._trace is None:
            self._trace = _untraced
            with self._shield("start tracing", "the function runs without traces"):
                self._trace = self._activated()
        return self._trace

    def _activated(self) -> Trace:
        settings = self._settings
        for complaint in settings.complaints:
            self._log.say(complaint)
        if not settings.is_enabled:
            return _untraced
        if _LIBRARIES not in sys.path:
            sys.path.append(_LIBRARIES)  # last: everything of the customer's goes first

        from otel_layer.core import resource
        from otel_layer.edge import collector
        from otel_layer.edge.local_exporter import LocalExporter
        from otel_layer.edge.stand_ins import cheap_imports

        with cheap_imports(), corrected(settings.sdk_environ):
            from otel_layer.edge import sdk
            from otel_layer.edge.instrumentors import instrument

            whereabouts = collector.Whereabouts(settings.runtime_api)
            exporter = LocalExporter(
                whereabouts.port, self._log, self._shield, own_collector=whereabouts.is_own
            )
            attributes = resource.attributes(
                settings.environ, sdk.sdk_version, settings.resource_attributes
            )
            tracer = sdk.start(attributes, exporter.note, exporter.take)
        if tracer is None:
            self._log.say(
                f"the global tracer provider is a {sdk.provider_name()}, not the SDK's;"
                " the function runs without traces of ours"
            )
            return _untraced
        sdk.set_propagators(settings.propagators, self._log, self._shield)
        invocations = self._invocations(tracer, exporter)
        instrument(self._hook, settings.disabled_instrumentations, self._shield)
        self._correlate_logs(invocations, sdk.service_name(tracer))
        self._offer_other_signals(exporter, tracer, invocations)
        return self._tracing(invocations)

    def _invocations(self, tracer: Tracer, exporter: LocalExporter) -> Invocations:
        from otel_layer.edge.deadline_timer import DeadlineTimer
        from otel_layer.edge.invocation import Function, Invocations

        settings = self._settings
        function = Function(
            settings.function_name, settings.function_version, settings.initialization_type
        )
        timer = DeadlineTimer(exporter.snapshot, self._shield)
        return Invocations(function, tracer, exporter, timer, self._shield)

    def _tracing(self, invocations: Invocations) -> Trace:
        from otel_layer.edge.bootstrap import TracedHandler

        self._tell_failure = invocations.init_failed
        invocations.ends_when_posted = runtime.announce_posts(invocations)

        def trace(handler: Handler) -> Handler:
            self._hook.catch_up()
            if isinstance(handler, TracedHandler):
                return handler
            return TracedHandler(handler, invocations)

        return trace

    def _correlate_logs(self, invocations: Invocations, service_name: str) -> None:
        settings = self._settings
        if not settings.correlates_logs:
            return
        with self._shield("give log records their trace", "they have no trace ids"):
            from otel_layer.core.correlation import for_json, for_text
            from otel_layer.edge import log_records

            families = [for_json] if settings.has_json_logs else [for_text]
            if settings.has_json_logs and settings.logs.show_trace:
                families.append(for_text)
            found = log_records.Correlation(invocations.span_context, service_name, families)
            log_records.correlate(found, self._shield)
            if settings.logs.show_trace and not settings.has_json_logs:
                log_records.show_in_lines(runtime.log_handlers(), settings.logs.format, self._log)

    def _offer_other_signals(
        self, exporter: LocalExporter, tracer: Tracer, invocations: Invocations
    ) -> None:
        with self._shield("offer metrics and log records", "they are not exported"):
            from otel_layer.edge.late_signals import LateSignals

            metrics, logs = self._settings.metrics, self._settings.logs
            prepared = partial(corrected, self._settings.sdk_environ)
            late = LateSignals(self._hook, exporter, tracer, prepared, self._shield)
            if metrics.are_exported:
                late.offer_metrics(
                    self._log,
                    metrics.temporality,
                    has_exponential=metrics.have_exponential_histograms,
                    has_http=metrics.include_http,
                )
            if logs.are_exported:
                late.offer_logs(invocations.span_context, has_logging=logs.include_logging)


def _untraced(handler: Handler) -> Handler:
    return handler


_layer: list[Layer] = []


def layer(hook: ImportHook | None = None) -> Layer:
    """Return the layer of this process, made at the first call.

    Args:
        hook: The import hook that is installed already; else one is installed.
    """
    if not _layer:
        if hook is None:
            hook = ImportHook()
            hook.install()
        _layer.append(Layer(Settings(), hook))
    return _layer[0]
