"""What an exporter is called when it is spoken of: without secrets."""

from __future__ import annotations

from collector_ext.core.config.address import name_of
from collector_ext.core.config.configuration import Debug, ExporterSettings, OtlpGrpc, OtlpHttp
from collector_ext.core.otlp import SIGNALS, Signal


def names_of(exporter: ExporterSettings) -> dict[Signal, str]:
    """Return where each signal goes, as people are told; signals that go nowhere are left out."""
    if isinstance(exporter, OtlpHttp):
        return {s: name_of(destination) for s, destination in exporter.destinations.items()}
    if isinstance(exporter, OtlpGrpc):
        return {s: f"grpc://{target}" for s, target in exporter.targets.items()}
    return dict.fromkeys(SIGNALS, "the log" if isinstance(exporter, Debug) else exporter.path)
