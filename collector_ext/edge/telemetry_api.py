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
    from collections.abc import Callable, Sequence

    from collector_ext.core.events import FunctionLogged, PlatformReported
    from collector_ext.core.http1 import HttpError, Request
    from collector_ext.core.telemetry import PlatformEvent

    Told = PlatformEvent | PlatformReported | FunctionLogged
    ReadBatch = Callable[[bytes, float], Sequence[Told]]

_BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Lambda posts up to twice the subscription's maxBytes (262144) and some metadata. Whether that
is counted as JSON is not documented: what a function writes may be six times as long in it."""

_OK = 200


class TelemetryApi:
    """Turn batches into events. Any path, and 200 for everything, or Lambda sends it again.

    Args:
        listener: Where Lambda posts them.
        read: Makes events of a batch and the time, in seconds since the epoch.
    """

    def __init__(self, listener: _socket.socket, read: ReadBatch = telemetry.events_in) -> None:
        self._events: list[Told] = []
        self._read = read
        self._server = HttpServer(
            listener,
            respond=self._respond,
            refuse=_refuse,
            body_bytes_max=_BATCH_BYTES_MAX,
        )
        self.interests = self._server.interests
        self.close = self._server.close

    def events(self) -> list[Told]:
        """Read all connections dry; return what they told of invocations."""
        for _ in self._server.read_dry():
            pass  # These are small, and each is one of the few that invocations have.
        events, self._events = self._events, []
        return events

    def _respond(self, request: Request, _: int) -> bytes:
        self._events += self._read(request.body, clock.now())
        return empty_response(_OK, keep_alive=request.keep_alive)


def _refuse(fault: HttpError) -> bytes:
    return empty_response(fault.status, keep_alive=False)
