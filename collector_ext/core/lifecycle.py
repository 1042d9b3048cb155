"""The collector's lifecycle, as a pure state machine.

Feed it one event and the time; carry out the actions it returns, in order, before you feed it
the next event; feed it ``TimerExpired`` when ``timer_at`` has come. It performs no I/O and
reads no clock.

What it promises, whatever the order of events (tests/simulation):

- ``AskNext`` is ordered exactly once for each event of Lambda's, and once for each failed
  ``next``: Lambda may freeze the environment as soon as it is obeyed.
- It is ordered when the invocation's telemetry is exported, kept on purpose or out of time,
  and never later than the deadline allows; with an overlapping strategy, at once.
- Never two exports by one exporter at a time; no payload is forgotten, or both exported and
  dropped.
- Every event is legal in every phase. The collector may lose telemetry; it must never be the
  reason an invocation fails.
"""

from __future__ import annotations

from collector_ext.core.actions import INFO, Action, AskNext, Exit, Say
from collector_ext.core.arrivals import SPINDOWN, Arrivals
from collector_ext.core.delivery.departures import Departures
from collector_ext.core.delivery.outbox import ALONE, AWAITED, LAST
from collector_ext.core.delivery.pipelines import Pipelines
from collector_ext.core.events import (
    END,
    SUCCESS,
    ClientGone,
    Event,
    ExportFinished,
    FunctionLogged,
    InitDone,
    InitStarted,
    InvokeReceived,
    KeptFound,
    NextFailed,
    PayloadReceived,
    PlatformReported,
    RequestRefused,
    RuntimeDone,
    ShutdownReceived,
    TimerExpired,
)
from collector_ext.core.invocation import Invocation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from collector_ext.core.delivery.report import Report
    from collector_ext.core.delivery.strategy import Strategy
    from collector_ext.core.initialisation import FailedInit

DEADLINE_MARGIN_S = 0.2
"""Kept in hand before Lambda's deadline: an export that ends later makes it a timeout."""

LAST_CALL_S = 0.5
"""So long before the deadline, what has ended is exported: the function may not return."""

FAILURE_DRAIN_S = 0.5
"""The longest flush when telemetry says that the invocation failed. Lambda resets the environment
then, in 2 s for all, and SHUTDOWN, with its own flush, reaches only who has asked next."""

NEXT_RETRY_S = 1.0
"""Between two tries to ask for an event."""

READY = "ready"  # next is asked for; the environment may be frozen
RUNNING = "running"  # an invocation is in progress
DRAINING = "draining"  # it has ended; its last flush is going on
EXITING = "exiting"  # as DRAINING, but after SHUTDOWN
GONE = "gone"  # Exit was ordered


