"""OpenTelemetry's SDK: the only importer of ``opentelemetry.sdk``.

Importing this module imports the SDK, the layer's or the customer's own, whichever is first
on ``sys.path``. Do it inside ``stand_ins.cheap_imports``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield
from otel_layer.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.context.context import Context
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.sdk.trace import Span

__all__ = [
    "ReadableSpan",
    "provider_name",
    "sdk_version",
    "service_name",
    "set_propagators",
    "start",
]

_PROPAGATORS: dict[str, type[TextMapPropagator]] = {
    "tracecontext": TraceContextTextMapPropagator,
    "baggage": W3CBaggagePropagator,
}
"""Those that come with the API: known by name, so that no package metadata is searched."""


class _UrandomIds(IdGenerator):
    """Ids from the kernel.

    The SDK's own come from ``random``, whose state is cloned with a SnapStart snapshot: each
    environment restored from it would make the same ids.
    """

    def generate_span_id(self) -> int:
        """Return 64 random bits, not all zero."""
        return int.from_bytes(os.urandom(8), "big") or self.generate_span_id()

    def generate_trace_id(self) -> int:
        """Return 128 random bits, not all zero."""
        return int.from_bytes(os.urandom(16), "big") or self.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        """Set the flag that lets samplers downstream rely on it (W3C Trace Context 2)."""
        return True


class SampledSpans(SpanProcessor):
    """Shows each sampled span when it has started, and hands it over when it has ended."""

    def __init__(
        self, note: Callable[[ReadableSpan], None], take: Callable[[ReadableSpan], None]
    ) -> None:
        self._note = note
        self._take = take

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  # its signature
        """Show one span, on the thread that started it."""
        if span.get_span_context().trace_flags.sampled:
            self._note(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand over one span, on the thread that ended it."""
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            self._take(span)


class _Provider(TracerProvider):
    """The SDK's provider, without the threads that it starts in every forked child."""

    def _handle_fork(self) -> None:
        # It would run resource detectors in a thread pool, to give the child a
        # service.instance.id. Here the child is the same function in the same environment.
        self._tracers_lock = threading.Lock()


def start(
    attributes: Mapping[str, str | int],
    note: Callable[[ReadableSpan], None],
    take: Callable[[ReadableSpan], None],
) -> trace.Tracer | None:
    """Make the SDK the global provider of tracers, or join the customer's own.

    Sampler and limits are those of the standard variables, which the SDK reads itself; with
    a provider of the customer's, resource, ids and sampler are its own.

    Args:
        attributes: Of the resource.
        note: Gets each sampled span when it has started. It must not raise.
        take: Gets each sampled span once it has ended. It must not raise.

    Returns:
        The tracer of the root spans; None if the global provider is not one of the SDK, so
        that its spans cannot be had.
    """
    # Not get_tracer_provider(): it would make the one that OTEL_PYTHON_TRACER_PROVIDER names.
    present = getattr(trace, "_TRACER_PROVIDER", None)
    if isinstance(present, TracerProvider):
        present.add_span_processor(SampledSpans(note, take))
        return present.get_tracer("otel_layer", VERSION)
    if present is not None:
        return None
    # Lambda ends the process without running exit handlers: nothing is registered.
    provider = _Provider(
        resource=Resource(dict(attributes)), shutdown_on_exit=False, id_generator=_UrandomIds()
    )
    provider.add_span_processor(SampledSpans(note, take))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("otel_layer", VERSION)


def service_name(tracer: trace.Tracer) -> str:
    """Return the ``service.name`` of the spans that a tracer makes, or empty text."""
    resource = getattr(tracer, "resource", None)
    return str(resource.attributes.get("service.name", "")) if resource else ""


def provider_name() -> str:
    """Return the class of the global provider."""
    return type(trace.get_tracer_provider()).__name__


def set_propagators(names: Sequence[str], log: Log, shield: Shield) -> None:
    """Make the propagators of ``OTEL_PROPAGATORS`` the global ones.

    One that is not installed, or cannot be loaded, costs itself, not the traces: ``xray`` is
    in the default of other layers, and not in this one.
    """
    if "none" in names:
        propagate.set_global_textmap(CompositePropagator([]))
        return
    found = []
    for name in dict.fromkeys(names):
        with shield(f"load the propagator {name!r}", "going on without it"):
            propagator = _PROPAGATORS.get(name) or _installed(name)
            if propagator is None:
                log.say(f"OTEL_PROPAGATORS: {name!r} is not installed; going on without it")
            else:
                found.append(propagator())
    propagate.set_global_textmap(CompositePropagator(found))


def _installed(name: str) -> Callable[[], TextMapPropagator] | None:
    from opentelemetry.util._importlib_metadata import (  # noqa: PLC0415  # 20 ms
        entry_points,
    )

    for entry_point in entry_points(group="opentelemetry_propagator", name=name):
        propagator: Callable[[], TextMapPropagator] = entry_point.load()
        return propagator
    return None
