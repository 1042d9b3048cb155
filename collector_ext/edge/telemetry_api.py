"""Receives the platform's telemetry: batches of records that Lambda posts to us.

Specification: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

from collector_ext.core import telemetry
from collector_ext.edge import clock
from collector_ext.edge.http_server import HttpServer, empty_response

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from collector_ext.core.http1 import HttpError, Request
    from collector_ext.core.telemetry import PlatformEvent

_BATCH_BYTES_MAX = 1024 * 1024
"""Lambda posts up to twice the subscription's maxBytes (262144) and some metadata."""

_OK = 200


class TelemetryApi:
    """Turn batches into events. Any path, and 200 for everything, or Lambda sends it again."""

    def __init__(self, listener: _socket.socket) -> None:
        self._events: list[PlatformEvent] = []
        self._server = HttpServer(
            listener,
            respond=self._respond,
            refuse=_refuse,
            body_bytes_max=_BATCH_BYTES_MAX,
        )
        self.interests = self._server.interests
        self.close = self._server.close

    def events(self) -> list[PlatformEvent]:
        """Read all connections dry; return what they told of."""
        for _ in self._server.read_dry():
            pass  # What is read of a batch is small, and there is little of it.
        events, self._events = self._events, []
        return events

    def _respond(self, request: Request, _: int) -> bytes:
        self._events += telemetry.events_in(request.body, clock.now())
        return empty_response(_OK, keep_alive=request.keep_alive)


def _refuse(fault: HttpError) -> bytes:
    return empty_response(fault.status, keep_alive=False)
