"""The connection to the collector on localhost: OTLP over HTTP, without waiting for answers.

Bytes written to a loopback socket are held by the kernel: a write is done in microseconds
although the collector has not read yet. That is true of about one receive window, as long
as no answer lies unread; so the answers are read, and thrown away, before each request.

Plain sockets, because everything else would be traced, proxied or too slow to import.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from otel_layer.edge.clock import monotonic
from otel_layer.edge.interruption import is_interruption

_HOST = "127.0.0.1"
_SILENT, _GONE = "does not read", "cannot be reached"
_DRAINED_BYTES = 65536
_DRAINS_MAX = 16
"""A megabyte of answers: no collector has that much to say, and a request shall not wait for
one that never stops."""


class CollectorFault(Exception):  # noqa: N818  # named for who is at fault
    """The collector did not take a request. The text says what it did instead."""

    def __init__(self, kind: str, details: str) -> None:
        super().__init__(f"{kind} ({details})")
        self.kind = kind


class Connection:
    """One kept-open connection, made when it is first needed and again when it was lost."""

    def __init__(self, find_port: Callable[[], int], answered: Callable[[bytes], None]) -> None:
        """Prepare; nothing is sent before the first request.

        Args:
            find_port: Returns the collector's, on 127.0.0.1; asked for each connection, since
                the collector may be another one after a restore from a snapshot.
            answered: Gets the beginning of what the collector answered, if it answered.
        """
        self._find_port = find_port
        self._answered = answered
        self._socket: socket.socket | None = None

    def send(self, request: bytes, timeout_s: float) -> None:
        """Hand a request to the kernel.

        Args:
            request: Head and body.
            timeout_s: At most this long, however much the kernel takes at a time.

        Raises:
            CollectorFault: It was not handed over as a whole. The connection is closed, after
                an exception of a signal handler too: what follows must not be taken for the
                rest of this request.
        """
        deadline_at = monotonic() + timeout_s
        try:
            if self._socket is None or not self._is_alive(self._socket):
                self.close()
                self._socket = self._connected(timeout_s)
            self._write(self._socket, request, deadline_at)
        except BaseException as fault:
            self.close()
            if not isinstance(fault, OSError) or is_interruption(fault):
                raise
            if isinstance(fault, TimeoutError):
                raise CollectorFault(_SILENT, "timed out") from fault
            raise CollectorFault(_GONE, fault.strerror or str(fault)) from fault

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self, timeout_s: float) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.settimeout(timeout_s)
            made.connect((_HOST, self._find_port()))
            # A request must not wait for the acknowledgement of the one before: 40 ms.
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.settimeout(0)
        except BaseException:
            made.close()
            raise
        return made

    def _is_alive(self, connected: socket.socket) -> bool:
        # Closed or reset since: the old collector died, or a foreign one closes idle
        # connections. Nothing of the next request was sent, so a new connection may take it.
        try:
            for _ in range(_DRAINS_MAX):
                answer = connected.recv(_DRAINED_BYTES)
                if not answer:
                    return False
                self._answered(answer)
        except BlockingIOError:
            return True
        except OSError as fault:
            if is_interruption(fault):
                raise
            return False
        return True

    def _write(self, connected: socket.socket, request: bytes, deadline_at: float) -> None:
        try:
            sent = connected.send(request, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        if sent == len(request):
            return
        connected.settimeout(max(deadline_at - monotonic(), 0.001))
        connected.sendall(memoryview(request)[sent:], socket.MSG_NOSIGNAL)
        connected.settimeout(0)
