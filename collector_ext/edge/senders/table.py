"""Which module sends for which settings. Each is loaded when it is configured.

A new exporter is one new module here, with ``sender_of``, and one line.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.configuration import ExporterSettings
    from collector_ext.edge.exporter import Sender
    from collector_ext.edge.log import Log

MODULES = {
    "OtlpHttp": "collector_ext.edge.senders.otlp_http",
    "OtlpGrpc": "collector_ext.edge.senders.otlp_grpc",
    "Debug": "collector_ext.edge.senders.debug",
    "File": "collector_ext.edge.senders.file",
}


def sender_of(settings: ExporterSettings, *, own_ports: tuple[int, ...], log: Log) -> Sender:
    """Return the sender that the settings ask for.

    Args:
        settings: Of an exporter.
        own_ports: Of our receivers, to which nothing must ever be exported.
        log: Where an exporter may write telemetry.

    Raises:
        ValueError: It cannot be used; the message is a clause that says why.
    """
    # With a name to be taken from it, `__import__` returns the module and not its package.
    module = __import__(MODULES[type(settings).__name__], fromlist=["sender_of"])
    sender: Sender = module.sender_of(settings, own_ports=own_ports, log=log)
    return sender
