"""A lifecycle that is also told what the platform has measured, and what the function wrote.

It stands between the loop and the lifecycle, which it hides from nobody: every event goes on to
it, and what is made of telemetry goes to it as payloads that a client might have sent. So
nothing of this is on the way where that is not wanted.
"""

from __future__ import annotations

from collector_ext.core.actions import AskNext
from collector_ext.core.events import (
    END,
    ORDINARY,
    START,
    FunctionLogged,
    InvokeReceived,
    PayloadReceived,
    PlatformReported,
    RuntimeDone,
    ShutdownReceived,
    TimerExpired,
)
from collector_ext.core.invocation import EARLY_END_S
from collector_ext.core.lifecycle import DRAINING
from collector_ext.core.platform.records import INVOKE_REPORT
from collector_ext.core.platform.root import root_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.actions import Action
    from collector_ext.core.events import Event
    from collector_ext.core.function_logs.forwarding import FunctionLogs
    from collector_ext.core.lifecycle import Lifecycle
    from collector_ext.core.otlp import Payload
    from collector_ext.core.platform.metrics import PlatformMetrics
    from collector_ext.core.platform.records import PlatformRecord
    from collector_ext.core.platform.traces import PlatformTraces

LAST_REPORT_S = 0.2
"""The longest that SHUTDOWN waits for the report of the last invocation, which Lambda makes
when the environment may be frozen: it comes after the thaw, and telemetry is buffered for 25 ms,
of a CPU that may be throttled. Only where Lambda resets the environment may anyone wait for it."""

SHUTDOWN_MARGIN_S = 1.0
"""Left of SHUTDOWN's 2 s for what there is to export then; without it nothing is waited for."""

RECORD_COUNT_MAX = 64
"""Records that are known if they are told again: Lambda repeats a batch whose answer it did not
read, as when the environment was frozen before."""


LATE_BYTES_MAX = 1024 * 1024
"""Of log records that are kept from a flush that Lambda waits for. Beyond, they may be in it: a
thread of the function that goes on writing costs one export more."""


