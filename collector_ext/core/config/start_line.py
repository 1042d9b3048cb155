"""The one line of a start: what is exported where, and how. No secret is in it."""

from __future__ import annotations

from collector_ext.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector_ext.core.config.configuration import Configuration, ExporterSettings
    from collector_ext.core.otlp import Signal


def start_line(configuration: Configuration, exporters: Iterable[str]) -> str:
    """Return it.

    Args:
        configuration: All of it.
        exporters: The ids of those that can be used, at least one.
    """
    sentences = [
        _sentence(configuration.exporters[name], _signals_of(name, configuration))
        for name in exporters
    ]
    return f"version {VERSION} exports " + "; ".join(sentences)


def _signals_of(exporter: str, configuration: Configuration) -> set[Signal]:
    return {
        pipeline.signal for pipeline in configuration.pipelines if exporter in pipeline.exporters
    }


def _sentence(exporter: ExporterSettings, signals: set[Signal]) -> str:
    places: dict[str, list[str]] = {}
    for signal, place in exporter.names().items():
        if signal not in signals:
            continue
        host = place.removesuffix(signal.path)
        places.setdefault(host, []).append(signal.name)
    where = " and ".join(f"{', '.join(names)} to {host}" for host, names in places.items())
    return f"{where} ({', '.join(exporter.manner())})"
