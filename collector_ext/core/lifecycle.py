"""The collector's lifecycle, as a pure state machine.

Feed it one event and the time; carry out the actions it returns, in order, before you feed it
the next event; feed it ``TimerExpired`` when ``timer_at`` has come. It performs no I/O and
reads no clock.

What it promises, whatever the order of events (tests/properties/test_collector_lifecycle.py):

- ``AskNext`` is ordered exactly once for each event of Lambda's, and once for each failed
  ``next``: Lambda may freeze the environment as soon as it is obeyed.
- It is ordered when the invocation's telemetry is exported, kept on purpose or out of time,
  and never later than the deadline allows.
- Never two exports at a time; no payload is forgotten, or both exported and dropped.
- Every event is legal in every phase. The collector may lose telemetry; it must never be the
  reason an invocation fails.
"""

from __future__ import annotations

from collector_ext.core.actions import Action, AskNext, Exit, Export
from collector_ext.core.delivery.pipelines import Pipelines
from collector_ext.core.events import (
    END,
    SNAPSHOT,
    START,
    SUCCESS,
    Event,
    ExportFinished,
    Failed,
    InvokeReceived,
    NextFailed,
    PayloadReceived,
    Refused,
    RequestRefused,
    RuntimeDone,
    ShutdownReceived,
    TimerExpired,
)
from collector_ext.core.otlp import PROTOBUF, TRACES, Payload
from collector_ext.core.unfinished import NO_END, Unfinished

DEADLINE_MARGIN_S = 0.2
"""Kept in hand before Lambda's deadline: an export that ends later makes it a timeout."""

LAST_CALL_S = 0.5
"""So long before the deadline, what has ended is exported: the function may not return."""

OUTCOME_GRACE_S = 0.05
"""After the end of a flush's budget, for the exporter to say that it gave up, and why."""

FAILURE_DRAIN_S = 0.5
"""The longest flush when telemetry says that the invocation failed. Lambda resets the environment
then, in 2 s for all, and SHUTDOWN, with its own flush, reaches only who has asked next."""

DRAIN_EXPORT_COUNT_MAX = 2
"""Exports at the end of an invocation: what waits, and once more what came during that. A thread
of the function that goes on sending must not keep the next invocation waiting."""

FIRST_MESSAGE_S = 1.0
"""Without telemetry: for the internal half to show, in the first invocation, that it is there."""

NEXT_RETRY_S = 1.0
"""Between two tries to ask for an event."""

EARLY_END_COUNT_MAX = 64
"""Ends remembered for invocations whose INVOKE is not read; one or two are ever true."""

EARLY_END_S = 1.0
"""The most that an end is read before its INVOKE. What is older is about an earlier try of the
same request: Lambda retries asynchronous invocations under their old id, a minute later."""

READY = "ready"  # next is asked for; the environment may be frozen
RUNNING = "running"  # an invocation is in progress
DRAINING = "draining"  # it has ended; the last export is under way
EXITING = "exiting"  # as DRAINING, but after SHUTDOWN
GONE = "gone"  # Exit was ordered


