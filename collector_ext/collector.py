"""Composition root of what is loaded after the first ``next``: it knows every other module."""

from __future__ import annotations

from collector_ext import settings
from collector_ext.core.actions import INFO, WARN
from collector_ext.core.endpoint import TIMEOUT_S, Endpoint
from collector_ext.core.events import NextFailed
from collector_ext.core.lifecycle import Lifecycle
from collector_ext.core.otlp import Signal
from collector_ext.core.outbox import Outbox
from collector_ext.edge import clock
from collector_ext.edge.exporter import Exporter
from collector_ext.edge.extensions_api import ExtensionsApi
from collector_ext.edge.log import Log
from collector_ext.edge.receiver import Receiver
from collector_ext.edge.telemetry_api import TelemetryApi
from collector_ext.runner import Runner
from collector_ext.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Protocol

    class Listeners(Protocol):
        """What `start` has bound before it registered."""

        receiver: _socket.socket
        telemetry: _socket.socket
        wanted_port: int
        has_telemetry: bool
        remarks: list[str]


PERIOD_S = 5.0
"""Between two exports on Managed Instances, which have no end of an invocation to wait for;
the OpenTelemetry SDK's own delay of a batch."""


def collect(session: Session, listeners: Listeners) -> None:
    """Receive, buffer and export until SHUTDOWN.

    Args:
        session: Registered, the first ``next`` asked for.
        listeners: Owned by the collector from now on.
    """
    options = settings.settings_from(settings.environment())
    log = Log(is_json=options.is_log_json)
    endpoints, remarks = _usable(options.endpoints, listeners)
    if options.complaints and not options.endpoints:
        remarks = []  # One was set, and it is said what is wrong with it.
    for remark in (*listeners.remarks, *options.complaints):
        log.say(WARN, remark)
    for remark in remarks:
        log.say(INFO, remark)
    lifecycle = Lifecycle(
        Outbox({signal: endpoint.name for signal, endpoint in endpoints.items()}),
        flush_timeout_s=max((e.timeout_s for e in endpoints.values()), default=TIMEOUT_S),
        has_telemetry=listeners.has_telemetry,
        period_s=PERIOD_S if options.is_managed_instance else None,
    )
    receiver = Receiver(listeners.receiver)
    telemetry = TelemetryApi(listeners.telemetry) if listeners.has_telemetry else None
    runner = Runner(
        lifecycle,
        extensions_api=ExtensionsApi(session),
        telemetry=telemetry,
        receiver=receiver,
        exporter=Exporter(endpoints, own_port=listeners.receiver.getsockname()[1]),
        say=log.say,
        now=clock.now,
    )
    try:
        runner.run(*(() if session.awaiting_next else (NextFailed("it was not asked for"),)))
    finally:
        receiver.close()
        if telemetry:
            telemetry.close()


def _usable(
    endpoints: dict[Signal, Endpoint], listeners: Listeners
) -> tuple[dict[Signal, Endpoint], list[str]]:
    """Leave out endpoints that are ourselves, which would export in a circle."""
    ports = (listeners.wanted_port, listeners.receiver.getsockname()[1])
    usable = {s: endpoint for s, endpoint in endpoints.items() if not endpoint.is_local(ports)}
    ours = [endpoint.name for endpoint in endpoints.values() if endpoint not in usable.values()]
    if usable:
        return usable, [f"{name} is this collector itself; not exported" for name in ours]
    found = f"{ours[0]} is this collector itself" if ours else "no endpoint is set"
    return {}, [
        f"{found}; nothing is exported until OTEL_EXPORTER_OTLP_ENDPOINT names a remote one"
    ]
