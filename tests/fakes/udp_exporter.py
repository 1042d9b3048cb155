"""An exporter that there is not: ``udp``, which sends each request in a datagram.

It is all that one takes beside its line in `collector_ext.edge.senders.table`, and begins as a
copy of this file would.
"""

from __future__ import annotations

import _socket

from collector_ext.core.config.address import split_address
from collector_ext.core.config.configuration import ExporterSettings
from collector_ext.core.config.kinds import TEXT, Key, ignored
from collector_ext.core.delivery.failures import CONNECTION, Failure
from collector_ext.core.events import Delivered, Failed, Outcome
from collector_ext.core.otlp import SIGNALS, ExportRequest, Signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.configuration import Auth
    from collector_ext.core.config.section import Section
    from collector_ext.edge.log import Log

KEYS = (
    Key("endpoint", TEXT, "", "host:port, to which datagrams are sent"),
    ignored("retry_on_failure", "nobody says whether one has arrived"),
)

_PORT = 9


class Udp(ExporterSettings):
    """To whom datagrams are sent."""

    host: str
    port: int

    def names(self) -> dict[Signal, str]:
        """Return the endpoint for all signals."""
        return dict.fromkeys(SIGNALS, f"udp://{self.host}:{self.port}")

    def rows(self) -> list[tuple[str, str]]:
        """Return what each setting came to."""
        return [("endpoint", f"{self.host}:{self.port}")]

    def peers(self) -> dict[Signal, tuple[str, int]]:
        """Return the endpoint for all signals."""
        return dict.fromkeys(SIGNALS, (self.host, self.port))


def read(section: Section, _authenticators: Mapping[str, Auth]) -> Udp | None:
    """Return the settings that a document has; None when it has no endpoint, which is noted."""
    host, port = split_address(section.read(KEYS)["endpoint"], _PORT)
    if not host or port is None:
        section.complain("has no endpoint; nothing is exported to it")
        return None
    return Udp(section.id, host, port)


def sender_of(
    settings: Udp,
    *,
    own_ports: tuple[int, ...],  # noqa: ARG001 - what all senders are given
    log: Log | None = None,  # noqa: ARG001 - what all senders are given
) -> UdpSender:
    """Return the sender that the settings ask for."""
    return UdpSender(settings)


class UdpSender:
    """Send datagrams."""

    def __init__(self, settings: Udp) -> None:
        self._peer = (settings.host, settings.port)
        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)

    def peer_of(self, _request: ExportRequest) -> object:
        """Return whom a request goes to: there is nobody else."""
        return self

    def send(self, request: ExportRequest, deadline_at: float) -> Outcome:  # noqa: ARG002 - nobody answers
        """Send one request."""
        try:
            self._socket.sendto(request.merged(), self._peer)
        except OSError as fault:
            return Failed(request, Failure(CONNECTION, str(fault), None))
        return Delivered(request, 0, "")

    def close(self) -> None:
        """Keep no socket."""
        self._socket.close()
