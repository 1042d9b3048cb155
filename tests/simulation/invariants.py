"""What has to be true after each step of a day, whatever has happened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from collector_ext.core import invocation, unfinished
from collector_ext.core.actions import INFO, Action, AskNext, Exit, Export, Say
from collector_ext.core.delivery.complaints import REASON_COUNT_MAX
from collector_ext.core.events import InvokeReceived, PayloadReceived, TimerExpired
from collector_ext.core.lifecycle import GONE
from collector_ext.core.otlp import JSON, TRACES
from collector_ext.core.platform import observed
from tests.simulation.books import Books, check_pipeline, in_flight
from tests.simulation.ledger import promise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector_ext.core.delivery.buffer import Buffer
    from collector_ext.core.events import Event
    from collector_ext.core.otlp import ExportRequest
    from tests.simulation.core import Core
    from tests.simulation.ledger import Sent
    from tests.simulation.traces import Traces

TIMERS_IN_A_ROW_MAX = 20


class Invariants:
    """Of one environment; those of time are in `waiting`.

    Args:
        core: What is looked at.
        sent: By the function.
        traces: Of its invocations.
    """

    def __init__(self, core: Core, sent: Sent, traces: Traces) -> None:
        self._core = core
        self._sent = sent
        self._traces = traces
        self._books = [Books(outbox) for outbox in core.outboxes.values()]
        self._timer_count = 0  # in a row at one time
        self._timed_at = 0.0
        self._idle_count = 0

    def check(self, event: Event, actions: Sequence[Action], now: float) -> None:
        """Look at everything after an event.

        Args:
            event: It.
            actions: What was ordered because of it.
            now: As the core was told.
        """
        for action in actions:
            if isinstance(action, Export):
                self._check_order(action, now)
            elif isinstance(action, Exit):
                self._check_summary(actions)
        if not isinstance(event, TimerExpired) or actions:
            for books in self._books:
                books.check(event, actions)
            for pipeline in self._core.pipelines:
                check_pipeline(pipeline)
            self._check_receipt(event)
            self._check_bounds()
        self._check_next(event, actions)
        self._check_timer(event, actions, now)

    def _check_order(self, order: Export, now: float) -> None:
        promise(order.deadline_at > now, "an export has no time")
        promise(order.requests, "an export has nothing to send")
        size_bytes_max = self._core.conditions.limits.request_bytes_max
        for request in order.requests:
            size_bytes = sum(len(payload.body) for payload in request.payloads)
            is_single = len(request.payloads) == 1
            promise(is_single or size_bytes <= size_bytes_max, "a merged request is too large")
            promise(is_single or not _holds_json(request), "JSON is merged")
            promise(size_bytes, "a request is empty")

    def _check_summary(self, actions: Sequence[Action]) -> None:
        """Compare the last line with the accounts."""
        lines = [action for action in actions if isinstance(action, Say) and action.level == INFO]
        text = lines[-1].text if lines else ""
        for name, outbox in self._core.outboxes.items():
            for signal, account in outbox.accounts.items():
                if not account.received:
                    continue
                parts = [
                    f"{signal.amount(account.received)} received",
                    f"{account.exported} exported",
                ]
                if account.carried:
                    parts.append(f"{account.carried} carried over")
                if account.dropped:
                    reasons = ", ".join(f"{why} {count}" for why, count in account.dropped.items())
                    parts.append(f"{sum(account.dropped.values())} dropped ({reasons})")
                line = re.escape(f"{name}: {', '.join(parts)}")
                promise(re.search(f"{line}(;|$)", text), f"the summary lacks {line}")

    def _check_receipt(self, event: Event) -> None:
        """Compare what the pipelines have taken in with what the function has sent."""
        self._traces.check_arrived(event)
        is_gone = self._core.lifecycle.phase == GONE
        if not is_gone and not isinstance(event, PayloadReceived | InvokeReceived):
            return
        for pipeline in self._core.pipelines:
            if not pipeline.takes(pipeline.signal):
                continue
            is_of_traces = pipeline.signal == TRACES
            sent = len(self._traces.put if is_of_traces else self._sent.ended[pipeline.signal])
            received = pipeline.account.received
            items = pipeline.signal.items
            promise(received == sent, f"{received} {items} are received, {sent} were sent")

    def _check_bounds(self) -> None:
        core = self._core
        for outbox in core.outboxes.values():
            _check_buffer(outbox._buffer)
            size_bytes = sum(len(payload.body) for payload in in_flight(outbox))
            is_single = len(in_flight(outbox)) == 1
            promise(is_single or size_bytes <= outbox._buffer.size_bytes_max, "too much in flight")
            _check_complaints(outbox._notices._complaints._reasons, 2 * len(outbox.accounts) * 3)
        for pipeline in core.pipelines:
            _check_buffer(pipeline._held)
        _check_complaints(core.joined._complaints._reasons, 6)
        lifecycle = core.lifecycle
        ends = len(lifecycle._invocation._early_ends)
        promise(ends <= invocation.EARLY_END_COUNT_MAX, "early ends grow")
        of_invocations = lifecycle._arrivals._unfinished._invocations
        promise(len(of_invocations) <= unfinished.INVOCATION_COUNT_MAX, "unfinished spans grow")
        for one in of_invocations.values():
            promise(len(one.ended_ids) <= unfinished.ENDED_ID_COUNT_MAX, "ended spans grow")
            is_over = one.root_id in one.done_ids
            promise(not is_over or not one.root, "the root of an invocation that is over is held")
        promise(len(core.observed._told) <= observed.RECORD_COUNT_MAX, "records grow")

    def _check_next(self, event: Event, actions: Sequence[Action]) -> None:
        if isinstance(event, InvokeReceived) and self._core.strategy.is_overlapping:
            is_asked = any(isinstance(action, AskNext) for action in actions)
            promise(is_asked, "an overlapping strategy does not ask for next at once")
        count = sum(isinstance(action, AskNext | Exit) for action in actions)
        promise(count <= 1, "next is asked for twice at once")

    def _check_timer(self, event: Event, actions: Sequence[Action], now: float) -> None:
        if not isinstance(event, TimerExpired):
            return
        timer_at = self._core.timer_at(now)
        is_idle = not actions and timer_at is not None and timer_at <= now
        self._idle_count = self._idle_count + 1 if is_idle else 0
        # One may do its work in silence: what processors let go has made room for itself.
        promise(self._idle_count <= 1, "a timer that changed nothing stays")
        self._timer_count = self._timer_count + 1 if now == self._timed_at else 0
        self._timed_at = now
        promise(self._timer_count < TIMERS_IN_A_ROW_MAX, "a timer spins")


def _holds_json(request: ExportRequest) -> bool:
    return any(payload.content_type == JSON for payload in request.payloads)


def _check_buffer(buffer: Buffer) -> None:
    size_bytes = sum(len(payload.body) for payload in buffer.content)
    promise(size_bytes == buffer._size_bytes, "a buffer does not know its size")
    is_single = len(buffer.content) == 1
    promise(is_single or size_bytes <= buffer.size_bytes_max, "a buffer grows beyond its bound")


def _check_complaints(reasons: dict[str, set[str]], about_count_max: int) -> None:
    promise(len(reasons) <= about_count_max, "complaints are about ever more")
    is_bounded = all(len(of_one) <= REASON_COUNT_MAX for of_one in reasons.values())
    promise(is_bounded, "complaints have ever more reasons")
