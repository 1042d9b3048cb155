"""What Lambda waits for: never past a deadline, never for long, never for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.actions import Action, AskNext, Exit
from collector_ext.core.delivery import account
from collector_ext.core.delivery.flush import OUTCOME_GRACE_S
from collector_ext.core.delivery.outbox import AWAITED
from collector_ext.core.events import (
    END,
    InvokeReceived,
    NextFailed,
    PayloadReceived,
    ShutdownReceived,
)
from collector_ext.core.lifecycle import (
    DEADLINE_MARGIN_S,
    DRAINING,
    EXITING,
    FAILURE_DRAIN_S,
    NEXT_RETRY_S,
    RUNNING,
)
from collector_ext.core.otlp import SIGNALS
from tests.simulation.books import waiting
from tests.simulation.ledger import promise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collector_ext.core.events import Event
    from tests.simulation.agenda import Agenda
    from tests.simulation.core import Core
    from tests.simulation.exporters import Exporter
    from tests.simulation.platform import Platform

_ROUNDING_S = 1e-5

QUICK_S = 0.5
"""More than an export to an endpoint that is well takes, retries and all."""


class Waiting:
    """Follow one environment's waiting.

    Args:
        core: What is waited for.
        platform: Who waits.
        exporters: By their names.
        agenda: Of the day.

    Attributes:
        waited_s: For how long Lambda has waited, before SHUTDOWN.
        drain_count: How often, likewise.
    """

    def __init__(
        self, core: Core, platform: Platform, exporters: Mapping[str, Exporter], agenda: Agenda
    ) -> None:
        self._core = core
        self._platform = platform
        self._exporters = exporters
        self._agenda = agenda
        self._started_s = agenda.elapsed_s
        self._drain_at_s: float | None = None
        self._budget_s = 0.0
        self._told = ""  # the request id of the last invocation whose end the function told
        self._told_at_s = 0.0
        self._ordered_before: dict[str, int] = {}
        self._busy_before: set[str] = set()
        self.waited_s = 0.0
        self.drain_count = 0

    def check(self, event: Event, actions: Sequence[Action], now: float) -> None:
        """Look at who waits for what after an event; before its actions are obeyed.

        Args:
            event: It.
            actions: What was ordered because of it.
            now: As the core was told.
        """
        phase = self._core.lifecycle.phase
        if isinstance(event, PayloadReceived) and event.phase == END:
            self._told, self._told_at_s = event.request_id, self._agenda.elapsed_s
        if isinstance(event, InvokeReceived | ShutdownReceived):
            self._drain_at_s = None
        leaves = [action for action in actions if isinstance(action, AskNext | Exit)]
        is_draining = phase in {DRAINING, EXITING}
        if self._drain_at_s is None and (is_draining or leaves):
            self._start()
        if is_draining:
            self._check_end_in_sight(now)
        elif phase == RUNNING:
            self._check_running(now)
        if leaves:
            self._check_leave(leaves[0])
        elif isinstance(self._platform.owed, NextFailed):
            late_s = self._agenda.elapsed_s - self._platform.owed_since_s - NEXT_RETRY_S
            is_excused = self._has_jumped()
            promise(late_s <= _ROUNDING_S or is_excused, "next is not asked for again")

    def _has_jumped(self) -> bool:
        return self._platform.has_jumped(self._platform.owed_since_s)

    def _start(self) -> None:
        """Note that nothing but the collector is waited for."""
        self._drain_at_s = self._agenda.elapsed_s
        self._ordered_before = {name: e.ordered_count for name, e in self._exporters.items()}
        # An export that is under way is not an order; its event is obeyed after this.
        self._busy_before = {name for name, e in self._exporters.items() if e.is_busy}
        left_s = self._platform.deadline_s - DEADLINE_MARGIN_S - self._drain_at_s
        self._budget_s = max(0.0, min(self._core.conditions.flush_timeout_s, left_s))

    def _check_end_in_sight(self, now: float) -> None:
        timer_at = self._core.timer_at(now)
        promise(timer_at is not None, "Lambda waits, and nothing is going to happen")
        assert timer_at is not None
        assert self._drain_at_s is not None
        so_far_s = 0.0 if self._has_jumped() else self._agenda.elapsed_s - self._drain_at_s
        longest_s = self._budget_s - so_far_s + OUTCOME_GRACE_S + _ROUNDING_S
        if not self._has_jumped():
            promise(timer_at - now <= longest_s, "Lambda waits for a timer beyond the budget")
        else:
            longest_s = self._core.conditions.flush_timeout_s + OUTCOME_GRACE_S + _ROUNDING_S
            promise(timer_at - now <= longest_s, "Lambda waits for a timer beyond any budget")

    def _check_running(self, now: float) -> None:
        owed, told = self._platform.owed, self._told
        is_told = isinstance(owed, InvokeReceived) and told == owed.request_id
        is_told = is_told and self._told_at_s >= self._platform.owed_since_s
        timer_at = self._core.timer_at(now)
        promise(timer_at is not None, "nobody may tell the end, and nothing is going to happen")
        assert timer_at is not None
        left_s = self._platform.deadline_s - self._agenda.elapsed_s
        if self._has_jumped():
            # A step forward may make the end seem to be of an earlier try.
            is_patient = is_told and timer_at - now > left_s
            promise(not is_patient, "the end was told, and the collector waits for it")
            return
        promise(not is_told, "the end was told, and the collector waits for it")
        is_in_time = timer_at - now <= max(0.0, left_s - DEADLINE_MARGIN_S) + _ROUNDING_S
        promise(is_in_time, "the collector wakes up after the deadline")

    def _check_leave(self, leave: AskNext | Exit) -> None:
        assert self._drain_at_s is not None
        waited_s = self._agenda.elapsed_s - self._drain_at_s
        longest_s = self._budget_s + OUTCOME_GRACE_S + _ROUNDING_S
        if self._has_jumped():
            longest_s = 2 * (self._core.conditions.flush_timeout_s + OUTCOME_GRACE_S)
        promise(waited_s <= longest_s, "Lambda waits too long")
        is_exit = isinstance(leave, Exit)
        if not is_exit:
            self.waited_s += waited_s
            self.drain_count += waited_s > 0
        self._drain_at_s = None
        if not self._has_jumped():
            for name, exporter in self._exporters.items():
                check = self._check_all_was_tried if is_exit else self._check_nothing_is_left
                check(name, exporter, waited_s)

    def _check_all_was_tried(self, name: str, exporter: Exporter, waited_s: float) -> None:
        """Make sure that at SHUTDOWN all was sent, as far as the time and the endpoint let it."""
        accounts = self._core.outboxes[name].accounts.values()
        lost = sum(each.dropped.get(account.SHUTDOWN, 0) for each in accounts)
        if not lost or waited_s >= self._budget_s - _ROUNDING_S:
            return
        is_tried = self._rounds_of(name) or name in self._busy_before
        promise(is_tried, f"{name}: {lost} items are discarded without a try")
        promise(exporter.has_failed, f"{name}: {lost} items are discarded with time left")

    def _check_nothing_is_left(self, name: str, exporter: Exporter, waited_s: float) -> None:
        """Make sure that what could be sent before a freeze was, where all has been well."""
        is_kept = self._core.strategy.is_overlapping or exporter.has_failed
        if is_kept or not isinstance(self._platform.owed, InvokeReceived):
            return
        budget_s = self._budget_s
        if self._platform.is_failing:
            budget_s = min(budget_s, FAILURE_DRAIN_S)
        is_in_time = waited_s < budget_s - _ROUNDING_S and self._rounds_of(name) < AWAITED
        is_left = bool(waiting(self._core.outboxes[name]) or exporter.is_busy)
        found = f"{name}: Lambda may freeze, and something could be sent"
        promise(not (is_in_time and is_left), found)

    def _rounds_of(self, name: str) -> int:
        """Return how many orders an exporter had since Lambda began to wait."""
        return self._exporters[name].ordered_count - self._ordered_before[name]

    def check_cost(self) -> None:
        """Make sure that endpoints that hang all day cost no more than their breakers allow."""
        exporters = self._exporters.values()
        hanging = [e for e in exporters if e.endpoint.all_day == "hanging"]
        tries_max = self._tries_max(self._agenda.elapsed_s - self._started_s)
        for exporter in hanging:
            for signal, count in exporter.tried_counts.items():
                # Once more at SHUTDOWN, and where it may have been the freeze that hung.
                found = f"an endpoint that hangs is sent {count} requests of {signal.name}"
                most = tries_max + 1 + exporter.frozen_count
                promise(count <= most, f"{found}, not {tries_max} and a last one")
        if {exporter.endpoint.all_day for exporter in exporters} <= {"hanging", "well"}:
            each_s = self._core.conditions.flush_timeout_s + OUTCOME_GRACE_S
            longest_s = tries_max * len(SIGNALS) * len(hanging) * each_s
            longest_s += self.drain_count * QUICK_S
            promise(self.waited_s <= longest_s, "endpoints that hang cost more than breakers allow")

    def _tries_max(self, within_s: float) -> int:
        """Return how often a breaker lets an endpoint be tried that never answers."""
        patience = self._core.conditions.limits.patience
        tries, at_s = 1, 0.0
        while tries < 10_000:
            delay_s = patience.breaker_delay_s * 2 ** min(tries - 1, 32)
            at_s += 0.9 * min(delay_s, patience.breaker_delay_s_max)
            if at_s > within_s:
                return tries
            tries += 1
        return tries
