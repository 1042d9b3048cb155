"""Sends export requests to where they go, in a thread for each exporter.

Resolving, connecting and TLS wait, and the runner must not; and an exporter that waits must not
keep another from sending. Orders go in through a queue, outcomes come back through another and
a pipe that wakes the runner.
"""

from __future__ import annotations

import _queue
import _thread
import posix
import select

from collector_ext.core.delivery.failures import LOCAL, Failure
from collector_ext.core.events import ExportFinished, Failed, Outcome
from collector_ext.edge.http_client import PeerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from collector_ext.core.actions import Export
    from collector_ext.core.otlp import ExportRequest

    class Sender(Protocol):
        """Knows how one exporter sends; used by one thread."""

        def peer_of(self, request: ExportRequest) -> object:
            """Return whom a request goes to, as something to compare."""

        def send(self, request: ExportRequest, deadline_at: float) -> Outcome:
            """Send one request and return what became of it.

            Raises:
                PeerError: The peer did not answer.
            """

        def close(self) -> None:
            """Keep no connection."""


class Exporter:
    """Carry out ``Export`` orders, one at a time for each exporter; each has one end.

    Args:
        senders: By the ids of their exporters. A thread is started with the first order for it.
    """

    def __init__(self, senders: Mapping[str, Sender]) -> None:
        self._senders = senders
        self._orders: dict[str, _queue.SimpleQueue[Export | None]] = {}
        self._finished: _queue.SimpleQueue[ExportFinished] = _queue.SimpleQueue()
        self._wake_up, self._waker = posix.pipe()
        posix.set_blocking(self._wake_up, False)

    def interests(self) -> list[tuple[int, int]]:
        """Return descriptors and the poll events that are a reason to call ``events``."""
        return [(self._wake_up, select.POLLIN)]

    def export(self, order: Export) -> None:
        """Carry out one order in the background."""
        try:
            self._queue_of(order.exporter).put(order)
        except RuntimeError as fault:
            # The function shares the environment's threads with us, and has all of them.
            reason = str(fault)
            self._finish(order.exporter, [_failed(request, reason) for request in order.requests])

    def _queue_of(self, exporter: str) -> _queue.SimpleQueue[Export | None]:
        if exporter not in self._orders:
            orders: _queue.SimpleQueue[Export | None] = _queue.SimpleQueue()
            _thread.start_new_thread(self._work, (exporter, orders))
            self._orders[exporter] = orders
        return self._orders[exporter]

    def events(self) -> list[ExportFinished]:
        """Return the ends of orders that have come since."""
        finished: list[ExportFinished] = []
        while True:
            try:
                posix.read(self._wake_up, 1)
            except BlockingIOError:
                return finished
            finished.append(self._finished.get())

    def close(self) -> None:
        """Let every thread end when it has nothing left to do; nobody waits for that."""
        for orders in self._orders.values():
            orders.put(None)

    def _work(self, exporter: str, orders: _queue.SimpleQueue[Export | None]) -> None:
        sender = self._senders[exporter]
        while (order := orders.get()) is not None:
            self._finish(exporter, _send_all(sender, order.requests, order.deadline_at))
            del order  # megabytes, perhaps, for as long as the next one does not come

    def _finish(self, exporter: str, outcomes: list[Outcome]) -> None:
        self._finished.put(ExportFinished(exporter, tuple(outcomes)))
        posix.write(self._waker, b".")


def _send_all(
    sender: Sender, requests: tuple[ExportRequest, ...], deadline_at: float
) -> list[Outcome]:
    silent: dict[object, Failure] = {}
    return [_send(sender, request, deadline_at, silent) for request in requests]


def _send(
    sender: Sender, request: ExportRequest, deadline_at: float, silent: dict[object, Failure]
) -> Outcome:
    """Send one request; whatever happens, it has an outcome."""
    try:
        peer = sender.peer_of(request)
        if peer in silent:
            # A host that did not answer a moment ago is not paid for twice.
            return Failed(request, silent[peer])
        try:
            return sender.send(request, deadline_at)
        except PeerError as fault:
            silent[peer] = fault.failure
            return Failed(request, fault.failure)
    except Exception as fault:  # noqa: BLE001 - not swallowed: it is said as the reason
        # A fault of ours that one answer can trigger must not end all telemetry, even where
        # it also keeps the sender from closing.
        _close(sender)
        # Its text may quote a header.
        return _failed(request, type(fault).__name__)


def _failed(request: ExportRequest, reason: str) -> Failed:
    return Failed(request, Failure(LOCAL, reason, None))


def _close(sender: Sender) -> None:
    try:
        sender.close()
    except Exception:  # noqa: BLE001 - what brought us here is said as the reason
        return
