"""A TCP peer that treats every connection alike, and mostly badly.

::

    with Peer(resets) as peer:
        ...export to 127.0.0.1:peer.port...
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

PATIENCE_S = 20.0
"""Only a failing test waits this long."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST."""


class Peer:
    """Listen on a free loopback port; connections are served one at a time.

    Args:
        serve: What to do with a connection, which is closed afterwards.
    """

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)
        self._connection: socket.socket | None = None
        self.port = self._server.getsockname()[1]
        self.target = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._server, self._connection):
            with contextlib.suppress(OSError):
                if end:
                    end.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._connection, _ = self._server.accept()
                self._connection.settimeout(PATIENCE_S)
                with self._connection, contextlib.suppress(OSError):
                    self._serve(self._connection)


def resets(connection: socket.socket) -> None:
    """Reset it as soon as something has come."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def closes(connection: socket.socket) -> None:
    """Close it when a request can have come whole."""
    connection.recv(65_536)


def hangs(connection: socket.socket) -> None:
    """Read all and say nothing, for as long as the client is there."""
    while connection.recv(65_536):
        pass


def says(answer: bytes) -> Callable[[socket.socket], None]:
    """Return what answers whatever comes with these bytes, and then lets the client close."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        hangs(connection)

    return serve


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
