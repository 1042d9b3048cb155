"""One pass over what waits, within its budget."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import Export
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.flush import OUTCOME_GRACE_S, Flush
from collector_ext.core.delivery.outbox import ALONE, AWAITED, LAST
from collector_ext.core.events import Delivered, ExportFinished
from collector_ext.core.otlp import PROTOBUF, TRACES, ExportRequest
from tests.fakes.outcomes import failed
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import outbox_to, pipelines_to

NOW = 1_000.0
UNTIL = NOW + 10.0

A, B = (payload_of(TRACES, PROTOBUF, body) for body in (b"\n\x01a", b"\n\x01b"))


def delivered(request):
    return Delivered(request, 0, "")


def unavailable(request):
    """It may be back in a moment."""
    return failed(request)


def silent(request):
    """It cost a whole budget: it is left alone."""
    return failed(request, "no answer in time", failures.TIMEOUT)


class Driven:
    """A flush of what waits for some exporters, and what it has ordered."""

    def __init__(self, *exporters):
        outboxes = [outbox_to({TRACES: f"https://{name}.example"}, name) for name in exporters]
        self.pipelines = pipelines_to(*outboxes)
        self.flush = Flush(self.pipelines)
        self.ordered: dict[str, Export] = {}

    def started(self, *payloads, urgency=AWAITED, until=UNTIL, at=NOW):
        """Begin a flush of these, and order what there is."""
        self.pipelines.put(payloads)
        self.flush.start(at, until, urgency)
        self.orders(at)
        return self

    def orders(self, at=NOW):
        """What it orders now."""
        orders = [a for a in self.flush.orders(at, is_over=True) if isinstance(a, Export)]
        self.ordered |= {order.exporter: order for order in orders}
        return orders

    def ends(self, outcome, exporter="one", at=NOW):
        """An export in flight ends."""
        outcomes = tuple(outcome(request) for request in self.ordered[exporter].requests)
        self.pipelines.settle(ExportFinished(exporter, outcomes), at)
        return self

    def timer_at(self, now=NOW):
        """When it wants to be looked at."""
        return self.flush.timer_at(now)


def driven(*payloads, **options):
    """A flush of what waits for one exporter."""
    return Driven("one").started(*payloads, **options)


class TestBeforeThereIsOne:
    """Nothing is ordered, and nothing is waited for."""

    def test_what_waits_waits(self):
        idle = Driven("one")
        idle.pipelines.put([A])

        assert (idle.orders(), idle.timer_at()) == ([], None)
        assert not idle.flush.is_going_on(NOW)


class TestAFlush:
    """It goes on while an export is under way, or is to come."""

    def test_orders_what_waits(self):
        begun = driven(A, B)

        assert begun.ordered == {
            "one": Export("one", (ExportRequest("one", TRACES, (A, B)),), UNTIL)
        }
        assert begun.flush.is_going_on(NOW)

    def test_of_nothing_is_over(self):
        assert not driven().flush.is_going_on(NOW)

    def test_is_over_once_all_is_delivered(self):
        assert not driven(A).ends(delivered).flush.is_going_on(NOW)

    def test_goes_on_with_what_came_meanwhile(self):
        begun = driven(A)
        begun.pipelines.put([B])
        begun.ends(delivered)

        assert begun.timer_at() == NOW
        assert len(begun.orders()) == 1

    @pytest.mark.parametrize(("urgency", "count"), [(ALONE, 1), (AWAITED, 2), (LAST, 9)])
    def test_takes_what_keeps_coming_as_often_as_it_may(self, urgency, count):
        begun = driven(A, urgency=urgency)
        order_count = 1
        while order_count < 9 and begun.flush.is_going_on(NOW):
            begun.pipelines.put([B])
            order_count += len(begun.ends(delivered).orders())

        assert order_count == count

    def test_that_is_closed_takes_nothing_more(self):
        begun = driven(A, urgency=LAST)
        begun.flush.close()
        begun.pipelines.put([B])
        begun.ends(delivered)

        assert (begun.orders(), begun.timer_at()) == ([], None)

    def test_that_is_closed_still_tries_again(self):
        begun = driven(A)
        begun.flush.close()
        begun.ends(unavailable)

        assert begun.timer_at() == NOW + 0.1
        assert len(begun.orders(NOW + 0.1)) == 1

    def test_that_is_stopped_orders_nothing_more(self):
        begun = driven(A)
        begun.flush.stop()
        begun.ends(unavailable)

        assert (begun.orders(NOW + 1), begun.timer_at(NOW + 1)) == ([], None)


class TestARetry:
    """It is ordered when its pause is over, if there is time."""

    def test_is_waited_for(self):
        failing = driven(A).ends(unavailable)

        assert failing.timer_at() == NOW + 0.1
        assert failing.orders(NOW + 0.05) == []
        assert len(failing.orders(NOW + 0.1)) == 1

    def test_that_would_come_too_late_is_not(self):
        assert driven(A, until=NOW + 0.1).ends(unavailable).timer_at() is None

    def test_is_not_what_an_endpoint_gets_that_is_away(self):
        assert driven(A).ends(silent).timer_at() is None


class TestTheBudget:
    """After its end nothing is ordered, and nobody is waited for any longer."""

    def test_lets_nothing_begin_behind_its_end(self):
        over = driven(A, until=NOW)

        assert (over.ordered, over.timer_at()) == ({}, None)

    def test_lets_an_export_say_how_it_ended(self):
        begun = driven(A)

        assert begun.timer_at() == UNTIL + OUTCOME_GRACE_S
        assert begun.flush.is_going_on(UNTIL + OUTCOME_GRACE_S - 0.001)
        assert not begun.flush.is_going_on(UNTIL + OUTCOME_GRACE_S)

    def test_is_kept_when_an_export_in_flight_has_more_time(self):
        begun = driven(A, until=NOW + 100)
        begun.flush.start(NOW + 1, NOW + 2, LAST)

        assert begun.timer_at(NOW + 1) == NOW + 2 + OUTCOME_GRACE_S
        assert not begun.flush.is_going_on(NOW + 2 + OUTCOME_GRACE_S)

    def test_does_not_wait_for_one_that_is_stuck_since_an_earlier_flush(self):
        stuck = driven(A)
        later = UNTIL + 60
        stuck.pipelines.put([B])
        stuck.flush.start(later, later + 10, AWAITED)

        assert (stuck.orders(later), stuck.timer_at(later)) == ([], None)

    def test_tries_nothing_again_behind_its_end(self):
        late = driven(A).ends(unavailable, at=UNTIL)

        assert (late.orders(UNTIL), late.timer_at(UNTIL)) == ([], None)


class TestTwoExporters:
    """Each has its own exports; the flush is over when both are done."""

    def test_the_slower_one_is_waited_for(self):
        begun = Driven("one", "other").started(A).ends(delivered)

        assert begun.timer_at() == UNTIL + OUTCOME_GRACE_S
        assert not begun.ends(delivered, "other").flush.is_going_on(NOW)

    def test_one_is_tried_again_while_the_other_is_under_way(self):
        begun = Driven("one", "other").started(A).ends(unavailable)

        assert begun.timer_at() == NOW + 0.1
        assert [order.exporter for order in begun.orders(NOW + 0.1)] == ["one"]


class TestAClockThatGoesBack:
    """Nobody knows how long it has been going on: it is over."""

    BEFORE = NOW - 3600

    def test_nothing_is_ordered(self):
        begun = driven(A).ends(unavailable)

        assert (begun.orders(self.BEFORE), begun.timer_at(self.BEFORE)) == ([], None)

    def test_nothing_is_waited_for(self):
        assert not driven(A).flush.is_going_on(self.BEFORE)
