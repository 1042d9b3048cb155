"""Batches to the telemetry subscribers: HTTP POST, or JSON lines over TCP.

A POST is accepted when it is answered with 2xx. Nobody acknowledges lines: they are accepted
when the kernel has taken them, over one connection that is kept from batch to batch.

On Lambda a subscriber listens on the names ``sandbox`` and ``sandbox.localdomain``. Here they
mean 127.0.0.2: a listener that binds 127.0.0.1 alone, which is not known to work on Lambda,
gets nothing.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

import json
import socket
from string import punctuation
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

from lambda_sandbox.core.events import BatchDelivered
from lambda_sandbox.core.http1 import (
    MalformedMessageError,
    MessageReader,
    request_bytes,
    status_of,
)
from lambda_sandbox.core.telemetry.subscription import SANDBOX_NAMES
from lambda_sandbox.edge.loop import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.core.actions import Deliver
    from lambda_sandbox.edge.loop import Loop

SANDBOX_ADDRESS = "127.0.0.2"
RECEIVE_BYTES = 65_536
"""What is read at a time of what a subscriber says."""


class Delivery:
    """One batch on its way.

    Args:
        order: What is to be delivered.
        connection: To the subscriber; maybe not connected yet.
        loop: Tells when the connection is ready.
        done: Told once whether the batch was accepted; the connection is the caller's then.
    """

    def __init__(
        self,
        order: Deliver,
        connection: socket.socket,
        loop: Loop,
        done: Callable[[Delivery, bool], None],
    ) -> None:
        self.subscriber = order.subscriber
        self.connection = connection
        self.is_http = order.destination.startswith("http:")
        self._loop = loop
        self._done = done
        self._reader = MessageReader()
        self._unsent = _http_bytes(order) if self.is_http else _lines(order)
        loop.watch(connection, WRITE, self._send)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self.connection.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:  # nobody listens, or no longer
            self._finish(accepted=False)
            return
        if self._unsent:
            return
        if self.is_http:
            self._loop.forget(self.connection)
            self._loop.watch(self.connection, READ, self._receive)
        else:
            self._finish(accepted=True)

    def _receive(self) -> None:
        try:
            received = self.connection.recv(RECEIVE_BYTES)
            self._reader.feed(received)
            message = self._reader.take()
            accepted = message is not None and 200 <= status_of(message[0]) < 300  # noqa: PLR2004
        except (OSError, MalformedMessageError):
            self._finish(accepted=False)
            return
        if message is not None or not received:
            self._finish(accepted=accepted)

    def _finish(self, *, accepted: bool) -> None:
        self._loop.forget(self.connection)
        self._done(self, accepted)

    def close(self) -> None:
        """Give up."""
        self._loop.forget(self.connection)
        self.connection.close()


def _connection_to(url: SplitResult) -> socket.socket:
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)  # noqa: FBT003  # positional-only
    host = url.hostname or ""
    address = (SANDBOX_ADDRESS if host in SANDBOX_NAMES else host, url.port or 80)
    connection.connect_ex(address)  # a refusal shows when the first byte is sent
    return connection


def _is_open(connection: socket.socket) -> bool:
    """Return whether the other side has not closed a kept connection; what it says is ignored."""
    try:
        while connection.recv(RECEIVE_BYTES):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass  # reset, which is closed as well
    return False


def _http_bytes(order: Deliver) -> bytes:
    url = urlsplit(order.destination)
    # What a subscriber named may have any characters; what it is asked for has those of a URL.
    target = quote((url.path or "/") + (f"?{url.query}" if url.query else ""), safe=punctuation)
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
        self._kept: dict[str, socket.socket] = {}  # by subscriber: connections for lines

    def deliver(self, order: Deliver) -> None:
        """Send a batch; ``BatchDelivered`` is told when the subscriber has taken it, or not."""
        connection = self._connection(order)
        delivery = Delivery(order, connection, self._loop, self._delivered)
        self._under_way[order.subscriber] = delivery

    def _connection(self, order: Deliver) -> socket.socket:
        kept = self._kept.pop(order.subscriber, None)
        if kept is not None:
            if _is_open(kept):
                return kept
            kept.close()
        return _connection_to(urlsplit(order.destination))

    def _delivered(self, delivery: Delivery, accepted: bool) -> None:  # noqa: FBT001  # a callback
        del self._under_way[delivery.subscriber]
        if accepted and not delivery.is_http:
            self._kept[delivery.subscriber] = delivery.connection
        else:
            delivery.connection.close()
        self._loop.emit(BatchDelivered(delivery.subscriber, accepted))

    def abandon(self, subscriber: str) -> None:
        """Give a batch up."""
        delivery = self._under_way.pop(subscriber, None)
        if delivery is not None:
            delivery.close()

    def disconnect(self) -> None:
        """Give everything up: the subscribers are gone."""
        for subscriber in tuple(self._under_way):
            self.abandon(subscriber)
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()
