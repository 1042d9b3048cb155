"""A random day in the life of the collector, all of it made from one seed."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import TYPE_CHECKING

from collector_ext.core.actions import Action, AskNext, Exit, Export, Keep, Say
from collector_ext.core.events import Event, TimerExpired
from collector_ext.core.lifecycle import GONE, Lifecycle
from collector_ext.runner import WAIT_S_MAX
from tests.simulation.agenda import Agenda
from tests.simulation.conditions import conditions_by
from tests.simulation.core import Core
from tests.simulation.endpoints import Endpoint
from tests.simulation.exporters import Exporter
from tests.simulation.function import Function
from tests.simulation.invariants import Invariants
from tests.simulation.kept import Kept
from tests.simulation.ledger import Accepted, Sent, promise
from tests.simulation.platform import Platform
from tests.simulation.telling import action_text, event_text
from tests.simulation.traces import Traces
from tests.simulation.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_COUNT_MAX = 50_000
"""A day has some hundred steps; so many are a collector that never comes to rest."""

ENVIRONMENT_COUNT_MAX = 6

RESTART_S = 0.01
"""Less than it takes Lambda to start processes anew."""


class Day:
    """Let the core live through a day, and look at it after each step.

    Args:
        seed: Of the only randomness there is.
        lifecycle_type: What is simulated: the collector's, or a broken one.
        tell: Takes what happens, line by line; None for nobody.
    """

    def __init__(
        self,
        seed: int,
        lifecycle_type: type[Lifecycle] = Lifecycle,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._chance = chance = Random(seed)  # noqa: S311 - it has to be predictable
        self._agenda = Agenda(chance)
        self._conditions = conditions_by(chance)
        self._lifecycle_type = lifecycle_type
        self._tell = tell
        self._numbers = count(1)
        self._kept = Kept(self._conditions.limits.spill_bytes_max)
        self._exporters = {
            name: Exporter(
                Accepted(name), Endpoint(chance, state), self._agenda, chance, self._feed
            )
            for name, state in self._conditions.all_day.items()
        }
        self.step_count = 0
        self._wakes_at: float | None = None  # from waiting, in elapsed seconds

    def run(self) -> None:
        """Live through it.

        Raises:
            BrokenPromiseError: An invariant did not hold.
        """
        self._write(self._conditions.text())
        earlier: Platform | None = None
        for _ in range(ENVIRONMENT_COUNT_MAX):
            self._live(earlier)
            earlier = self._platform
            self._agenda.elapsed_s += RESTART_S
            if not self._platform.left_count:
                return

    def _live(self, earlier: Platform | None) -> None:
        """Let one execution environment live, from its first event to its last."""
        agenda, chance, conditions = self._agenda, self._chance, self._conditions
        sent = Sent(self._numbers)
        self._traces = traces = Traces(is_clock_steady=conditions.is_clock_steady)
        self._core = core = Core(conditions, chance, sent, self._lifecycle_type, traces.watch)
        function = Function(
            conditions,
            sent=sent,
            traces=traces,
            agenda=agenda,
            chance=chance,
            feed=self._feed,
        )
        self._platform = platform = Platform(
            conditions,
            agenda=agenda,
            chance=chance,
            function=function,
            traces=traces,
            earlier=earlier,
            feed=self._feed,
            freeze=self._freeze,
        )
        for exporter in self._exporters.values():
            exporter.start_anew()
        self._invariants = Invariants(core, sent, traces)
        self._waiting = Waiting(core, platform, self._exporters, agenda)
        self._write("an environment starts")
        for event in self._kept.found():
            self._feed(event)
            self._kept.check_restored(event, core)
        platform.start()
        self._wait()
        while not platform.is_over:
            self._go_on()
        self._waiting.check_cost()
        if core.lifecycle.phase == GONE:
            self._kept.check_left(core)
            traces.check_all()
        agenda.clear()

    def _go_on(self) -> None:
        """Let the next thing happen: of the agenda, or a timer."""
        agenda = self._agenda
        next_at, wakes_at = agenda.next_at(), self._wakes_at
        if next_at is None and wakes_at is None:
            promise(kept=False, broken="nothing will ever happen again")
        if wakes_at is None or (next_at is not None and next_at < wakes_at):
            agenda.happen()
            return
        agenda.elapsed_s = max(agenda.elapsed_s, wakes_at)
        timer_at = self._core.timer_at(agenda.now)
        if timer_at is not None and timer_at <= agenda.now:
            self._feed(TimerExpired())
        else:
            self._wait()

    def _wait(self) -> None:
        """Wait as the runner does: relatively, and at most so long."""
        timer_at = self._core.timer_at(self._agenda.now)
        self._wakes_at = None
        if timer_at is not None:
            wait_s = min(max(0.0, timer_at - self._agenda.now), WAIT_S_MAX)
            self._wakes_at = self._agenda.elapsed_s + wait_s

    def _freeze(self, freeze_s: float) -> None:
        self._write(f"frozen for {freeze_s:.3f} s")
        for exporter in self._exporters.values():
            exporter.freeze(freeze_s)
        self._agenda.freeze(freeze_s)

    def _feed(self, event: Event) -> None:
        """Take one step."""
        if self._platform.is_over:
            return
        self.step_count += 1
        promise(self.step_count < STEP_COUNT_MAX, "the day has no end")
        now = self._agenda.now
        if self._tell:
            self._write(event_text(event))
        self._traces.told(event)
        self._platform.note(event)
        actions = self._core.handle(event, now)
        if self._tell:
            for action in actions:
                self._write(f"    {action_text(action)}")
        self._waiting.check(event, actions, now)
        self._invariants.check(event, actions, now)
        for action in actions:
            self._obey(action)
        self._wait()

    def _obey(self, action: Action) -> None:
        match action:
            case AskNext():
                self._platform.asked_next()
            case Export():
                self._exporters[action.exporter].carry_out(action)
            case Keep():
                self._kept.keep(action)
            case Say():
                promise(action.text, "there is nothing to say")
            case Exit():
                self._platform.exited()

    def _write(self, line: str) -> None:
        if self._tell:
            elapsed_s, now = self._agenda.elapsed_s, self._agenda.now
            self._tell(f"{elapsed_s:12.4f} {now:.4f} {self._phase:8} {line}")

    @property
    def _phase(self) -> str:
        return self._core.lifecycle.phase if hasattr(self, "_core") else ""
