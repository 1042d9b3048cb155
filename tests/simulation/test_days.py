"""The core survives random days, and the simulation would notice if it did not."""

from __future__ import annotations

import pytest

from collector_ext.core import unfinished, wire
from collector_ext.core.actions import AskNext, Exit, Export
from collector_ext.core.arrivals import Arrivals
from collector_ext.core.delivery.account import Account
from collector_ext.core.delivery.breaker import Breaker
from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.delivery.flush import Flush
from collector_ext.core.delivery.outbox import Outbox
from collector_ext.core.delivery.pipelines import Pipelines
from collector_ext.core.events import ExportFinished, PayloadReceived, RuntimeDone, TimerExpired
from collector_ext.core.initialisation import Initialisation
from collector_ext.core.invocation import Invocation
from collector_ext.core.lifecycle import Lifecycle
from collector_ext.core.otlp import PROTOBUF, TRACES, Payload
from collector_ext.core.otlp_items import item_count
from collector_ext.core.platform import spans
from collector_ext.core.unfinished import NO_END, Unfinished
from otel_layer.core.outbox import Outbox as SpanOutbox
from tests.simulation.day import Day
from tests.simulation.ledger import BrokenPromiseError

CHUNK = 50
"""Days to a test: `make simulate` has more of them."""


def lived(seed, lifecycle_type=Lifecycle):
    """Return what happened on a day, line by line."""
    lines: list[str] = []
    Day(seed, lifecycle_type, lines.append).run()
    return lines


def is_noticed(lifecycle_type=Lifecycle, day_count=500):
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


def _started_anew(self, request_id, body, *, now):
    return self.give_up(request_id, NO_END, now) + _START(self, request_id, body, now=now)


def _first_snapshot(self, request_id, body, *, now):
    known = self._invocations.get(request_id)
    return [] if known and known.snapshot else _SNAPSHOT(self, request_id, body, now=now)


def _exported_at_once(_self, _request_id, body, *, now):  # noqa: ARG001 - that is the fault
    return [Payload(TRACES, PROTOBUF, body, item_count(TRACES, body), is_suspect=False)]


def _taken_and_kept(self, request_id):
    taken = _TAKE_SPANS(self, request_id)
    for span in taken[:1]:
        self.put(request_id, span)
    return taken


def _failed_whenever(self, event):
    at = max(event.at, self._began.at if self._began else 0.0)
    return _FAILURE_OF(self, RuntimeDone(event.request_id, event.status, event.error_type, at))


_FAILURE_OF = Initialisation.failure_of
_START, _SNAPSHOT = Unfinished.start, Unfinished.snapshot
_TAKE_SPANS = SpanOutbox.take
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
    ("what is given up late is exported", Unfinished, "receive", lambda _s, _id, body, **_: body),
    ("what is left at the end is not counted", Outbox, "leave", lambda *_, **__: []),
    ("what was kept is not taken up", Outbox, "restore", lambda *_: []),
    ("the summary is empty", Pipelines, "summary", lambda *_: ""),
    ("SHUTDOWN leaves what rests alone", Breaker, "start_flush", _started_as_any),
    ("only the first of several payloads is put", Pipelines, "put", _put_but_one),
    ("a root that has ended is held on to", unfinished._Invocation, "let_go", lambda _: None),
    ("a root told again is another one", Unfinished, "start", _started_anew),
    ("a newer snapshot replaces nothing", Unfinished, "snapshot", _first_snapshot),
    ("a snapshot is exported as it comes", Unfinished, "snapshot", _exported_at_once),
    ("nobody notes what has ended", unfinished, "_ids_in", lambda _body: []),
    ("no failure is believed", Unfinished, "has_started_by", lambda *_: False),
    ("the failure of an earlier try is believed", Unfinished, "has_started_by", lambda *_: True),
    ("what is given up is no error", wire, "end_spans", lambda body, **_: body),
    ("what is open is given up at the wrong time", unfinished, "_NS_PER_MS", 1_000_001),
    ("an initialisation is never over", Initialisation, "invoked", Initialisation._forget),
    ("no initialisation fails an invocation", Initialisation, "failure_of", lambda *_: None),
    ("an earlier process's failure counts", Initialisation, "failure_of", _failed_whenever),
    ("nobody keeps what the function knew", Initialisation, "hold", lambda *_: None),
    ("what begins after SHUTDOWN is held", Arrivals, "received", Arrivals._sorted),
    ("the platform's spans have one id", spans, "span_id", lambda root_id, _name: root_id),
    ("nobody minds that the function is gone", Invocation, "miss", lambda *_: None),
    ("the function sends a span twice", SpanOutbox, "take", _taken_and_kept),
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
