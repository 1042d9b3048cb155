"""Books of one outbox, kept by looking at what it holds after each step.

An item is at any time waiting or in flight, or it was delivered or dropped; what disappears
without a word to the collector that it was delivered has to be in the account as dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.actions import Exit, Keep
from collector_ext.core.events import Delivered, ExportFinished
from collector_ext.core.otlp import SIGNALS
from tests.simulation.bodies import ids_of
from tests.simulation.ledger import promise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector_ext.core.actions import Action
    from collector_ext.core.delivery.account import Account
    from collector_ext.core.delivery.outbox import Outbox
    from collector_ext.core.delivery.pipelines import Pipeline
    from collector_ext.core.events import Event
    from collector_ext.core.otlp import Payload, Signal


def in_flight(outbox: Outbox) -> list[Payload]:
    """Return the payloads of the export in flight."""
    return [payload for request in outbox._in_flight for payload in request.payloads]


def waiting(outbox: Outbox) -> tuple[Payload, ...]:
    """Return the payloads that wait."""
    return outbox._buffer.content


class Books:
    """Of one outbox.

    Args:
        outbox: It.

    Attributes:
        seen: The signals of the items that were ever looked at, by id.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.seen: dict[bytes, Signal] = {}
        self._held: list[Payload] = []
        self._ids: set[bytes] = set()
        self._lost: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        self._told: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        self._rejected: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        self._compared: dict[str, tuple[int, int, int]] = {}

    def check(self, event: Event, actions: Sequence[Action]) -> None:
        """Look at the outbox after an event, and what was ordered because of it."""
        held = [*in_flight(self.outbox), *waiting(self.outbox)]
        if any(isinstance(action, Exit) for action in actions):
            # From now on the next process has it.
            name = self.outbox.exporter
            orders = [a for a in actions if isinstance(a, Keep) and a.exporter == name]
            held = [*orders[-1].payloads] if orders else []
        told = self._told_by(event)
        is_news = bool(told) or not _are_the_same(held, self._held)
        if is_news:
            self._look(held, told)
        for signal, account in self.outbox.accounts.items():
            state = (account.received, account.exported, account.dropped_count)
            if is_news or state != self._compared.get(signal.name):
                self._compared[signal.name] = state
                self._compare(signal, account)

    def _told_by(self, event: Event) -> set[bytes]:
        if not isinstance(event, ExportFinished) or event.exporter != self.outbox.exporter:
            return set()
        told: set[bytes] = set()
        for outcome in event.outcomes:
            if isinstance(outcome, Delivered):
                ids = ids_of(outcome.request.payloads)
                told.update(ids)
                signal = outcome.request.signal
                self._told[signal] += len(ids)
                self._rejected[signal] += min(outcome.rejected_count, len(ids))
        return told

    def _look(self, held: list[Payload], told: set[bytes]) -> None:
        name = self.outbox.exporter
        ids = set(ids_of(held))
        appeared = ids - self._ids
        promise(not appeared & self.seen.keys(), f"{name}: an item comes back from its end")
        promise(not ids & told, f"{name}: an item that was delivered still waits")
        for payload in held:
            self.seen.update(dict.fromkeys(ids_of((payload,)), payload.signal))
        for id_ in self._ids - ids - told:
            self._lost[self.seen[id_]] += 1
        count = sum(payload.item_count for payload in held)
        promise(count == len(ids), f"{name}: {count} items are held, by {len(ids)} ids")
        self._held, self._ids = held, ids

    def _compare(self, signal: Signal, account: Account) -> None:
        name = f"{self.outbox.exporter}, {signal.name}"
        held = sum(payload.item_count for payload in self._held if payload.signal == signal)
        promise(account.carried == held, f"{name}: {account.carried} carried, {held} held")
        exported = self._told[signal] - self._rejected[signal]
        promise(account.exported == exported, f"{name}: {account.exported} not {exported} exported")
        # What made no room for itself was never seen.
        unseen = account.received - sum(seen == signal for seen in self.seen.values())
        promise(unseen >= 0, f"{name}: {-unseen} items were not received")
        lost = self._lost[signal] + self._rejected[signal] + unseen
        dropped = account.dropped_count
        promise(dropped == lost, f"{name}: {dropped} dropped by its account, {lost} in fact")


def check_pipeline(pipeline: Pipeline) -> None:
    """Look at what waits for the processors."""
    account = pipeline.account
    held = sum(payload.item_count for payload in pipeline._held.content)
    found = f"pipeline {pipeline.name}: {account.carried} carried, {held} held"
    promise(account.carried == held, found)


def _are_the_same(some: list[Payload], others: list[Payload]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))
