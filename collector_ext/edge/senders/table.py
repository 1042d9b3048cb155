"""Which types of exporters there are, and which module each is.

An exporter's module has

- ``KEYS``, the table of its keys, which documents are read by and documented from;
- ``read(section, authenticators)``, which returns its settings, a value of its own kind of
  `ExporterSettings`, or ``None`` when it cannot work, which it notes;
- ``sender_of(settings, *, own_ports, log)``, which returns the `Sender` that they ask for.

It is imported when it is configured. A new exporter is one such module, and a line here.
"""

from __future__ import annotations

from collector_ext.core.config.configuration import type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from collector_ext.core.config.components import Read
    from collector_ext.core.config.configuration import Auth, ExporterSettings
    from collector_ext.core.config.section import Section
    from collector_ext.edge.exporter import Sender
    from collector_ext.edge.log import Log

_HERE = "collector_ext.edge.senders"

MODULES = {
    "otlp_http": f"{_HERE}.otlp_http",
    "otlphttp": f"{_HERE}.otlp_http",
    "otlp_grpc": f"{_HERE}.otlp_grpc",
    "otlp": f"{_HERE}.otlp_grpc",
    "debug": f"{_HERE}.debug",
    "logging": f"{_HERE}.debug",
    "file": f"{_HERE}.file",
}
"""The type of the component, old and new names alike: its module."""


def readers() -> dict[str, Read]:
    """Return by each type what reads the section of such an exporter."""
    return {component_type: _reader(component_type) for component_type in MODULES}


def sender_of(settings: ExporterSettings, *, own_ports: tuple[int, ...], log: Log) -> Sender:
    """Return the sender that the settings ask for.

    Args:
        settings: Of an exporter.
        own_ports: Of our receivers, to which nothing must ever be exported.
        log: Where an exporter may write telemetry.

    Raises:
        ValueError: It cannot be used; the message is a clause that says why.
    """
    module = _module(type_of(settings.id))
    sender: Sender = module.sender_of(settings, own_ports=own_ports, log=log)
    return sender


def _reader(component_type: str) -> Read:
    def read(section: Section, authenticators: Mapping[str, Auth]) -> ExporterSettings | None:
        found: ExporterSettings | None = _module(component_type).read(section, authenticators)
        return found

    return read


def _module(component_type: str) -> Any:  # noqa: ANN401 - a module
    # With a name to be taken from it, `__import__` returns the module and not its package.
    return __import__(MODULES[component_type], fromlist=["sender_of"])
