"""A forward proxy that leads every tunnel to one place, whatever host was asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self

READ_BYTES = 65_536


class Tunnel:
    """Answers CONNECT on a free loopback port; a context manager.

    Args:
        url: Where all tunnels lead.

    Attributes:
        hosts: What was asked for, as ``host:port``, in order.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = parts.hostname or "", parts.port or 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.hosts: list[str] = []

    @property
    def url(self) -> str:
        """As a variable names a proxy."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _start(self, target, *arguments) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(READ_BYTES)
            self.hosts.append(head.split()[1].decode())
            remote = socket.create_connection(self._target)
            self._sockets.append(remote)
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            self._start(_copy, client, remote)
            self._start(_copy, remote, client)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(READ_BYTES):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
