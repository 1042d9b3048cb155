"""Batches to the telemetry subscribers: HTTP POST, or JSON lines over TCP.

On Lambda a subscriber listens on the names ``sandbox`` and ``sandbox.localdomain``. Here they
mean 127.0.0.2: a listener that binds 127.0.0.1 alone, which is not known to work on Lambda,
gets nothing.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lambda_sandbox.core.events import BatchDelivered
from lambda_sandbox.core.http1 import (
    MalformedMessageError,
    MessageReader,
    request_bytes,
    status_of,
)
from lambda_sandbox.edge.loop import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.core.actions import Deliver
    from lambda_sandbox.edge.loop import Loop

SANDBOX_ADDRESS = "127.0.0.2"
SANDBOX_NAMES = frozenset({"sandbox", "sandbox.localdomain"})


class Delivery:
    """One batch on its way."""

    def __init__(self, order: Deliver, loop: Loop, done: Callable[[str, bool], None]) -> None:
        self._subscriber = order.subscriber
        self._loop = loop
        self._done = done
        self._reader = MessageReader()
        url = urlsplit(order.destination)
        self._is_http = url.scheme == "http"
        self._unsent = _http_bytes(order) if self._is_http else _lines(order)
        host = url.hostname or ""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)  # noqa: FBT003  # positional-only
        loop.watch(self._socket, WRITE, self._send)
        address = (SANDBOX_ADDRESS if host in SANDBOX_NAMES else host, url.port or 80)
        self._socket.connect_ex(address)  # a refusal shows when the first byte is sent

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # nobody listens, or no longer
            self._finish(accepted=False)
            return
        if self._unsent:
            return
        if self._is_http:
            self._loop.forget(self._socket)
            self._loop.watch(self._socket, READ, self._receive)
        else:
            self._finish(accepted=True)

    def _receive(self) -> None:
        try:
            received = self._socket.recv(65_536)
            self._reader.feed(received)
            message = self._reader.take()
            accepted = message is not None and 200 <= status_of(message[0]) < 300  # noqa: PLR2004
        except (OSError, MalformedMessageError):
            self._finish(accepted=False)
            return
        if message is not None or not received:
            self._finish(accepted=accepted)

    def _finish(self, *, accepted: bool) -> None:
        self.close()
        self._done(self._subscriber, accepted)

    def close(self) -> None:
        """Give up."""
        self._loop.forget(self._socket)
        self._socket.close()


def _http_bytes(order: Deliver) -> bytes:
    url = urlsplit(order.destination)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    headers = (
        ("Host", url.netloc),
        ("Content-Type", "application/json"),
        ("Connection", "close"),
    )
    body = json.dumps(list(order.events), separators=(",", ":")).encode()
    return request_bytes("POST", target, headers, body)


def _lines(order: Deliver) -> bytes:
    return b"".join(
        json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in order.events
    )


class TelemetryDelivery:
    """All batches under way: at most one for each subscriber."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._under_way: dict[str, Delivery] = {}

    def deliver(self, order: Deliver) -> None:
        """Send a batch; ``BatchDelivered`` is told when the subscriber has answered."""
        self._under_way[order.subscriber] = Delivery(order, self._loop, self._delivered)

    def _delivered(self, subscriber: str, accepted: bool) -> None:  # noqa: FBT001  # a callback
        del self._under_way[subscriber]
        self._loop.emit(BatchDelivered(subscriber, accepted))

    def abandon(self, subscriber: str) -> None:
        """Give a batch up."""
        delivery = self._under_way.pop(subscriber, None)
        if delivery is not None:
            delivery.close()

    def close(self) -> None:
        """Give everything up."""
        for subscriber in tuple(self._under_way):
            self.abandon(subscriber)