class Lifecycle:
    """Decide what the collector does next.

    Args:
        pipelines: Where payloads wait for an export; owned by the lifecycle from now on.
        flush_timeout_s: The longest that one flush may take, whatever the deadline.
        has_telemetry: Whether the platform reports the end of invocations.
        period_s: Export at this interval instead of at the end of invocations: on Managed
            Instances, where there are no INVOKE events. None elsewhere.
    """

    def __init__(
        self,
        pipelines: Pipelines,
        *,
        flush_timeout_s: float,
        has_telemetry: bool,
        period_s: float | None,
    ) -> None:
        self.phase = READY
        self._pipelines = pipelines
        self._unfinished = Unfinished()
        self._flush_timeout_s = flush_timeout_s
        self._has_telemetry = has_telemetry
        self._period_s = period_s

        self._is_told = False  # whether the internal half has ever told of an invocation
        self._was_invoked = False
        self._request_id = ""
        self._deadline_at = self._invoked_at = 0.0
        self._early_ends: dict[str, float] = {}  # request id: when
        self._drain_until = 0.0
        self._has_tried = False  # whether this drain has ordered an export
        self._exports_left = 0  # that this drain may order
        self._away: set[str] = set()  # exporters that have failed in this drain
        self._shutdown_reason = ""

        self._last_call_at: float | None = None
        self._first_message_by: float | None = None
        self._ask_again_at: float | None = None
        self._period_ends_at: float | None = None

    @property
    def timer_at(self) -> float | None:
        """When to feed ``TimerExpired``, in seconds since the epoch; None for never."""
        if self.phase == READY:
            timers = [self._ask_again_at, self._period_ends_at]
        elif self.phase == RUNNING:
            over_at = self._deadline_at - DEADLINE_MARGIN_S
            timers = [self._last_call_at, self._first_message_by, over_at]
        elif self.phase == GONE:
            timers = []
        else:
            timers = [self._drain_until + OUTCOME_GRACE_S]
        return min((at for at in timers if at is not None), default=None)

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
        event: ShutdownReceived | NextFailed | RequestRefused | TimerExpired,
        now: float,
    ) -> list[Action]:
        match event:
            case ShutdownReceived():
                return self._shutdown_received(event, now)
            case NextFailed():
                return self._next_failed(event, now)
            case RequestRefused():
                text = f"refused what a client sent, HTTP {event.status}: {event.reason}"
                return [*self._pipelines.complain("receiver", event.reason, text)]
            case _:  # TimerExpired
                return self._timer_expired(now)

    def _payload_received(self, event: PayloadReceived, now: float) -> list[Action]:
        if event.phase:
            self._is_told = True
            self._first_message_by = None
        actions: list[Action] = [*self._pipelines.put(self._sorted(event, now))]
        self._start_period(now)
        if event.phase == END:
            actions += self._end(event.request_id, now, now)
        return actions

    def _sorted(self, event: PayloadReceived, now: float) -> list[Payload]:
        """Keep spans that have not ended; return what is to be exported."""
        payload, request_id = event.payload, event.request_id
        if event.phase == START:
            return self._unfinished.start(request_id, payload.body, now=now)
        if event.phase == SNAPSHOT:
            return self._unfinished.snapshot(request_id, payload.body, now=now)
        if not request_id or payload.signal != TRACES or payload.content_type != PROTOBUF:
            return [payload]
        body = self._unfinished.receive(request_id, payload.body)
        return [
            payload if body is payload.body else Payload(TRACES, PROTOBUF, body, is_suspect=False)
        ]

    def _invoke_received(self, event: InvokeReceived, now: float) -> list[Action]:
        self.phase = RUNNING
        self._request_id, self._deadline_at = event.request_id, event.deadline_at
        self._invoked_at = now
        self._last_call_at = event.deadline_at - LAST_CALL_S
        # A root that nobody has ended by now never will be: its invocation is over.
        given_up = self._unfinished.give_up_all(NO_END, now, but=event.request_id)
        actions: list[Action] = [*self._pipelines.put(given_up)]
        ended_at = self._early_ends.pop(event.request_id, 0.0)
        if self._is_about_this(ended_at) or not self._will_be_told(now):
            actions += self._drain_from(DRAINING, event.deadline_at, now)
        return actions

    def _will_be_told(self, now: float) -> bool:
        """Whether anyone will tell the end of this invocation.

        Without telemetry only the internal half can, if there is one: it has the first
        invocation to show itself. Without both (a local emulator, a function that is not
        instrumented) what comes now is exported with the next event.
        """
        if self._has_telemetry or self._is_told:
            return True
        is_first, self._was_invoked = not self._was_invoked, True
        self._first_message_by = now + FIRST_MESSAGE_S if is_first else None
        return is_first

    def _runtime_done(self, event: RuntimeDone, now: float) -> list[Action]:
        actions: list[Action] = []
        is_failure = event.status != SUCCESS
        if is_failure and self._unfinished.has_started_by(event.request_id, event.at):
            why = event.error_type or event.status
            actions += self._pipelines.put(
                self._unfinished.give_up(event.request_id, why, event.at)
            )
            self._start_period(now)
        return actions + self._end(event.request_id, event.at, now, is_failure=is_failure)

    def _end(
        self, request_id: str, ended_at: float, now: float, *, is_failure: bool = False
    ) -> list[Action]:
        """Take one of the signs that an invocation ended into account; the first counts."""
        is_this = request_id == self._request_id and self._is_about_this(ended_at)
        if self.phase == RUNNING and is_this:
            over_at = self._deadline_at
            if is_failure:
                over_at = min(over_at, now + FAILURE_DRAIN_S + DEADLINE_MARGIN_S)
            return self._drain_from(DRAINING, over_at, now)
        # INVOKE, telemetry and the function reach us on three ways: any may be the first.
        self._early_ends[request_id] = ended_at
        if len(self._early_ends) > EARLY_END_COUNT_MAX:
            del self._early_ends[next(iter(self._early_ends))]
        return []

    def _is_about_this(self, ended_at: float) -> bool:
        return ended_at >= self._invoked_at - EARLY_END_S

    def _shutdown_received(self, event: ShutdownReceived, now: float) -> list[Action]:
        self._shutdown_reason = event.reason
        why = NO_END if event.reason == "spindown" else event.reason
        actions: list[Action] = [*self._pipelines.put(self._unfinished.give_up_all(why, now))]
        return actions + self._drain_from(EXITING, event.deadline_at, now)

    def _drain_from(self, phase: str, deadline_at: float, now: float) -> list[Action]:
        self.phase = phase
        self._drain_until = min(now + self._flush_timeout_s, deadline_at - DEADLINE_MARGIN_S)
        self._has_tried = False
        self._away = set()
        self._exports_left = DRAIN_EXPORT_COUNT_MAX
        return self._drain(now)

    def _drain(self, now: float) -> list[Action]:
        """Export what waits while there is time, then let Lambda go on."""
        if self._pipelines.is_in_flight:
            is_over = now >= self._drain_until + OUTCOME_GRACE_S
            return self._leave() if is_over else []
        export: list[Action] = []
        if self._exports_left or self.phase == EXITING:
            export = self._export(now, until=self._drain_until)
        if not any(isinstance(action, Export) for action in export):
            return export + self._leave()
        self._has_tried = True
        self._exports_left -= 1
        return export

    def _leave(self) -> list[Action]:
        self._away = set()
        if self.phase == EXITING:
            self.phase = GONE
            return [*self._pipelines.discard(f"at shutdown ({self._shutdown_reason})"), Exit()]
        # What was not delivered is kept for the next event.
        self.phase = READY
        return [AskNext()]

    def _export_finished(self, event: ExportFinished, now: float) -> list[Action]:
        actions: list[Action] = [*self._pipelines.settle(event.outcomes)]
        self._start_period(now)
        if self.phase not in {DRAINING, EXITING}:
            return actions
        if self._has_tried:
            # An endpoint that has just failed is not tried again on the function's time.
            self._away.update(o.request.exporter for o in event.outcomes if isinstance(o, Failed))
        # The parts of a refused request are judged on their own: that is still one export.
        is_divided = any(
            isinstance(outcome, Refused) and len(outcome.request.payloads) > 1
            for outcome in event.outcomes
        )
        self._exports_left += is_divided
        return actions + self._drain(now)

    def _next_failed(self, event: NextFailed, now: float) -> list[Action]:
        if self.phase == READY:
            self._ask_again_at = now + NEXT_RETRY_S
        text = f"cannot get the next event: {event.reason}; trying again"
        return [*self._pipelines.complain("next", event.reason, text)]

    def _start_period(self, now: float) -> None:
        if self._period_s and self._period_ends_at is None and self._pipelines.has_waiting:
            self._period_ends_at = now + self._period_s

    def _timer_expired(self, now: float) -> list[Action]:
        if self.phase == READY:
            return self._ready_timer_expired(now)
        if self.phase == RUNNING:
            return self._running_timer_expired(now)
        return self._drain(now)

    def _ready_timer_expired(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if _has_come(self._ask_again_at, now):
            self._ask_again_at = None
            actions.append(AskNext())
        if _has_come(self._period_ends_at, now):
            self._period_ends_at = None
            actions += self._export(now, until=now + self._flush_timeout_s)
        return actions

    def _running_timer_expired(self, now: float) -> list[Action]:
        if now >= self._deadline_at - DEADLINE_MARGIN_S:
            # Nobody has told the end. To wait for it beyond the deadline would make a timeout of
            # an invocation that has returned; Lambda itself waits for one that has not. What
            # became of the root is told by SHUTDOWN, by telemetry or by the next invocation.
            return self._drain_from(DRAINING, self._deadline_at, now)
        if _has_come(self._first_message_by, now):
            self._first_message_by = None
            return self._drain_from(DRAINING, self._deadline_at, now)
        if _has_come(self._last_call_at, now):
            self._last_call_at = None
            return self._export(now, until=self._deadline_at - DEADLINE_MARGIN_S, is_over=False)
        return []

    def _export(self, now: float, *, until: float, is_over: bool = True) -> list[Action]:
        """Export what waits, without anything else waiting for it."""
        if now >= until or self._pipelines.is_in_flight or not self._pipelines.has_waiting:
            return []
        said, requests = self._pipelines.take(is_over=is_over, but=self._away)
        return [*said, Export(requests, until)] if requests else [*said]


def _has_come(at: float | None, now: float) -> bool:
    return at is not None and now >= at