class Lifecycle:
    """Decide what the collector does next.

    Args:
        pipelines: Where payloads wait for an export; owned by the lifecycle from now on.
        strategy: When they are exported; likewise.
        flush_timeout_s: The longest that one flush may take, whatever the deadline.
        has_telemetry: Whether the platform reports the end of invocations.
        report: The collector's own metrics, where they are asked for.
        root_of: Makes the export request with the root span of an invocation that failed before
            its handler was called; None where there shall be none.
    """

    def __init__(  # noqa: PLR0913 - what it decides about, and what it is told once
        self,
        pipelines: Pipelines,
        strategy: Strategy,
        *,
        flush_timeout_s: float,
        has_telemetry: bool,
        report: Report | None = None,
        root_of: Callable[[FailedInit], bytes] | None = None,
    ) -> None:
        self.phase = READY
        self._pipelines = pipelines
        self._strategy = strategy
        self._arrivals = Arrivals(root_of)
        self._departures = Departures(pipelines, strategy, report)
        self._flush = self._departures.flush
        self._invocation = Invocation(has_telemetry=has_telemetry)
        self._flush_timeout_s = flush_timeout_s
        self._shutdown_reason = ""
        self._last_call_at: float | None = None
        self._ask_again_at: float | None = None

    def timer_at(self, now: float) -> float | None:
        """Return when to feed ``TimerExpired``, in seconds since the epoch; None for never."""
        if self.phase == GONE:
            return None
        timers = [self._flush.timer_at(now)]
        if self.phase == READY:
            timers += [self._next_asked_again_at(now), self._departures.due_at(now)]
        elif self.phase in {DRAINING, EXITING}:
            if self._pipelines.holds and self._flush.has_time(now):
                return now  # It came during the flush, and may be for an exporter that is free.
            return timers[0] if timers[0] is not None else now
        else:
            over_at = self._invocation.deadline_at - DEADLINE_MARGIN_S
            timers += [self._last_call_at, self._invocation.first_message_by, over_at]
        return min((at for at in timers if at is not None), default=None)

    def _next_asked_again_at(self, now: float) -> float | None:
        at = self._ask_again_at
        # Further away than it ever was: the clock went back.
        return now if at is not None and now < at - NEXT_RETRY_S else at

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one event into account and return what to do about it.

        Args:
            event: What happened.
            now: When, in seconds since the epoch.

        Returns:
            Actions to carry out in order; empty when there is nothing to do.
        """
        if self.phase == GONE:
            return []
        match event:
            case PayloadReceived():
                return self._payload_received(event, now)
            case InvokeReceived():
                return self._invoke_received(event, now)
            case RuntimeDone():
                return self._runtime_done(event, now)
            case ExportFinished():
                return self._export_finished(event, now)
            case _:
                return self._handle_rarely(event, now)

    def _handle_rarely(
        self,
        event: ShutdownReceived
        | NextFailed
        | InitStarted
        | InitDone
        | ClientGone
        | RequestRefused
        | KeptFound
        | PlatformReported
        | FunctionLogged
        | TimerExpired,
        now: float,
    ) -> list[Action]:
        match event:
            case ShutdownReceived():
                return self._shutdown_received(event, now)
            case NextFailed():
                return self._next_failed(event, now)
            case InitStarted() | InitDone():
                self._arrivals.initialised(event)
            case ClientGone():
                self._invocation.miss(event.request_id, now)
            case RequestRefused():
                return self._request_refused(event)
            case KeptFound():
                return self._departures.restore(event, now)
            case PlatformReported() | FunctionLogged():
                pass  # It is `core.platform.observed` that makes something of it.
            case _:  # TimerExpired
                return self._timer_expired(now)
        return []

    def _payload_received(self, event: PayloadReceived, now: float) -> list[Action]:
        if event.phase or event.request_id:
            self._invocation.tell(event.request_id)
        actions = self._departures.put(self._arrivals.received(event, now), now)
        if event.phase == END:
            actions += self._end(event.request_id, now, now)
        return actions

    def _request_refused(self, event: RequestRefused) -> list[Action]:
        text = f"refused what a client sent, HTTP {event.status}: {event.reason}"
        return [*self._pipelines.complain("receiver", event.reason, text)]

    def _invoke_received(self, event: InvokeReceived, now: float) -> list[Action]:
        self._invocation.begin(event.request_id, event.deadline_at, now)
        self._strategy.invoked(now)
        actions = self._departures.put(self._arrivals.invoked(event, now), now)
        if self._strategy.is_overlapping:
            if self._strategy.leaves_with_invoke(now):
                actions += self._export(now, now + self._flush_timeout_s, is_over=True)
            self.phase = READY
            return [*actions, *self._pipelines.keep(), AskNext()]
        self.phase = RUNNING
        self._last_call_at = event.deadline_at - LAST_CALL_S
        if self._invocation.is_over:
            actions += self._drain(now)
        return actions

    def _runtime_done(self, event: RuntimeDone, now: float) -> list[Action]:
        actions = self._departures.put(self._arrivals.ended(event), now)
        is_failure = event.status != SUCCESS
        return actions + self._end(event.request_id, event.at, now, is_failure=is_failure)

    def _end(
        self, request_id: str, ended_at: float, now: float, *, is_failure: bool = False
    ) -> list[Action]:
        """Take one of the signs that an invocation ended into account; the first counts."""
        is_news = self._invocation.end(request_id, ended_at, now, is_failure=is_failure)
        if is_news and self.phase == RUNNING:
            return self._drain(now)
        if is_news and self.phase == DRAINING:
            # It told its end, and failed then: there is less time than there was.
            self._flush.shorten(now + FAILURE_DRAIN_S)
            orders = self._flush.orders(now, is_over=True)
            return orders + self._leave_when_drained(now)
        return []

    def _drain(self, now: float) -> list[Action]:
        """Begin the last flush of an invocation."""
        over_at = self._invocation.deadline_at
        if self._invocation.is_failed:
            over_at = min(over_at, now + FAILURE_DRAIN_S + DEADLINE_MARGIN_S)
        return self._drain_from(DRAINING, over_at, now)

    def _shutdown_received(self, event: ShutdownReceived, now: float) -> list[Action]:
        self._shutdown_reason = event.reason
        last, gone_at = self._invocation.request_id, self._invocation.gone_at
        left = self._arrivals.shut_down(event.reason, last, gone_at, now)
        actions = self._departures.put(left, now)
        return actions + self._drain_from(EXITING, event.deadline_at, now)

    def _drain_from(self, phase: str, deadline_at: float, now: float) -> list[Action]:
        """Flush, with Lambda waiting for it."""
        self.phase = phase
        until = min(now + self._flush_timeout_s, deadline_at - DEADLINE_MARGIN_S)
        return self._export(now, until, is_over=True) + self._leave_when_drained(now)

    def _export(self, now: float, until: float, *, is_over: bool) -> list[Action]:
        """Begin a flush."""
        urgency = {DRAINING: AWAITED, EXITING: LAST}.get(self.phase, ALONE)
        return self._departures.begin(now, until, urgency, is_over=is_over)

    def _leave_when_drained(self, now: float) -> list[Action]:
        """Let Lambda go on, unless the flush does."""
        if self.phase not in {DRAINING, EXITING} or self._flush.is_going_on(now):
            return []
        self._flush.stop()
        if self.phase == DRAINING:
            # What was not delivered is kept for the next event.
            self.phase = READY
            return [*self._pipelines.keep(), AskNext()]
        self.phase = GONE
        when = f"at shutdown ({self._shutdown_reason})"
        is_reset = self._shutdown_reason != SPINDOWN
        left, summary = self._pipelines.leave(when, is_reset=is_reset), self._pipelines.summary()
        return [*left, *([Say(INFO, f"{when}: {summary}")] if summary else []), Exit()]

    def _export_finished(self, event: ExportFinished, now: float) -> list[Action]:
        actions = self._departures.settle(event, now, is_over=self._is_over)
        return actions + self._leave_when_drained(now)

    @property
    def _is_over(self) -> bool:
        """Whether no more of the invocation is to come."""
        return self._invocation.is_over or self.phase in {DRAINING, EXITING}

    def _next_failed(self, event: NextFailed, now: float) -> list[Action]:
        if self.phase == READY:
            self._ask_again_at = now + NEXT_RETRY_S
        text = f"cannot get the next event: {event.reason}; trying again"
        return [*self._pipelines.complain("next", event.reason, text)]

    def _timer_expired(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if self.phase == READY:
            actions += self._ready_timer_expired(now)
        elif self.phase == RUNNING:
            actions += self._running_timer_expired(now)
        actions += self._flush.orders(now, is_over=self._is_over)
        return actions + self._leave_when_drained(now)

    def _ready_timer_expired(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if _has_come(self._next_asked_again_at(now), now):
            self._ask_again_at = None
            actions.append(AskNext())
        if _has_come(self._departures.due_at(now), now):
            actions += self._export(now, now + self._flush_timeout_s, is_over=self._is_over)
        return actions

    def _running_timer_expired(self, now: float) -> list[Action]:
        invocation = self._invocation
        is_out_of_time = now >= invocation.deadline_at - DEADLINE_MARGIN_S
        if is_out_of_time or _has_come(invocation.first_message_by, now):
            # Nobody has told the end. To wait for it beyond the deadline would make a timeout of
            # an invocation that has returned; Lambda itself waits for one that has not. What
            # became of the root is told by SHUTDOWN, by telemetry or by the next invocation.
            invocation.is_over, invocation.first_message_by = True, None
            invocation.is_failed = invocation.gone_at is not None
            return self._drain(now)
        if _has_come(self._last_call_at, now):
            self._last_call_at = None
            return self._export(now, invocation.deadline_at - DEADLINE_MARGIN_S, is_over=False)
        return []


def _has_come(at: float | None, now: float) -> bool:
    return at is not None and now >= at
