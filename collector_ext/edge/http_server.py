"""A small HTTP/1.1 server, without threads and without waiting: it reads what has come.

Specification: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import _socket
import select

from collector_ext.core import http1
from collector_ext.core.http1 import HttpError, Request, RequestReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTION_COUNT_MAX = 128
"""Lambda gives a process 1024 descriptors; beyond this the one silent longest is closed."""

_RECEIVE_BYTES = 256 * 1024

_ROUND_COUNT_MAX = 256
"""A client that sends faster than we read is left after this many rounds: platform events must
have their turn. 256 times 256 kB is more than the largest body."""

_UNSENT_BYTES_MAX = 64 * 1024
"""Answers a client may leave unread before its connection is closed."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Connection:
    """One client: its socket, what it has sent, what it has not read."""

    def __init__(self, socket: _socket.socket, *, body_bytes_max: int) -> None:
        self.socket = socket
        self.reader = RequestReader(body_bytes_max=body_bytes_max)
        self.unsent = b""
        self.is_closing = False  # nothing more is answered after `unsent`
        self.is_deaf = False  # the client is gone: it hears no answer, but what it sent counts
        self.is_shut_down = False  # all is sent; read on, or the kernel resets what was sent


class HttpServer:
    """Serve the connections of one listener.

    Args:
        listener: Bound and listening; owned by the server from now on.
        respond: Returns the serialised response to a request, whose connection has this number;
            another one may have it once it was closed.
        refuse: Returns the serialised response to bytes that are not HTTP.
        body_bytes_max: Larger bodies are refused with 413.
        closed: Called with the number of a connection that a client has closed.
    """

    def __init__(
        self,
        listener: _socket.socket,
        *,
        respond: Callable[[Request, int], bytes],
        refuse: Callable[[HttpError], bytes],
        body_bytes_max: int,
        closed: Callable[[int], None] | None = None,
    ) -> None:
        listener.settimeout(0)
        self._listener = listener
        self._respond = respond
        self._refuse = refuse
        self._closed = closed
        self._body_bytes_max = body_bytes_max
        self._connections: dict[int, _Connection] = {}  # by descriptor, silent longest first

    def interests(self) -> list[tuple[int, int]]:
        """Return descriptors and the poll events that are a reason to call ``read_dry``."""
        interests = [(self._listener.fileno(), select.POLLIN)]
        for fileno, connection in self._connections.items():
            events = select.POLLIN | (select.POLLOUT if connection.unsent else 0)
            interests.append((fileno, events))
        return interests

    def read_dry(self) -> Iterator[None]:
        """Respond to every request that has come, until the kernel holds nothing more.

        Yields:
            After each response: what became of the request is to be dealt with before the
            next one takes memory.
        """
        for _ in range(_ROUND_COUNT_MAX):
            is_dry = not self._accept()
            for connection in list(self._connections.values()):
                if self._receive(connection):
                    is_dry = False
                    yield from self._respond_to_all(connection)
            if is_dry:
                break

    def close(self) -> None:
        """Close the listener and every connection."""
        self._listener.close()
        for connection in list(self._connections.values()):
            self._close(connection)

    def _accept(self) -> bool:
        try:
            # What `socket.accept` is made of; importing `socket` costs 8 ms.
            fileno, _ = self._listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001
        except OSError:
            return False  # Nobody waits, or whoever waited is gone.
        socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, fileno)
        socket.settimeout(0)
        # An answer is small and is waited for: it must not wait for a full segment.
        socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if len(self._connections) >= CONNECTION_COUNT_MAX:
            self._close(next(iter(self._connections.values())))
        self._connections[fileno] = _Connection(socket, body_bytes_max=self._body_bytes_max)
        return True

    def _receive(self, connection: _Connection) -> bool:
        """Read once; return whether there was anything to read."""
        try:
            self._send(connection, b"")
            received = connection.socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            received = b""
        if not received:
            fileno = connection.socket.fileno()
            self._close(connection)
            if self._closed is not None:
                self._closed(fileno)
            return False
        if not connection.is_closing:
            connection.reader.feed(received)
        fileno = connection.socket.fileno()
        self._connections[fileno] = self._connections.pop(fileno)
        return True

    def _respond_to_all(self, connection: _Connection) -> Iterator[None]:
        while response := self._next_response(connection):
            try:
                self._send(connection, response)
            except ConnectionAbortedError:
                connection.is_closing = True
                self._close(connection)
            yield

    def _next_response(self, connection: _Connection) -> bytes:
        """Return what is to be answered next; empty when nothing more has come whole."""
        if connection.is_closing:
            return b""
        try:
            request = connection.reader.next_request()
        except HttpError as fault:
            connection.is_closing = True
            return self._refuse(fault)
        if request is not None:
            connection.is_closing = not request.keep_alive
            return self._respond(request, connection.socket.fileno())
        return _CONTINUE if connection.reader.take_continue() else b""

    def _send(self, connection: _Connection, response: bytes) -> None:
        if connection.is_deaf:
            return
        connection.unsent += response
        if len(connection.unsent) > _UNSENT_BYTES_MAX:
            raise ConnectionAbortedError
        try:
            if connection.unsent:
                sent = connection.socket.send(connection.unsent)
                connection.unsent = connection.unsent[sent:]
            if connection.is_closing and not connection.unsent and not connection.is_shut_down:
                connection.is_shut_down = True
                connection.socket.shutdown(_socket.SHUT_WR)
        except BlockingIOError:
            return  # Until the client has read something.
        except OSError:
            # A client that is gone may take a response and refuse the end behind it.
            connection.is_deaf, connection.unsent = True, b""

    def _close(self, connection: _Connection) -> None:
        self._connections.pop(connection.socket.fileno(), None)
        connection.socket.close()


def empty_response(status: int, *, keep_alive: bool) -> bytes:
    """Return a serialised response without a body."""
    headers = {} if keep_alive else {"Connection": "close"}
    return http1.serialise_response(status, headers, b"")
