"""Telemetry: what the platform tells, late, out of order, more than once or never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.events import (
    InitDone,
    InitStarted,
    PlatformReported,
    RequestRefused,
    RuntimeDone,
)
from collector_ext.core.platform.records import (
    INIT_REPORT,
    INIT_RUNTIME_DONE,
    INIT_START,
    INVOKE_REPORT,
    INVOKE_RUNTIME_DONE,
    INVOKE_START,
    Part,
    PlatformRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from collector_ext.core.events import Event
    from tests.simulation.agenda import Agenda
    from tests.simulation.conditions import Conditions

FAILURE_LATEST_S = 0.5
"""Lambda resets the environment then, within 2 s, and sends what it has first."""

LATEST_S = 1.5

_NS_PER_MS = 1_000_000


class Telemetry:
    """Tell the collector.

    Args:
        conditions: Of the day.
        agenda: Likewise.
        chance: Likewise.
        feed: Takes it.

    Attributes:
        has_lost_end: Whether the end of an invocation was lost.
        is_failing: Whether one that failed was told.
    """

    def __init__(
        self,
        conditions: Conditions,
        agenda: Agenda,
        chance: Random,
        feed: Callable[[Event], None],
    ) -> None:
        self._conditions = conditions
        self._agenda = agenda
        self._chance = chance
        self._feed = feed
        self._report: RuntimeDone | None = None
        self._last: RuntimeDone | None = None
        self.has_lost_end = self.is_failing = False

    def init_starts(self, *, is_part_of_invocation: bool) -> None:
        """Tell that an initialisation begins."""
        started = InitStarted(is_part_of_invocation, self._at())
        phase = "invoke" if is_part_of_invocation else "init"
        self._tell(self._record(INIT_START, phase=phase), started)

    def init_ends(self, status: str) -> None:
        """Tell how it ended; older platforms leave the status of a success out."""
        self._tell(self._record(INIT_RUNTIME_DONE, status=status))
        reported = (self._record(INIT_REPORT, status=status), InitDone(status, self._at()))
        if self._conditions.is_managed and self._conditions.has_telemetry:
            # Where there is no INVOKE, nothing else says that it has succeeded.
            self._agenda.after(LATEST_S, lambda: self._arrive(reported))
        else:
            self._tell(*reported)

    def invocation_starts(self, request_id: str) -> None:
        """Tell that one begins, and what Lambda had to report of the one before."""
        report, self._report = self._report, None
        if report is not None and self._chance.random() < 0.5:
            self._tell(self._record(INVOKE_REPORT, report), report)
        self._tell(self._record(INVOKE_START, request_id=request_id))

    def invocation_ends(self, request_id: str, status: str, error_type: str) -> None:
        """Tell how one ended."""
        done = self._report = self._last = RuntimeDone(request_id, status, error_type, self._at())
        is_failure = status not in {"success", "error"} or bool(error_type)
        if not self._tell(self._record(INVOKE_RUNTIME_DONE, done), done, is_urgent=is_failure):
            self.has_lost_end = True

    def take_over(self, earlier: Telemetry) -> None:
        """Tell, of the environment before, what was not told in it, or is told again."""
        if earlier._last is not None and self._chance.random() < 0.3:
            self._tell(self._record(INVOKE_REPORT, earlier._last), earlier._last)

    def report(self) -> None:
        """Tell of the last invocation what is known when all is over."""
        report, self._report = self._report, None
        if report is not None:
            self._tell(self._record(INVOKE_REPORT, report), report)

    def _at(self) -> float:
        """Return the time as the platform tells it, cut to milliseconds."""
        return int(self._agenda.now * 1000) / 1000

    def _record(
        self,
        kind: str,
        of: RuntimeDone | None = None,
        *,
        request_id: str = "",
        status: str = "",
        phase: str = "",
    ) -> PlatformReported:
        at_ns = round((of.at if of else self._at()) * 1000) * _NS_PER_MS
        name = {INVOKE_RUNTIME_DONE: "responseLatency", INVOKE_REPORT: "extensionOverhead"}
        parts = (Part(name[kind], at_ns, 2 * _NS_PER_MS),) if kind in name else ()
        return PlatformReported(
            PlatformRecord(
                kind=kind,
                at_ns=at_ns,
                request_id=of.request_id if of else request_id,
                status=of.status if of else status,
                error_type=of.error_type if of else "",
                initialization_type="on-demand" if phase else "",
                phase=phase,
                metrics={"durationMs": 2.0},
                parts=parts,
            )
        )

    def _tell(self, *events: Event, is_urgent: bool = False) -> bool:
        """Post events, in their order; return whether they will arrive."""
        conditions, chance = self._conditions, self._chance
        if not conditions.has_telemetry:
            return True
        if chance.random() < conditions.telemetry_loss_share:
            return False
        latest_s = FAILURE_LATEST_S if is_urgent else LATEST_S
        for _ in range(chance.choice((1, 1, 1, 2))):
            self._agenda.after(latest_s * chance.random() ** 4, lambda: self._arrive(events))
        return True

    def _arrive(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, RuntimeDone):
                self.is_failing |= event.status != "success"
            if self._conditions.is_observed or not isinstance(event, PlatformReported):
                self._feed(event)
        if self._chance.random() < 0.02:
            self._feed(RequestRefused(400, f"HTTP {self._chance.random()}"))
