"""The configuration in words that a person likes to read; no secret is among them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.configuration import Configuration, ExporterSettings

NOWHERE = "nowhere: it has no endpoint for these"


def pipelines(configuration: Configuration, http_port: str) -> list[str]:
    """Return the effective pipelines as lines, one block for each.

    Args:
        configuration: All of it.
        http_port: Of the receiver for OTLP/HTTP.
    """
    grpc = configuration.grpc_receiver
    received = f"OTLP/HTTP on 127.0.0.1:{http_port}"
    received += f", OTLP/gRPC on {grpc.host}:{grpc.port}" if grpc else ""
    lines: list[str] = []
    for pipeline in configuration.pipelines:
        lines += [pipeline.id, f"    {received}"]
        lines += [f"    -> {name}" for name, _ in pipeline.processors]
        for name in pipeline.exporters:
            place = configuration.exporters[name].names().get(pipeline.signal, NOWHERE)
            lines.append(f"    => {name}: {place}")
    return lines


def settings(exporter: ExporterSettings) -> list[str]:
    """Return what each setting of an exporter came to, as lines."""
    rows = exporter.rows()
    width = max(len(name) for name, _ in rows)
    return [exporter.id, *(f"    {name:<{width}}  {value}" for name, value in rows)]
