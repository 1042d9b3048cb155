"""Sends what an invocation records to the collector, and says when it begins and ends.

Every request carries ``Lambda-Invocation-Id``. ``Lambda-Invocation-Phase: start`` marks the
provisional root, which our collector holds back until it is known whether a final one comes;
``snapshot``, shortly before the deadline, what is still open, held back likewise; ``end`` marks
the last request of an invocation, which it may flush then.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING

from otel_layer.core.open_spans import OpenSpans, fitting
from otel_layer.core.otlp import EncodedItem, Encoder, batches, request
from otel_layer.core.outbox import REQUEST_BYTES_MAX, Outbox
from otel_layer.core.signals import LOGS, METRICS, TRACES, Signal
from otel_layer.edge.clock import monotonic
from otel_layer.edge.connection import CollectorFault
from otel_layer.edge.link import Link
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

invocation_id: ContextVar[str | None] = ContextVar("otel_layer_invocation_id", default=None)
"""The request id of the invocation that the running code is part of."""


_PROVISIONAL = (b"start", b"snapshot")
"""Phases of spans that have not ended: nothing is lost with them, and nothing put back."""


Collect = Callable[[str], None]
"""What has something to hand over when an invocation ends; it gets the request id."""


class LocalExporter:
    """Encodes spans when they end, and hands them to the collector, with what else there is.

    Spans end on any thread, in signal handlers, and in child processes after a fork. All share
    one connection, under one lock: what the collector reads is in the order in which it
    happened. Whoever waits for the lock waits for the request of another thread, which takes
    from the same supply of patience as its own; the timer's is the only one that is sent without
    the customer's doing, once in an invocation and in its last moments.
    """

    def __init__(
        self, find_port: Callable[[], int], log: Log, shield: Shield, *, own_collector: bool
    ) -> None:
        """Prepare; the connection is made when there is something to send.

        Args:
            find_port: Returns the collector's, on 127.0.0.1.
            log: For the first failure of each kind.
            shield: For faults of ours while a span ends, in the customer's code.
            own_collector: Whether it knows what the phases mean. Another one would take a
                provisional root for a span.
        """
        self._shield = shield
        self._own_collector = own_collector
        self._encoder = Encoder()
        self._new_link = partial(Link, find_port, log)
        self._link = self._new_link()
        self._collects: list[Collect] = []
        os.register_at_fork(after_in_child=self._forget)
        self._forget()

    def _forget(self) -> None:
        # In a forked child: the connection and what waits are the parent's. The child has no
        # invocation whose end would send what waits, so it sends each span at once.
        self._link.close()
        self._link = self._new_link()
        # A signal handler may end a span while this thread is sending: never a deadlock.
        self._lock = threading.RLock()
        self._is_sending = False
        self._outbox = Outbox()
        # In the order in which they are sent, all before the end of the invocation.
        self._outboxes = {LOGS: Outbox(), METRICS: Outbox(), TRACES: self._outbox}
        self._roots: dict[str, int] = {}
        self._open_spans = OpenSpans()

    def begin(self, request_id: str, root: ReadableSpan | None) -> bool:
        """Take note of a new invocation, or of what its open root has come to since.

        Args:
            request_id: Lambda's id of it.
            root: Its root span, not ended; None if it is not sampled.

        Returns:
            Whether the collector holds the root as it is now: should the process end, it will
            be ended there.
        """
        context = root.get_span_context() if root else None
        with self._lock:
            self._roots[request_id] = context.span_id if context else 0
            if root and self._own_collector:
                self._open_spans.begin(request_id, root)
            if root and self._own_collector and self._link.patience.allows(monotonic()):
                return self._send(request_id, [self._encoder.encode(root)], b"start")
            return False

    def hold(self, root: ReadableSpan) -> None:
        """Send the open root of an invocation that this process will never know.

        ``start`` without an id: whichever invocation fails with this initialisation.
        """
        with self._lock:
            if self._own_collector:
                self._send(None, [self._encoder.encode(root)], b"start")

    def note(self, span: ReadableSpan) -> None:
        """Take note of a span that has started."""
        with self._shield("note a span", "a timeout does not show it"):
            context, request_id = span.get_span_context(), self._request_id()
            if request_id is not None and context is not None:
                self._open_spans.start(request_id, context.span_id, span)

    def take(self, span: ReadableSpan) -> None:
        """Take over a span that has ended."""
        with self._shield("export a span", "spans are lost"):
            self._take(span)

    def _take(self, span: ReadableSpan) -> None:
        encoded = self._encoder.encode(span)
        context = span.get_span_context()
        if context is not None:
            self._open_spans.end(context.span_id)
        with self._lock:
            request_id = self._request_id()
            self._outbox.put(request_id, encoded)
            root_id = self._roots.get(request_id) if request_id else None
            if context is not None and context.span_id == root_id:
                return  # it goes with ``end``, which follows
            self._send_due(TRACES, request_id, at_once=root_id is None)

    def _request_id(self) -> str | None:
        # Of the invocation that the running code is part of.
        request_id = invocation_id.get()
        if request_id is None:
            # On a thread that was started without the context of the invocation.
            running = list(self._roots)
            return running[0] if len(running) == 1 else None
        return request_id

    def collect_with(self, collect: Collect) -> None:
        """Have this called before an invocation's end is sent, and shortly before its deadline.

        Args:
            collect: It must not raise.
        """
        self._collects.append(collect)

    def hand_over(
        self,
        signal: Signal,
        items: list[EncodedItem],
        request_id: str | None = None,
        *,
        at_once: bool = True,
    ) -> None:
        """Take over metrics or log records.

        Args:
            signal: Which of them.
            items: They are sent before the end of the invocation, at the latest.
            request_id: Of the invocation; None for the one that the running code is part of.
            at_once: Whether nothing is to be expected that could go with them.
        """
        with self._lock:
            request_id = request_id or self._request_id()
            outbox = self._outboxes[signal]
            for item in items:
                outbox.put(request_id, item)
            self._send_due(signal, request_id, at_once=at_once)

    def _send_due(self, signal: Signal, request_id: str | None, *, at_once: bool) -> None:
        now = monotonic()
        if self._is_sending or not self._link.patience.allows(now):
            return
        outbox = self._outboxes[signal]
        # Where no invocation runs, nothing waits.
        if at_once or request_id not in self._roots or outbox.is_due(request_id, now):
            items = outbox.take(request_id)
            if items:
                self._send(request_id, items, signal=signal)

    def snapshot(self, request_id: str) -> None:
        """Send what there is of an invocation that is about to run out of time.

        Called by the timer. What the function's own callbacks observe comes last: they may hang.
        """
        self._snapshot_spans(request_id)
        with self._lock:
            if request_id not in self._roots:
                return
            self._send_others(request_id)
        for collect in self._collects:
            collect(request_id)

    def _snapshot_spans(self, request_id: str) -> None:
        """Send what is open of an invocation, and what has ended of it, unless it is over.

        The spans are serialised before the lock is asked for: the handler's
        thread never waits for that. Under the lock it is certain which invocation is running,
        since ``end`` takes it too, and that no span is called open that was sent as ended.
        """
        encoded = []
        for number, span in enumerate(self._open_spans.of(request_id)):
            with self._shield("serialise an open span", "a timeout does not show it"):
                # Not the root: it ends with the invocation, however that ends.
                encoded.append((span, self._encoder.encode(span, is_unfinished=number > 0)))
        with self._lock:
            if request_id not in self._roots or not self._link.patience.allows(monotonic()):
                return
            ended = self._outbox.take(None) + self._outbox.take(request_id)
            if ended and not self._send(request_id, ended):
                return
            still_open = [one for span, one in encoded if span.end_time is None]
            if still_open and self._link.patience.allows(monotonic()):
                self._send(request_id, fitting(still_open, REQUEST_BYTES_MAX), b"snapshot")

    def end(self, request_id: str) -> None:
        """Send what is left of an invocation, and that it has ended."""
        self._open_spans.finish(request_id)
        for collect in self._collects:
            collect(request_id)
        with self._lock:
            self._roots.pop(request_id, None)
            self._send_others(request_id)
            spans = self._outbox.take(None) + self._outbox.take(request_id)
            if not spans and not self._own_collector:
                self._send_late()
            elif self._send(request_id, spans, b"end"):
                self._link.tell_lost(self._lost())
                self._send_late()
            elif self._own_collector:
                # Only slow, perhaps: without this it would learn of the end much later.
                self._send(request_id, [], b"end")

    def _send_others(self, request_id: str) -> None:
        # What is no span: these fill the end of an invocation alone.
        for signal, outbox in self._outboxes.items():
            items = [] if signal is TRACES else outbox.take(None) + outbox.take(request_id)
            if not items:
                continue
            if not self._link.patience.allows(monotonic()):
                outbox.put_back(request_id, items)
            elif not self._send(request_id, items, signal=signal):
                return

    def _send_late(self) -> None:
        # Of invocations that are over: no end of their own will send what was put back. Not
        # before the end of this one: it must not wait twice for a collector that is stuck.
        for signal, outbox in self._outboxes.items():
            for request_id in outbox.request_ids():
                is_over = request_id not in self._roots
                if is_over and not self._send(request_id, outbox.take(request_id), signal=signal):
                    return

    def _send(
        self,
        request_id: str | None,
        items: list[EncodedItem],
        phase: bytes | None = None,
        *,
        signal: Signal = TRACES,
    ) -> bool:
        self._is_sending = True
        begun_at = monotonic()
        outbox = self._outboxes[signal]
        waiting: list[list[EncodedItem]] = batches(items, REQUEST_BYTES_MAX) or [[]]
        try:
            while waiting:
                body = request(waiting[0])
                last_phase = phase if len(waiting) == 1 else None
                head = _head(signal.path, request_id, last_phase, len(body))
                self._link.send(head + body, begun_at)
                del waiting[0]
        except BaseException as fault:
            unsent = [item for batch in waiting for item in batch]
            if not isinstance(fault, CollectorFault):  # of the customer's signal handler
                if phase not in _PROVISIONAL:
                    outbox.put_back(request_id, unsent)
                raise
            if phase is None:
                outbox.put_back(request_id, unsent)
            elif phase == b"end":
                outbox.lost_count += len(unsent)
            return False
        finally:
            self._is_sending = False
        now = monotonic()
        self._link.patience.waited(now - begun_at, now)
        outbox.sent(now)
        return True

    def _lost(self) -> dict[str, int]:
        return {signal.items: outbox.lost_count for signal, outbox in self._outboxes.items()}


def _head(path: bytes, request_id: str | None, phase: bytes | None, size_bytes: int) -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n" % path
    if request_id:
        head += b"Lambda-Invocation-Id: %b\r\n" % request_id.encode("ascii", "replace")
    if phase is not None:
        head += b"Lambda-Invocation-Phase: %b\r\n" % phase
    return head + b"Content-Length: %d\r\n\r\n" % size_bytes
