"""When the timer acts, and for whom."""

from __future__ import annotations

import math

import pytest

from otel_layer.core.deadlines import NEVER, Deadlines

NOW = 1000.0


def close(at):
    return pytest.approx(at, abs=1e-6)


@pytest.fixture
def deadlines():
    return Deadlines()


class TestWhenAnInvocationIsDue:
    """Shortly before its deadline: 0.6 s, or a fifth of the time there is."""

    @pytest.mark.parametrize(
        ("remaining_s", "due_after_s"),
        [(900, 899.4), (3.01, 2.41), (3, 2.4), (2, 1.6), (1, 0.8), (0.1, 0.08)],
    )
    def test_it_is_looked_for_then(self, deadlines, remaining_s, due_after_s):
        deadlines.set("request-1", remaining_s, NOW)

        assert deadlines.sleep() == close(NOW + due_after_s)

    def test_it_is_due_from_then_on(self, deadlines):
        deadlines.set("request-1", 3, NOW)

        assert deadlines.due(NOW + 2.39) == []
        assert deadlines.due(NOW + 2.41) == ["request-1"]

    def test_it_is_due_once(self, deadlines):
        deadlines.set("request-1", 3, NOW)
        deadlines.due(NOW + 2.5)

        assert deadlines.due(NOW + 2.6) == []

    def test_it_is_not_when_it_is_over(self, deadlines):
        deadlines.set("request-1", 3, NOW)
        deadlines.unset("request-1")

        assert deadlines.due(NOW + 2.5) == []

    def test_the_end_of_one_that_is_not_known_is_no_matter(self, deadlines):
        deadlines.unset("request-1")

        assert deadlines.due(NOW) == []

    @pytest.mark.parametrize("remaining_s", [0, -1, math.inf, math.nan, 1e12])
    def test_what_is_no_time_is_not_waited_for(self, deadlines, remaining_s):
        assert deadlines.set("request-1", remaining_s, NOW) is False
        assert deadlines.sleep() == NEVER


class TestAfterAFreeze:
    """Expired timers fire at once: none of them acts in the time of another invocation."""

    def test_one_whose_deadline_has_passed_is_not_due(self, deadlines):
        deadlines.set("request-1", 3, NOW)
        deadlines.set("request-2", 3, NOW + 600)

        assert deadlines.due(NOW + 600.1) == []
        assert deadlines.due(NOW + 602.5) == ["request-2"]

    def test_one_that_was_thawed_before_its_deadline_is(self, deadlines):
        deadlines.set("request-1", 3, NOW)

        assert deadlines.due(NOW + 2.999) == ["request-1"]

    def test_a_retry_under_the_same_id_has_its_own_deadline(self, deadlines):
        deadlines.set("request-1", 3, NOW)
        deadlines.unset("request-1")
        deadlines.set("request-1", 3, NOW + 2)

        assert deadlines.due(NOW + 2.5) == []
        assert deadlines.due(NOW + 4.5) == ["request-1"]


class TestSleep:
    """The timer is woken only when it would look too late."""

    def test_the_first_invocation_wakes_it(self, deadlines):
        assert deadlines.set("request-1", 3, NOW) is True

    def test_one_that_is_due_later_than_it_looks_does_not(self, deadlines):
        deadlines.set("request-1", 3, NOW)
        deadlines.sleep()
        deadlines.unset("request-1")

        assert deadlines.set("request-2", 3, NOW + 0.1) is False

    def test_it_finds_that_one_when_it_looks(self, deadlines):
        deadlines.set("request-1", 3, NOW)
        deadlines.sleep()
        deadlines.unset("request-1")
        deadlines.set("request-2", 3, NOW + 0.1)

        assert deadlines.due(NOW + 2.4) == []
        assert deadlines.sleep() == close(NOW + 2.5)

    def test_one_that_is_due_earlier_wakes_it(self, deadlines):
        deadlines.set("request-1", 900, NOW)
        deadlines.sleep()

        assert deadlines.set("request-2", 3, NOW) is True

    def test_with_nothing_to_wait_for_it_sleeps_until_it_is_woken(self, deadlines):
        deadlines.set("request-1", 3, NOW)
        deadlines.unset("request-1")

        assert deadlines.sleep() == NEVER
        assert deadlines.set("request-2", 3, NOW) is True

    def test_it_looks_for_the_first_of_several(self, deadlines):
        deadlines.set("request-1", 900, NOW)
        deadlines.set("request-2", 3, NOW)
        deadlines.set("request-3", 60, NOW)

        assert deadlines.sleep() == close(NOW + 2.4)


class TestTwoThreads:
    """Whatever one does between two steps of the other, no deadline is slept through."""

    def test_an_invocation_that_begins_while_the_timer_lies_down_wakes_it(self, deadlines):
        woken = []

        class Interrupted(dict[str, tuple[float, float]]):
            def copy(self):
                seen = dict(self)
                woken.append(deadlines.set("request-3", 5, NOW))
                return seen

        deadlines.set("request-1", 3, NOW)
        deadlines.sleep()
        deadlines.unset("request-1")
        deadlines.set("request-2", 900, NOW)
        deadlines._running = Interrupted(deadlines._running)

        looks_at = deadlines.sleep()

        assert looks_at == close(NOW + 899.4)
        assert woken == [True]

    def test_one_that_ends_while_the_timer_looks_is_not_due(self, deadlines):
        class Interrupted(dict[str, tuple[float, float]]):
            def copy(self):
                seen = dict(self)
                self.pop("request-1", None)
                return seen

        deadlines.set("request-1", 3, NOW)
        deadlines._running = Interrupted(deadlines._running)

        assert deadlines.due(NOW + 2.5) == []
