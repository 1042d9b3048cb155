"""The configuration that a command is about."""

from __future__ import annotations

from collector_ext.edge import config_sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.edge.config_sources import Source

RECEIVER_PORT = "OTEL_LAYER_RECEIVER_PORT"


def source_of(file: str | None, variables: Mapping[str, str]) -> Source:
    """Return the source to look at.

    Args:
        file: A document, by its path or URI; None for what the environment says.
        variables: Of the environment.
    """
    if file is None:
        return config_sources.source_from(variables)
    return config_sources.document(file, without_endpoints(variables), named_by="")


def without_endpoints(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those that a document that cannot be read falls back to."""
    return {n: value for n, value in variables.items() if not n.startswith("OTEL_EXPORTER_OTLP_")}


def receiver_port(variables: Mapping[str, str]) -> str:
    """Return the port of OTLP/HTTP, as text."""
    return variables.get(RECEIVER_PORT, "").strip() or "4318"
