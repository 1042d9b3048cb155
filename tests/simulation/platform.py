"""Lambda: one execution environment from its first event to its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.events import (
    ClientGone,
    InvokeReceived,
    NextFailed,
    PayloadReceived,
    ShutdownReceived,
)
from tests.simulation.function import CRASH, Run
from tests.simulation.ledger import promise
from tests.simulation.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from collector_ext.core.events import Event
    from tests.simulation.agenda import Agenda
    from tests.simulation.conditions import Conditions
    from tests.simulation.function import Function
    from tests.simulation.traces import Traces

RESET_S = 2.0
"""For all, from the failure of an invocation to the end of the environment's processes."""

RETRY_S = 60.0
"""Before Lambda tries an asynchronous invocation again, under its old request id."""

PAUSES_S = (0.0, 0.0, 0.1, 1.0, 10.0, 100.0, 10_000.0)
TELLING_S = 1.0
"""More than a collector without telemetry takes to see that the function is gone, and to export."""

BUSY_PAUSES_S = (0.0, 0.1, 0.5)
"""The longest between two invocations."""


class Platform:
    """Invoke the function, tell the extension, and freeze when both are ready.

    Args:
        conditions: Of the day.
        agenda: Likewise.
        chance: Likewise.
        function: What is invoked.
        traces: Where it is noted whose initialisation fails.
        earlier: The environment before this one, of which telemetry may still be told.
        feed: Takes what the extension is told.
        freeze: Lets a freeze pass, of so many seconds.

    Attributes:
        owed: The event that the extension has not answered by asking for the next one.
        is_awaiting: Whether it has asked.
        is_shut_down: Whether it was told SHUTDOWN.
        is_over: Whether it is gone.
        owed_since_s: When Lambda sent that event, in elapsed seconds.
        deadline_s: Of that event, likewise.
        jumped_at: When the environment's clock last jumped, likewise.
    """

    def __init__(  # noqa: PLR0913 - one argument for each part of the day
        self,
        conditions: Conditions,
        *,
        agenda: Agenda,
        chance: Random,
        function: Function,
        traces: Traces,
        earlier: Platform | None,
        feed: Callable[[Event], None],
        freeze: Callable[[float], None],
    ) -> None:
        self._conditions = conditions
        self._agenda = agenda
        self._chance = chance
        self._function = function
        self._traces = traces
        self._number: int = earlier._number + 1 if earlier else 1
        self._telemetry = Telemetry(conditions, agenda, chance, feed)
        if earlier is not None:
            self._telemetry.take_over(earlier._telemetry)
            traces.earlier.update(earlier._request_ids)
        self._feed = feed
        self._freeze = freeze
        self.owed: Event | None = None
        self.owed_since_s = 0.0
        self.deadline_s = 0.0
        self.is_awaiting = True
        self.is_shut_down = self.is_over = False
        self.jumped_at = -1.0
        self.run: Run | None = None
        self._invocation_count = 0
        self._reset_reason = ""
        self._reset_until_s = 0.0
        # The last one may be tried again in the next environment.
        self._request_ids: list[str] = earlier._request_ids[-1:] if earlier else []
        self._gone_s: float | None = None  # since when the extension knows that the function is

    @property
    def is_failing(self) -> bool:
        """Whether the extension was told that the invocation failed."""
        return self._telemetry.is_failing

    @property
    def left_count(self) -> int:
        """Invocations that are still to come."""
        return self._conditions.invocation_count - self._invocation_count

    def start(self) -> None:
        """Begin, with next asked for."""
        if not self._conditions.is_clock_steady:
            self._agenda.after(600.0 * self._chance.random() ** 3, self._jump)
        self._initialise()
        if self._reset_reason:
            return
        if self._conditions.is_managed:
            self._agenda.after(0.0, self._invoke_beside)
        elif self._chance.random() < 0.05:
            self._fail_next()
        else:
            self._go_on_if_ready()

    def _initialise(self) -> None:
        """Initialise, perhaps at the second try, or as part of the invocation that needs it."""
        chance, is_suppressed = self._chance, False
        while chance.random() < 0.1 and not is_suppressed:
            self._telemetry.init_starts(is_part_of_invocation=False)
            self._function.fail_to_initialise()
            self._telemetry.init_ends("error")
            is_suppressed = not self._conditions.is_managed
        self._telemetry.init_starts(is_part_of_invocation=is_suppressed)
        if chance.random() < (0.5 if is_suppressed else 0.05) and not self._conditions.is_managed:
            self._fail_with_init()
        else:
            self._telemetry.init_ends(chance.choice(("success", "success", "")))

    def _fail_with_init(self) -> None:
        """Let the invocation fail that needed the initialisation; nobody is told INVOKE."""
        self._invocation_count += 1
        self._traces.failing_request_id = request_id = self._request_id(is_retry=False)
        self._reset_reason = "failure"
        self._agenda.after(3.0 * self._chance.random(), lambda: self._fail(request_id))

    def _fail(self, request_id: str) -> None:
        self._function.fail_to_initialise()
        self._telemetry.init_ends("error")
        how = self._chance.choice(("timeout", "error"))
        error_type = "Runtime.ImportModuleError" if how == "error" else ""
        self._telemetry.invocation_ends(request_id, how, error_type)
        delay_s = self._chance.choice((0.0, 0.1, 0.6))
        self._agenda.after(delay_s, lambda: self._shut_down("failure", RESET_S - delay_s))

    def asked_next(self) -> None:
        """Take the extension's question for the next event."""
        promise(not self.is_shut_down, "next is asked for after SHUTDOWN")
        promise(self.owed is not None, "next is asked for twice")
        self.owed, self.is_awaiting = None, True
        if self._reset_until_s:
            self._shut_down(self._reset_reason, self._reset_until_s - self._agenda.elapsed_s)
        elif self.run is not None and self._chance.random() < 0.03:
            run = self.run
            self._agenda.after(self._chance.random(), lambda: self._fail_next(run))
        else:
            self._go_on_if_ready()

    def note(self, event: Event) -> None:
        """Note what the extension learns without Lambda."""
        if isinstance(event, ClientGone) and [event.request_id] == self._request_ids[-1:]:
            self._gone_s = self._agenda.elapsed_s
        elif isinstance(event, PayloadReceived) and (event.request_id or event.phase):
            self._gone_s = None

    def exited(self) -> None:
        """Take the end of the extension."""
        promise(self.is_shut_down, "the collector leaves before SHUTDOWN")
        promise(not self.is_over, "the collector leaves twice")
        self.is_over = True

    def has_jumped(self, since_s: float) -> bool:
        """Whether the environment's clock has jumped since then."""
        return self.jumped_at >= since_s

    def _jump(self) -> None:
        self._agenda.jump(self._chance.choice((-1, 1)) * 10 ** self._chance.uniform(-2, 4.5))
        self.jumped_at = self._agenda.elapsed_s
        self._agenda.after(60.0 + 600.0 * self._chance.random(), self._jump)

    def _go_on_if_ready(self) -> None:
        if self.is_awaiting and self.run is None and not self._reset_reason:
            freeze_delay_s = self._chance.choice((0.0, 0.003, 0.003, 0.3)) * self._chance.random()
            self._agenda.after(freeze_delay_s, self._go_on)

    def _go_on(self) -> None:
        chance = self._chance
        if chance.random() < 0.04:
            return self._fail_next()
        pauses_s = BUSY_PAUSES_S if self._conditions.is_busy else PAUSES_S
        freeze_s = chance.choice(pauses_s) * chance.random()
        if freeze_s:
            self._freeze(freeze_s)
        if self.left_count:
            return self._invoke(is_retry=freeze_s > RETRY_S)
        return self._shut_down("spindown", chance.choice((2.0, 2.0, 0.3, 0.0, -0.5)))

    def _told(self, event: Event) -> None:
        self.owed = event
        self._feed(event)

    def _fail_next(self, run: Run | None = None) -> None:
        if self.is_awaiting and self.run is run:
            self.is_awaiting = False
            self.owed_since_s = self._agenda.elapsed_s
            self._told(NextFailed("HTTP 500"))

    def _request_id(self, *, is_retry: bool) -> str:
        if not (is_retry and self._request_ids and self._chance.random() < 0.5):
            self._request_ids.append(f"request-{self._number}.{self._invocation_count}")
        self._traces.earlier.discard(self._request_ids[-1])  # it is of this one, too, now
        return self._request_ids[-1]

    def _invoke(self, *, is_retry: bool) -> None:
        chance, agenda = self._chance, self._agenda
        self._invocation_count += 1
        request_id = self._request_id(is_retry=is_retry)
        timeout_s = chance.choice((0.25, 1.0, 3.0, 15.0)) * chance.uniform(0.6, 1.0)
        self.is_awaiting = self._telemetry.is_failing = False
        self.owed_since_s = agenda.elapsed_s
        self.deadline_s = agenda.elapsed_s + timeout_s
        self._telemetry.invocation_starts(request_id)
        self._gone_s = None
        run = self.run = self._function.invoke(request_id, timeout_s, self._ended)
        event = InvokeReceived(request_id, agenda.now + timeout_s)
        agenda.after(chance.choice((0.0, 0.0, 0.004)), lambda: self._told(event))
        agenda.after(timeout_s, lambda: self._deadline_passes(run, event))

    def _invoke_beside(self) -> None:
        """Invoke on a Managed Instance, where the extension is not told."""
        self._invocation_count += 1
        timeout_s = 3.0
        request_id = f"request-{self._number}.{self._invocation_count}"
        self._telemetry.invocation_starts(request_id)
        run = self._function.invoke(request_id, timeout_s, self._ended_beside)
        self._agenda.after(timeout_s, lambda: self._time_out_beside(run))
        gap_s = self._chance.choice((0.0, 0.1, 5.0, 100.0)) * self._chance.random()
        if self.left_count:
            self._agenda.after(gap_s, self._invoke_beside)
        else:
            self._agenda.after(40.0, lambda: self._shut_down("spindown", 2.0))

    def _ended_beside(self, run: Run, how: str) -> None:
        if how != CRASH:
            self._report(run, how)  # else its worker is gone, and Lambda waits for it

    def _time_out_beside(self, run: Run) -> None:
        if not run.is_over:
            self._function.die(run)
            self._report(run, "timeout")

    def _ended(self, run: Run, how: str) -> None:
        if self.run is not run:
            return
        self.run = None
        self._report(run, how)
        if how == CRASH:
            self._reset("failure")
        self._go_on_if_ready()

    def _report(self, run: Run, how: str) -> None:
        """Let telemetry tell the end."""
        error_type = "Runtime.ExitError" if how == CRASH else ""
        status = "error" if how == CRASH else how
        self._telemetry.invocation_ends(run.request_id, status, error_type)

    def _deadline_passes(self, run: Run, event: InvokeReceived) -> None:
        if self.run is run:
            self._function.die(run)
            self.run = None
            self._report(run, "timeout")
            self._reset("timeout")
        elif self.owed is event and not self._reset_reason:
            is_excused = self.has_jumped(self.owed_since_s)
            promise(is_excused, "the invocation waits for the collector until its deadline")
            self._reset("timeout")

    def _reset(self, reason: str) -> None:
        self._reset_reason = reason
        self._reset_until_s = self._agenda.elapsed_s + RESET_S
        if self.is_awaiting:
            self._shut_down(reason, RESET_S)
        else:
            self._agenda.after(RESET_S, self._kill)

    def _shut_down(self, reason: str, left_s: float) -> None:
        if self.is_shut_down:
            return
        self.is_awaiting = self._telemetry.is_failing = False
        self.is_shut_down = True
        self._telemetry.report()
        self.owed_since_s = self._agenda.elapsed_s
        event = ShutdownReceived(reason, self._agenda.now + left_s)
        self.deadline_s = self._agenda.elapsed_s + left_s
        self._agenda.after(self._chance.choice((0.0, 0.004)), lambda: self._told(event))
        self._agenda.after(max(0.0, left_s) + 0.02, self._kill)

    def _kill(self) -> None:
        if self.is_over:
            return
        # Nobody tells a collector without telemetry of a crash but a connection that is closed.
        has_crashed = self._reset_reason == "failure" and not self.is_shut_down
        is_told = self._conditions.has_telemetry and not self._telemetry.has_lost_end
        if not self._conditions.has_telemetry and self._gone_s is not None:
            is_told = self._agenda.elapsed_s > self._gone_s + TELLING_S
        is_excused = has_crashed and not is_told
        is_excused = is_excused or self.has_jumped(self._agenda.elapsed_s - 30.0)
        promise(is_excused, "Lambda has to kill the collector")
        self.is_over = True
