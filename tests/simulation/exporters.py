"""The exporters' workers: each carries out one order at a time, and tells of its end once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.delivery.outbox import FREEZE_S
from collector_ext.core.events import Delivered, ExportFinished, Failed
from collector_ext.core.otlp import SIGNALS
from tests.simulation.ledger import Accepted, promise

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from collector_ext.core.actions import Export
    from collector_ext.core.events import Event, Outcome
    from collector_ext.core.otlp import Signal
    from tests.simulation.agenda import Agenda
    from tests.simulation.endpoints import Endpoint


class Exporter:
    """One of them, with the endpoint that it sends to.

    Args:
        accepted: What the endpoint has.
        endpoint: It.
        agenda: Of the day.
        chance: Likewise.
        feed: Takes the end of an order.

    Attributes:
        is_busy: Whether an order has no end yet.
        ordered_count: Orders so far.
        tried_counts: Requests that the endpoint was sent in this environment, by signal.
        frozen_count: Orders among these that nobody learned of before a freeze was over.
    """

    def __init__(
        self,
        accepted: Accepted,
        endpoint: Endpoint,
        agenda: Agenda,
        chance: Random,
        feed: Callable[[Event], None],
    ) -> None:
        self.accepted = accepted
        self.endpoint = endpoint
        self._agenda = agenda
        self._chance = chance
        self._feed = feed
        self.is_busy = False
        self.ordered_count = self.frozen_count = 0
        self.tried_counts: dict[Signal, int] = {}
        self._has_failed = False
        self._deadline_s = 0.0  # elapsed
        self._late_at = 0.0  # s since the epoch
        self._outcomes: list[Outcome] = []
        self._ends_at = 0.0

    @property
    def has_failed(self) -> bool:
        """Whether an order failed in this environment, or is late."""
        # By either clock: what is late by its own is not waited for.
        is_late = self._agenda.elapsed_s >= self._deadline_s or self._agenda.now >= self._late_at
        return self._has_failed or (self.is_busy and is_late)

    def start_anew(self) -> None:
        """Begin as a new process."""
        self.is_busy = self._has_failed = False
        self.frozen_count = 0
        self.tried_counts = dict.fromkeys(SIGNALS, 0)

    def carry_out(self, order: Export) -> None:
        """Send the requests of an order, one after the other."""
        promise(not self.is_busy, f"{order.exporter} has two exports in flight")
        self.accepted.sent(order.requests)
        self.is_busy = True
        self.ordered_count += 1
        agenda = self._agenda
        self._late_at = order.deadline_at
        self._deadline_s = agenda.elapsed_s + order.deadline_at - agenda.now
        at = agenda.elapsed_s
        silence: Failure | None = None  # a host that did not answer is not asked again
        self._outcomes = []
        for request in order.requests:
            if silence:
                self._outcomes.append(Failed(request, silence))
                continue
            answer = self.endpoint.answer(request, at, self._deadline_s - at)
            self.tried_counts[request.signal] += 1
            at += answer.took_s
            if answer.is_silent and isinstance(answer.outcome, Failed):
                silence = answer.outcome.failure
            if answer.is_accepted:
                self.accepted.accept(request)
            self._outcomes.append(answer.outcome)
        self._ends_at = at
        agenda.after(at - agenda.elapsed_s, self._finish)

    def freeze(self, freeze_s: float) -> None:
        """Let a freeze begin: an answer that comes in it is read after it, or lost."""
        is_caught = self.is_busy and self._ends_at <= self._agenda.elapsed_s + freeze_s
        # One that hangs all day is late after the freeze as before it.
        if not is_caught or self.endpoint.all_day or self._chance.random() < 0.5:
            return
        closed = Failure(failures.CONNECTION, "closed", None)
        lost_from = self._chance.randrange(len(self._outcomes))
        self._outcomes[lost_from:] = [
            Failed(outcome.request, closed) for outcome in self._outcomes[lost_from:]
        ]

    def _finish(self) -> None:
        self.is_busy = False
        self.frozen_count += self._agenda.now > self._late_at + FREEZE_S
        self._has_failed |= not all(isinstance(outcome, Delivered) for outcome in self._outcomes)
        event = ExportFinished(self.accepted.exporter, tuple(self._outcomes))
        self.accepted.tell(event)
        self._feed(event)
