"""What waits, and when it leaves."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import Export, Say
from collector_ext.core.delivery.departures import Departures
from collector_ext.core.delivery.outbox import ALONE, AWAITED, LAST
from collector_ext.core.delivery.strategy import Continuous, End
from collector_ext.core.events import Delivered, ExportFinished, KeptFound
from collector_ext.core.otlp import METRICS, PROTOBUF, TRACES
from tests.fakes.outcomes import failed
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import outbox_to, pipelines_to

NOW = 1_000.0
UNTIL = NOW + 10.0
INTERVAL_S = 5.0

A, B = (payload_of(TRACES, PROTOBUF, body) for body in (b"\n\x01a", b"\n\x01b"))
OWN = payload_of(METRICS, PROTOBUF, b"\n\x01m")


class Told:
    """A report of the collector itself."""

    def __init__(self):
        self.asked: list[bool] = []

    def payloads(self, _now, *, is_last):
        self.asked.append(is_last)
        return [OWN]


def departures(strategy=None, report=None):
    """What leaves for one endpoint."""
    names = {TRACES: "https://one.example", METRICS: "https://one.example"}
    return Departures(pipelines_to(outbox_to(names)), strategy or End(), report)


def begun(waiting, urgency=AWAITED, at=NOW):
    """What a flush orders."""
    return waiting.begin(at, UNTIL, urgency, is_over=True)


def bodies(actions):
    """Those of all requests that are ordered."""
    orders = [action for action in actions if isinstance(action, Export)]
    return [request.merged() for order in orders for request in order.requests]


def ended(actions, outcome):
    """The outcome of what was ordered."""
    (order,) = actions
    return ExportFinished(order.exporter, tuple(outcome(one) for one in order.requests))


def delivered(request):
    return Delivered(request, 0, "")


class TestAFlush:
    """It takes what waits, and what comes while it goes on."""

    def test_takes_all(self):
        waiting = departures()
        waiting.put([A, B], NOW)

        assert bodies(begun(waiting)) == [b"\n\x01a\n\x01b"]

    def test_takes_what_came_meanwhile(self):
        waiting = departures()
        waiting.put([A], NOW)
        orders = begun(waiting)
        waiting.put([B], NOW)

        actions = waiting.settle(ended(orders, delivered), NOW, is_over=True)

        assert bodies(actions) == [b"\n\x01b"]

    def test_takes_it_not_when_nobody_waits_for_it(self):
        waiting = departures()
        waiting.put([A], NOW)
        orders = begun(waiting, ALONE)
        waiting.put([B], NOW)

        assert waiting.settle(ended(orders, delivered), NOW, is_over=True) == []

    def test_takes_what_an_earlier_process_kept(self):
        waiting = departures()

        assert waiting.restore(KeptFound("otlp", (A,)), NOW) == []
        assert bodies(begun(waiting)) == [b"\n\x01a"]

    def test_tells_of_ourselves(self):
        report = Told()
        waiting = departures(report=report)

        assert bodies(begun(waiting, AWAITED)) == [b"\n\x01m"]
        assert report.asked == [False]

    def test_tells_it_for_the_last_time(self):
        report = Told()

        begun(departures(report=report), LAST)

        assert report.asked == [True]


class TestTheTimeOfAStrategy:
    """Asked for when something waits and no flush goes on."""

    @pytest.fixture
    def waiting(self):
        return departures(Continuous(INTERVAL_S))

    def test_while_nothing_waits_there_is_none(self, waiting):
        assert waiting.due_at(NOW) is None

    def test_counts_from_the_first_that_waits(self, waiting):
        waiting.put([A], NOW)
        waiting.put([B], NOW + 1)

        assert waiting.due_at(NOW + 1) == NOW + INTERVAL_S

    def test_counts_for_what_was_kept_too(self, waiting):
        waiting.restore(KeptFound("otlp", (A,)), NOW)

        assert waiting.due_at(NOW) == NOW + INTERVAL_S

    def test_rests_while_a_flush_goes_on(self, waiting):
        waiting.put([A], NOW)
        begun(waiting, ALONE)

        assert waiting.due_at(NOW) is None

    def test_ends_with_what_was_delivered(self, waiting):
        waiting.put([A], NOW)
        orders = begun(waiting, ALONE)
        waiting.settle(ended(orders, delivered), NOW, is_over=True)

        assert waiting.due_at(NOW) is None

    def test_begins_anew_for_what_was_not(self, waiting):
        waiting.put([A], NOW)
        orders = begun(waiting, AWAITED)
        at = UNTIL + 1

        waiting.settle(ended(orders, failed), at, is_over=True)

        assert waiting.due_at(at) >= at + INTERVAL_S

    def test_another_strategy_has_none(self):
        waiting = departures(End())
        waiting.put([A], NOW)

        assert waiting.due_at(NOW) is None


class TestWhatIsSaid:
    """What comes to no exporter is said."""

    def test_of_a_signal_without_an_endpoint(self):
        waiting = Departures(pipelines_to(outbox_to({})), End(), None)

        assert all(isinstance(action, Say) for action in waiting.put([A], NOW))
