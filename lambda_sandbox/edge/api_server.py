"""The HTTP server of the Runtime, Extensions and Telemetry APIs.

It carries bytes: what a request means and when it is answered is decided elsewhere. A long
poll is a connection that has no answer yet. It has no timeout: the client may be frozen.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import socket
import uuid
from itertools import count
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import ClientGone, RequestReceived
from lambda_sandbox.core.http1 import (
    MalformedMessageError,
    MessageReader,
    request_of,
    response_bytes,
)
from lambda_sandbox.edge.loop import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.core.api import Reply
    from lambda_sandbox.core.http1 import Request
    from lambda_sandbox.edge.loop import Loop

RECEIVE_BYTES = 262_144
"""What is read at a time."""


class Connection:
    """One client: a request under way at a time, as HTTP/1.1 without pipelining has it."""

    def __init__(self, sock: socket.socket, loop: Loop, server: ApiServer) -> None:
        self._socket = sock
        self._loop = loop
        self._server = server
        self._reader = MessageReader()
        self._unsent = b""
        self._continued = False
        self.client_id: int | None = None  # of the request that waits for an answer
        loop.watch(sock, READ, self._ready)

    def _ready(self) -> None:
        if self._unsent:
            self._send()
        else:
            self._receive()

    def _receive(self) -> None:
        try:
            received = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:  # reset by a client that was killed
            received = b""
        if not received:
            self.close()
            return
        self._reader.feed(received)
        self.read_requests()

    def read_requests(self) -> None:
        """Take the next request that is whole, unless one is still unanswered."""
        if self.client_id is not None:
            return
        try:
            message = self._reader.take()
            if message is None:
                self._continue()
                return
            request = request_of(*message)
        except MalformedMessageError as error:
            self._write(response_bytes(400, (), str(error).encode()))
            self.close()
            return
        self._continued = False
        self._server.received(self, request)

    def _continue(self) -> None:
        if self._reader.expects_continue and not self._continued:
            self._continued = True
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, response: bytes) -> None:
        """Send the answer, and go on with what the client may have sent since."""
        self.client_id = None
        self._write(response)
        self.read_requests()

    def _write(self, data: bytes) -> None:
        self._unsent += data
        self._send()

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:  # the client is gone: its end is noticed by reading
            self._unsent = b""
            return
        self._unsent = self._unsent[sent:]
        if self._socket.fileno() >= 0:
            self._loop.change(self._socket, WRITE if self._unsent else READ)

    def close(self) -> None:
        """Let the client go."""
        self._loop.forget(self._socket)
        self._socket.close()
        self._server.closed(self)


class ApiServer:
    """Listen on a free loopback port.

    Args:
        loop: Where requests are told.

    Attributes:
        before: Called before each request is told: what the client wrote to its log before it
            called comes first.
    """

    def __init__(self, loop: Loop) -> None:
        self.before: Callable[[], None] = lambda: None
        self._loop = loop
        self._client_ids = count(1)
        self._connections: set[Connection] = set()
        self._waiting: dict[int, Connection] = {}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._socket.setblocking(False)  # noqa: FBT003  # positional-only
        loop.watch(self._socket, READ, self._accept)

    @property
    def address(self) -> str:
        """``host:port``, the value of ``AWS_LAMBDA_RUNTIME_API``."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def _accept(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except OSError:  # the client went away while it waited
            return
        sock.setblocking(False)  # noqa: FBT003  # positional-only
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(Connection(sock, self._loop, self))

    def received(self, connection: Connection, request: Request) -> None:
        """Take a whole request from a connection."""
        self.before()
        client_id = connection.client_id = next(self._client_ids)
        self._waiting[client_id] = connection
        self._loop.emit(RequestReceived(client_id, request, str(uuid.uuid4())))

    def closed(self, connection: Connection) -> None:
        """Take note of a connection that was closed."""
        self._connections.discard(connection)
        if connection.client_id is not None:
            self._waiting.pop(connection.client_id, None)
            self._loop.emit(ClientGone(connection.client_id))

    def answer(self, client_id: int, reply: Reply) -> None:
        """Answer a request; a client that is gone is not told."""
        connection = self._waiting.pop(client_id, None)
        if connection is not None:
            connection.answer(response_bytes(reply.status, reply.headers, reply.body))

    def disconnect(self) -> None:
        """Let every client go: their processes have ended."""
        for connection in tuple(self._connections):
            connection.close()

    def close(self) -> None:
        """Stop listening."""
        self.disconnect()
        self._loop.forget(self._socket)
        self._socket.close()
