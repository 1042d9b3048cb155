"""TCP or TLS connections to a loopback port, each on a thread of its own, all of them closed."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from lambda_sandbox.core.http1 import (
    MalformedMessageError,
    MessageReader,
    Request,
    request_of,
    response_bytes,
)

LOOPBACK = "127.0.0.1"

_RECEIVE_BYTES = 65_536  # read at a time: about what a loopback socket holds

JOIN_TIMEOUT_S = 5.0
"""Far more than a thread needs whose socket was shut down; one that is still busy after it
hangs in what it was given to do, and is said to instead of hanging the program too."""


class Connections:
    """Listen at once, accept from ``start`` to ``close``.

    ``serve(connection, number)`` is called on the connection's own thread, with its number
    in the order of arrival. It may raise OSError: that ends this connection only. It has to
    return when the connection breaks and when ``closing`` is set.
    """

    def __init__(
        self,
        serve: Callable[[socket.socket, int], None],
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.closing = threading.Event()
        self._serve = serve
        self._tls = tls
        self._listener = socket.create_server((LOOPBACK, port))
        # For all that are accepted: under TLS the first answer would wait 40 ms for the client
        # to acknowledge the tickets that were sent after the handshake.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, name=f"accept :{self.port}")

    def start(self) -> None:
        """Begin to accept; close it afterwards."""
        self._accepting.start()

    def drop(self) -> None:
        """Break every connection that is open now, as a peer's idle timeout would."""
        with self._lock:
            for connection in self._open:
                # Not SSLSocket's own shutdown: it forgets the session under a reading thread.
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop accepting, break every connection, wait for their threads.

        Raises:
            RuntimeError: A thread is still busy in ``serve``.
        """
        self.closing.set()
        # Closing a listener does not wake the thread in accept(): a last connection does.
        with suppress(OSError):
            socket.create_connection((LOOPBACK, self.port), timeout=JOIN_TIMEOUT_S).close()
        self._accepting.join()
        self._listener.close()
        self.drop()
        for thread in self._threads:
            thread.join(JOIN_TIMEOUT_S)
            if thread.is_alive():
                text = f"cannot close port {self.port}: {thread.name!r} does not end"
                raise RuntimeError(text)

    def _accept(self) -> None:
        number = 0
        while True:
            connection, _ = self._listener.accept()
            if self.closing.is_set():
                connection.close()
                return
            with suppress(OSError):  # the client is gone already
                self._start(self._secured(connection), number)
            number += 1

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        # No handshake here: a silent client would keep all others waiting.
        with connection:
            return self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )

    def _start(self, connection: socket.socket, number: int) -> None:
        thread = threading.Thread(
            target=self._run, args=(connection, number), name=f"connection {number} :{self.port}"
        )
        with self._lock:
            self._open.add(connection)
        self._threads = [known for known in self._threads if known.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _run(self, connection: socket.socket, number: int) -> None:
        # A broken connection is the client's affair, and known to it.
        with connection, suppress(OSError):
            try:
                if isinstance(connection, ssl.SSLSocket):
                    connection.do_handshake()
                self._serve(connection, number)
            finally:
                with self._lock:
                    self._open.discard(connection)


def requests_of(connection: socket.socket) -> Iterator[Request]:
    """Yield the HTTP requests of a connection until the client has no more.

    Answer each before you take the next. What is not HTTP is answered here, and the last.
    """
    reader, told_to_continue = MessageReader(), False
    while received := connection.recv(_RECEIVE_BYTES):
        reader.feed(received)
        try:
            while message := reader.take():
                told_to_continue = False
                yield request_of(*message)
        except MalformedMessageError as error:
            answer = response_bytes(400, [("Connection", "close")], str(error).encode())
            connection.sendall(answer)
            return
        if reader.expects_continue and not told_to_continue:
            told_to_continue = True
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
