"""The internal half: what `otel_layer.edge.local_exporter` does, with its real core.

The outbox, the deadlines, the open spans and the supply of patience are the function's own; its
encoder needs the SDK's spans, and its socket is a connection of the simulation's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from collector_ext.core.events import END, ORDINARY, SNAPSHOT, START
from otel_layer.core.deadlines import NEVER, Deadlines
from otel_layer.core.open_spans import OpenSpans, fitting
from otel_layer.core.otlp import EncodedItem, batches, request
from otel_layer.core.outbox import REQUEST_BYTES_MAX, Outbox
from otel_layer.core.patience import SEND_S, Patience

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tests.simulation.agenda import Agenda
    from tests.simulation.connection import Connection
    from tests.simulation.spans import Span


class InternalHalf:
    """Of one process of the function.

    Args:
        connection: To the collector.
        agenda: Of the day.
    """

    def __init__(self, connection: Connection, agenda: Agenda) -> None:
        self._connection = connection
        self._agenda = agenda
        self._outbox = Outbox()
        self._patience = Patience()
        self._deadlines = Deadlines()
        self._open_spans = OpenSpans()
        self._roots: dict[str, Span] = {}
        self._look_count = 0
        self._is_gone = False

    def die(self) -> None:
        """End the process: nothing of it happens any more, but what it has sent may arrive."""
        self._is_gone = True
        self._connection.die()

    def begin(self, request_id: str, root: Span, remaining_s: float = 0.0) -> bool:
        """Send the open root of an invocation, for the first time or as it is now."""
        self._roots[request_id] = root
        self._open_spans.begin(request_id, cast("Any", root))
        if remaining_s and self._deadlines.set(request_id, remaining_s, self._agenda.elapsed_s):
            self._look()
        if self._patience.allows(self._agenda.elapsed_s):
            return self._send(request_id, [root.encoded()], START)
        return False

    def hold(self, root: Span) -> None:
        """Send the open root of an invocation that this process will never know."""
        self._send("", [root.encoded()], START)

    def note(self, request_id: str, span: Span) -> None:
        """Take note of a span that has started."""
        self._open_spans.start(request_id, span.number, cast("Any", span))

    def take(self, request_id: str, span: Span, filling: bytes) -> None:
        """Take over a span that has ended."""
        self._open_spans.end(span.number)
        self._outbox.put(request_id, span.encoded(filling=filling))
        root, now = self._roots.get(request_id), self._agenda.elapsed_s
        if span is root or not self._patience.allows(now):
            return
        if root is None or self._outbox.is_due(request_id, now):
            self._send(request_id, self._outbox.take(request_id))

    def snapshot(self, request_id: str) -> None:
        """Send what is open of an invocation, and what has ended of it."""
        spans = cast("list[Span]", self._open_spans.of(request_id))
        encoded = [(span, span.encoded(is_unfinished=n > 0)) for n, span in enumerate(spans)]
        if request_id not in self._roots or not self._patience.allows(self._agenda.elapsed_s):
            return
        ended = self._outbox.take(None) + self._outbox.take(request_id)
        if ended and not self._send(request_id, ended):
            return
        still_open = [one for span, one in encoded if span.end_time is None]
        if still_open and self._patience.allows(self._agenda.elapsed_s):
            self._send(request_id, fitting(still_open, REQUEST_BYTES_MAX), SNAPSHOT)

    def end(self, request_id: str) -> None:
        """Send what is left of an invocation, and that it has ended."""
        self._deadlines.unset(request_id)
        self._open_spans.finish(request_id)
        self._roots.pop(request_id, None)
        spans = self._outbox.take(None) + self._outbox.take(request_id)
        if self._send(request_id, spans, END):
            self._send_late()
        else:
            self._send(request_id, [], END)

    def _look(self) -> None:
        """Do as the timer's thread does when it wakes."""
        now = self._agenda.elapsed_s
        for request_id in self._deadlines.due(now):
            self.snapshot(request_id)
        looks_at = self._deadlines.sleep()
        self._look_count += 1
        number = self._look_count
        if looks_at != NEVER:
            self._agenda.after(max(0.0, looks_at - now), lambda: self._wake(number))

    def _wake(self, number: int) -> None:
        if number == self._look_count and not self._is_gone:
            self._look()

    def _send_late(self) -> None:
        for request_id in cast("list[str]", self._outbox.request_ids()):
            is_over = request_id not in self._roots
            if is_over and not self._send(request_id, self._outbox.take(request_id)):
                return

    def _send(self, request_id: str, spans: Sequence[EncodedItem], phase: str = ORDINARY) -> bool:
        waiting: list[list[EncodedItem]] = batches(spans, REQUEST_BYTES_MAX) or [[]]
        now = self._agenda.elapsed_s
        while waiting:
            is_last = len(waiting) == 1
            body = request(waiting[0])
            if not self._connection.send(request_id, phase if is_last else ORDINARY, body):
                self._patience.failed(now)
                unsent = [span for batch in waiting for span in batch]
                if phase == ORDINARY:
                    self._outbox.put_back(request_id, unsent)
                return False
            del waiting[0]
        self._patience.waited(self._connection.took_s(SEND_S), now)
        self._outbox.sent(now)
        return True