class Observed:
    """Drive a lifecycle, and let telemetry take part.

    Args:
        lifecycle: Owned from now on.
        traces: Makes spans of it; None for none.
        metrics: Makes metrics of it, which the lifecycle's report tells; None for none.
        logs: Makes log records of what the function wrote; None for none.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        traces: PlatformTraces | None,
        metrics: PlatformMetrics | None,
        logs: FunctionLogs | None = None,
    ) -> None:
        self._lifecycle = lifecycle
        self._traces = traces
        self._metrics = metrics
        self._logs = logs
        self._late: list[Payload] = []  # log records that came when Lambda waited for a flush
        self._told: dict[tuple[str, str, int], None] = {}
        self._request_id = ""  # of the invocation in progress, until next is asked for
        self._began_at = 0.0  # likewise, as its INVOKE was read
        self._ended = ("", 0.0)  # the request id of the last one that ended, and when
        self._unreported = ""  # the request id of the last invocation, until its report is told
        self._shutdown: ShutdownReceived | None = None  # until it is passed on
        self._shutdown_at = 0.0  # when it is, at the latest

    def timer_at(self, now: float) -> float | None:
        """Return when to feed ``TimerExpired``, in seconds since the epoch; None for never."""
        at = self._lifecycle.timer_at(now)
        if self._shutdown is None:
            return at
        ours = now if self._is_shutdown_due(now) else self._shutdown_at
        return ours if at is None else min(at, ours)

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take one event into account and return what to do about it; as the lifecycle."""
        actions = self._handle(event, now)
        if self._lifecycle.phase != DRAINING:
            actions += self._put_late(now)
        return actions

    def _handle(self, event: Event, now: float) -> list[Action]:
        match event:
            case FunctionLogged():
                return self._function_logged(event, now)
            case PlatformReported():
                return self._platform_reported(event.record, now)
            case ShutdownReceived() if self._unreported and _has_time(event, now):
                self._shutdown, self._shutdown_at = event, now + LAST_REPORT_S
                return []
            case TimerExpired() if self._shutdown and self._is_shutdown_due(now):
                return self._pass_shutdown_on(now)
        actions = self._note(event, now)
        actions += self._lifecycle.handle(event, now)
        if self._request_id and self._request_id == self._ended[0] and AskNext() in actions:
            self._note_held(now)
        return actions

    def _note(self, event: Event, now: float) -> list[Action]:
        """Take note of an invocation that begins or ends; return what to do about that."""
        match event:
            case InvokeReceived():
                self._request_id = self._unreported = event.request_id
                self._began_at = now
                if now - self._ended[1] > EARLY_END_S:
                    self._ended = ("", 0.0)  # an earlier try of the same request
            case PayloadReceived() if event.phase == START:
                return self._started(event, now)
            case PayloadReceived() if event.phase == END:
                self._told_its_end(event, now)
            case RuntimeDone() if event.at >= self._began_at:
                self._note_end(event.request_id, event.at)
            case ShutdownReceived() if self._logs:
                return [*self._logs.said(is_last=True), *self._put_late(now)]
        return []

    def _started(self, event: PayloadReceived, now: float) -> list[Action]:
        request_id, root = event.request_id, root_in(event.payload.body)
        for part in (self._metrics, self._logs):
            if part:
                part.started(request_id, root)
        return self._put(self._traces.started(request_id, root), now) if self._traces else []

    def _told_its_end(self, event: PayloadReceived, now: float) -> None:
        for part in (self._metrics, self._logs):
            if part:
                part.ended(event.request_id, event.payload.body)
        self._note_end(event.request_id, now)

    def _platform_reported(self, record: PlatformRecord, now: float) -> list[Action]:
        key = record.kind, record.request_id, record.at_ns
        if key in self._told:
            return []
        self._told[key] = None
        if len(self._told) > RECORD_COUNT_MAX:
            del self._told[next(iter(self._told))]
        if self._metrics:
            self._metrics.told(record)
        actions = self._put(self._traces.told(record), now) if self._traces else []
        if record.kind == INVOKE_REPORT and record.request_id == self._unreported:
            self._unreported = ""
            actions += self._pass_shutdown_on(now)
        return actions

    def _function_logged(self, event: FunctionLogged, now: float) -> list[Action]:
        if self._logs is None:
            return []
        payloads = self._logs.told(event, now)
        said: list[Action] = [*self._logs.said()]
        size_bytes = sum(len(payload.body) for payload in [*self._late, *payloads])
        if self._lifecycle.phase == DRAINING and size_bytes <= LATE_BYTES_MAX:
            self._late += payloads
            return said
        return said + self._put(payloads, now)

    def _put_late(self, now: float) -> list[Action]:
        late, self._late = self._late, []
        return self._put(late, now)

    def _put(self, payloads: list[Payload], now: float) -> list[Action]:
        return [
            action
            for payload in payloads
            for action in self._lifecycle.handle(PayloadReceived(payload, "", ORDINARY), now)
        ]

    def _note_end(self, request_id: str, at: float) -> None:
        if request_id != self._ended[0]:
            self._ended = (request_id, at)

    def _note_held(self, now: float) -> None:
        duration_s = now - self._ended[1]
        self._request_id, self._ended = "", ("", 0.0)
        if self._metrics:
            self._metrics.held(max(0.0, duration_s))  # less: the clock went back

    def _is_shutdown_due(self, now: float) -> bool:
        # Further away than it ever was: the clock went back.
        return not self._shutdown_at - LAST_REPORT_S <= now < self._shutdown_at

    def _pass_shutdown_on(self, now: float) -> list[Action]:
        shutdown, self._shutdown = self._shutdown, None
        if shutdown is None:
            return []
        return self._note(shutdown, now) + self._lifecycle.handle(shutdown, now)


def _has_time(event: ShutdownReceived, now: float) -> bool:
    return event.deadline_at - now >= LAST_REPORT_S + SHUTDOWN_MARGIN_S
