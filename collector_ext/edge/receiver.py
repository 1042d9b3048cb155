"""Receives OTLP over HTTP from the function, on loopback.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

from collector_ext.core import otlp_http
from collector_ext.core.events import END, START, ClientGone, PayloadReceived, RequestRefused
from collector_ext.edge.http_server import HttpServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterator

    from collector_ext.core.http1 import HttpError, Request

    LocalEvent = PayloadReceived | RequestRefused | ClientGone


class Receiver:
    """Turn what clients post into events; they are answered before the event is handled.

    That is right because no payload is ever refused for want of room: the oldest makes it.
    """

    def __init__(self, listener: _socket.socket) -> None:
        self._events: list[LocalEvent] = []
        self._invocations: dict[int, str] = {}  # by connection: whose start came, and no end
        self._server = HttpServer(
            listener,
            respond=self._respond,
            refuse=self._refuse,
            body_bytes_max=otlp_http.BODY_BYTES_MAX,
            closed=self._closed,
        )
        self.interests = self._server.interests
        self.close = self._server.close

    def events(self) -> Iterator[LocalEvent]:
        """Read all connections dry; yield what was posted, in the order of each connection.

        One at a time: inflated, it can be a thousand times what the kernel holds, and only
        whoever handles it has a bound for all of it.
        """
        for _ in self._server.read_dry():
            while self._events:
                yield self._events.pop(0)
        # Those who have left: after all that anybody had to say.
        gone, self._events = self._events, []
        yield from gone

    def _respond(self, request: Request, connection: int) -> bytes:
        response, event = otlp_http.receive(request)
        self._events.append(event)
        if isinstance(event, PayloadReceived) and event.phase == START:
            self._invocations[connection] = event.request_id
        elif isinstance(event, PayloadReceived) and event.phase == END:
            self._invocations.pop(connection, None)
        return response

    def _closed(self, connection: int) -> None:
        request_id = self._invocations.pop(connection, "")
        if request_id:
            self._events.append(ClientGone(request_id))

    def _refuse(self, fault: HttpError) -> bytes:
        self._events.append(RequestRefused(fault.status, str(fault)))
        return otlp_http.refuse(fault.status, str(fault), keep_alive=False)
