"""The core survives random days, and the simulation would notice if it did not."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import AskNext, Exit, Export
from collector_ext.core.delivery.account import Account
from collector_ext.core.delivery.breaker import Breaker
from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.delivery.flush import Flush
from collector_ext.core.delivery.outbox import Outbox
from collector_ext.core.delivery.pipelines import Pipelines
from collector_ext.core.events import ExportFinished, PayloadReceived, TimerExpired
from collector_ext.core.invocation import Invocation
from collector_ext.core.lifecycle import Lifecycle
from collector_ext.core.unfinished import Unfinished
from tests.simulation.day import Day
from tests.simulation.ledger import BrokenPromiseError

CHUNK = 50
"""Days to a test: `make simulate` has more of them."""


def lived(seed, lifecycle_type=Lifecycle):
    """Return what happened on a day, line by line."""
    lines: list[str] = []
    Day(seed, lifecycle_type, lines.append).run()
    return lines


def is_noticed(lifecycle_type=Lifecycle, day_count=150):
    """Whether one of some days is broken."""
    return any(is_broken(seed, lifecycle_type) for seed in range(day_count))


def is_broken(seed, lifecycle_type):
    """Whether one day is."""
    try:
        Day(seed, lifecycle_type).run()
    except BrokenPromiseError:
        return True
    return False


class TestTheCore:
    """Whatever happens, in whatever order, it keeps its promises."""

    @pytest.mark.parametrize("first", range(0, 300, CHUNK))
    def test_it_survives(self, first):
        for seed in range(first, first + CHUNK):
            Day(seed).run()


class TestADay:
    """All of it comes from its seed."""

    @pytest.mark.parametrize("seed", range(5))
    def test_it_replays_exactly(self, seed):
        assert lived(seed) == lived(seed)

    def test_no_two_are_alike(self):
        assert lived(1) != lived(2)


class AskingTwice(Lifecycle):
    """Asks for next once more when an invocation has ended."""

    def handle(self, event, now):
        actions = super().handle(event, now)
        asked = AskNext() in actions and isinstance(event, ExportFinished)
        return [*actions, AskNext()] if asked else actions


class NeverAsking(Lifecycle):
    """Does not ask for next when an export has ended."""

    def handle(self, event, now):
        actions = super().handle(event, now)
        is_late = isinstance(event, ExportFinished)
        return [action for action in actions if not (is_late and action == AskNext())]


class Leaving(Lifecycle):
    """Leaves when an export fails."""

    def handle(self, event, now):
        actions = super().handle(event, now)
        return [*actions, Exit()] if any("cannot export" in str(a) for a in actions) else actions


class ForgettingOrders(Lifecycle):
    """Takes payloads for an export, and does not order it at the last moment."""

    def handle(self, event, now):
        actions = super().handle(event, now)
        is_late = isinstance(event, TimerExpired)
        return [action for action in actions if not (is_late and isinstance(action, Export))]


class Deaf(Lifecycle):
    """Does not take every payload in."""

    def handle(self, event, now):
        if isinstance(event, PayloadReceived) and len(event.payload.body) % 7 == 3:
            return []
        return super().handle(event, now)


class Hesitating(Lifecycle):
    """Answers INVOKE as if no strategy overlapped."""

    def _invoke_received(self, event, now):
        actions = super()._invoke_received(event, now)
        return [action for action in actions if action != AskNext()]


BROKEN_TYPES = [Hesitating, AskingTwice, NeverAsking, Leaving, ForgettingOrders, Deaf]


def _forgotten(self, payloads):
    self._size_bytes += sum(len(payload.body) for payload in payloads)
    return ()


def _grown(self, payload):
    self._payloads.append(payload)
    self._size_bytes += len(payload.body)
    return ()


def _settled_twice(self, outcome):
    self.accounts[outcome.request.signal].exported += 1
    return _DELIVERED(self, outcome)


def _kept(self, outcome):
    self._buffer.put_back(outcome.request.payloads)
    return _DELIVERED(self, outcome)


def _merged(self, now, until):
    self._in_flight = ()
    return _TAKE(self, now, until)


def _started_as_any(self, now, *, is_last):  # noqa: ARG001 - that is the fault
    _START_FLUSH(self, now, is_last=False)


def _put_but_one(self, payloads):
    return _PUT(self, list(payloads)[:1])


_START_FLUSH, _PUT = Breaker.start_flush, Pipelines.put
_DELIVERED, _TAKE = Outbox._delivered, Outbox.take

BROKEN_PARTS = [
    ("what failed is not put back", Buffer, "put_back", _forgotten),
    ("a buffer has no bound", Buffer, "append", _grown),
    ("what is dropped is not counted", Account, "drop", lambda *_: None),
    ("what is delivered is counted twice", Outbox, "_delivered", _settled_twice),
    ("what is delivered is kept", Outbox, "_delivered", _kept),
    ("a second export is ordered beside the first", Outbox, "take", _merged),
    ("a breaker never opens", Breaker, "failed", lambda *_: None),
    ("a flush is never over", Flush, "is_going_on", lambda *_: True),
    ("a flush is over at once", Flush, "is_going_on", lambda *_: False),
    ("nothing happens at the end of a flush", Flush, "timer_at", lambda *_: None),
    ("an end is not believed before its time", Invocation, "_is_about_this", lambda *_: False),
    ("nothing that is open is given up", Unfinished, "give_up_all", lambda *_, **__: []),
    ("what is given up late is exported", Unfinished, "receive", lambda _s, _id, body: body),
    ("what is left at the end is not counted", Outbox, "leave", lambda *_, **__: []),
    ("what was kept is not taken up", Outbox, "restore", lambda *_: []),
    ("the summary is empty", Pipelines, "summary", lambda *_: ""),
    ("SHUTDOWN leaves what rests alone", Breaker, "start_flush", _started_as_any),
    ("only the first of several payloads is put", Pipelines, "put", _put_but_one),
]


class TestABrokenCore:
    """Each promise is broken once, and somebody notices."""

    @pytest.mark.parametrize("lifecycle_type", BROKEN_TYPES)
    def test_a_lifecycle_that_does_not_do_its_duty_is_noticed(self, lifecycle_type):
        assert is_noticed(lifecycle_type)

    @pytest.mark.parametrize(
        ("owner", "name", "broken"),
        [pytest.param(*broken[1:], id=broken[0]) for broken in BROKEN_PARTS],
    )
    def test_a_part_that_does_not_is_noticed(self, monkeypatch, owner, name, broken):
        monkeypatch.setattr(owner, name, broken)

        assert is_noticed()
