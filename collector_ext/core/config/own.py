"""Exporters that are this collector itself, which would export in a circle."""

from __future__ import annotations

from collector_ext.core.config.address import is_loopback
from collector_ext.core.config.configuration import Configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.configuration import ExporterSettings
    from collector_ext.core.otlp import Signal

NOTHING_IS_SET = "no endpoint is set"


def without_ourselves(
    configuration: Configuration, own_ports: tuple[int, ...]
) -> tuple[Configuration, list[str]]:
    """Leave out exporters that are ourselves.

    Users of other layers have ``http://localhost:4318`` as their endpoint.

    Args:
        configuration: All of it.
        own_ports: Of our receivers.

    Returns:
        What is left, and what to say about the rest; or about there being nothing.
    """
    ours: dict[str, None] = {}
    exporters: dict[str, ExporterSettings] = {}
    for name, exporter in configuration.exporters.items():
        own = _own_signals(exporter, own_ports)
        ours.update(dict.fromkeys(place for s, place in exporter.names().items() if s in own))
        left = exporter.without(own) if own else exporter
        if left is not None:
            exporters[name] = left
    usable = Configuration(**{**configuration.__dict__, "exporters": exporters})
    if exporters:
        return usable, [f"{place} is this collector itself; not exported" for place in ours]
    found = f"{next(iter(ours))} is this collector itself" if ours else NOTHING_IS_SET
    advice = "nothing is exported until OTEL_EXPORTER_OTLP_ENDPOINT names a remote one"
    return usable, [f"{found}; {advice}"]


def _own_signals(exporter: ExporterSettings, own_ports: tuple[int, ...]) -> set[Signal]:
    peers = exporter.peers().items()
    return {s for s, (host, port) in peers if port in own_ports and is_loopback(host)}
