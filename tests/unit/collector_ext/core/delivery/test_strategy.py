"""When telemetry leaves, by a clock that the test turns."""

from __future__ import annotations

import pytest

from collector_ext.core.delivery.strategy import Adaptive, Continuous, End, Next, Periodic

NOW = 1_000.0


class TestEnd:
    """All leaves when its invocation ends, and Lambda waits for it."""

    @pytest.fixture
    def end(self):
        strategy = End()
        strategy.invoked(NOW)
        strategy.exported(NOW)
        return strategy

    def test_lambda_waits(self, end):
        assert not end.is_overlapping

    def test_an_invoke_event_is_no_occasion(self, end):
        assert not end.leaves_with_invoke(NOW + 3600)

    def test_there_is_no_other_time(self, end):
        assert end.export_at(NOW, NOW) is None


class TestNext:
    """All leaves when the next INVOKE is read."""

    def test_lambda_does_not_wait(self):
        assert Next().is_overlapping

    def test_an_invoke_event_is_the_occasion(self):
        assert Next().leaves_with_invoke(NOW)

    def test_there_is_no_other_time(self):
        assert Next().export_at(NOW, NOW) is None


class TestPeriodic:
    """An interval passes between two exports, at least."""

    @pytest.fixture
    def periodic(self):
        strategy = Periodic(20.0)
        strategy.invoked(NOW)
        strategy.exported(NOW)
        return strategy

    def test_lambda_does_not_wait(self, periodic):
        assert periodic.is_overlapping

    def test_the_first_invoke_event_is_an_occasion(self):
        assert Periodic(20.0).leaves_with_invoke(NOW)

    def test_one_within_the_interval_is_none(self, periodic):
        assert not periodic.leaves_with_invoke(NOW + 19.9)

    def test_one_after_it_is(self, periodic):
        assert periodic.leaves_with_invoke(NOW + 20)

    def test_so_is_one_after_the_clock_went_back(self, periodic):
        assert periodic.leaves_with_invoke(NOW - 0.1)

    def test_in_a_long_invocation_so_is_the_end_of_each_interval(self, periodic):
        assert periodic.export_at(NOW + 3, NOW + 3) == NOW + 20

        periodic.exported(NOW + 20)

        assert periodic.export_at(NOW + 23, NOW + 23) == NOW + 40

    def test_the_interval_begins_with_the_invocation(self, periodic):
        """What waited for it in the freeze would leave with INVOKE, had it been time."""
        periodic.invoked(NOW + 15)

        assert periodic.export_at(NOW + 3, NOW + 15) == NOW + 35

    def test_it_is_over_when_the_clock_goes_back_behind_its_beginning(self, periodic):
        assert periodic.export_at(NOW - 60, NOW - 60) == NOW - 60


class TestContinuous:
    """What comes leaves an interval later."""

    def test_lambda_does_not_wait(self):
        assert Continuous(0.1).is_overlapping

    def test_an_invoke_event_is_no_occasion(self):
        assert not Continuous(0.1).leaves_with_invoke(NOW)

    def test_the_interval_begins_with_what_came_first(self):
        assert Continuous(0.5).export_at(NOW, NOW + 0.2) == NOW + 0.5

    def test_it_is_over_when_the_clock_goes_back_behind_its_beginning(self):
        assert Continuous(0.5).export_at(NOW, NOW - 60) == NOW - 60


class TestAdaptive:
    """As ``end`` while invocations are rare, as the other one while they are frequent."""

    COUNT, GAP_S = 4, 10.0

    def adaptive(self, *gaps_s, busy=None):
        """Invocations that came with these gaps between them; and when the last one came."""
        strategy = Adaptive(busy or Periodic(20.0), invocation_count=self.COUNT, gap_s=self.GAP_S)
        at = NOW
        strategy.invoked(at)
        for gap_s in gaps_s:
            at += gap_s
            strategy.invoked(at)
        return strategy, at

    def is_frequent(self, *gaps_s):
        strategy, _ = self.adaptive(*gaps_s)
        return strategy.is_overlapping

    def test_invocations_are_rare_before_there_is_any(self):
        strategy = Adaptive(Next(), invocation_count=self.COUNT, gap_s=self.GAP_S)

        assert not strategy.is_overlapping
        assert not strategy.leaves_with_invoke(NOW)
        assert strategy.export_at(NOW, NOW) is None

    def test_they_are_rare_until_there_are_enough(self):
        assert not self.is_frequent(1, 1, 1)

    def test_then_they_are_frequent(self):
        assert self.is_frequent(1, 1, 1, 1)

    def test_they_are_so_at_just_the_gap_on_average(self):
        assert self.is_frequent(10, 10, 10, 10)
        assert self.is_frequent(1, 19, 19, 1)

    def test_they_are_rare_a_little_above_it(self):
        assert not self.is_frequent(10, 10, 10, 10.1)

    def test_a_pause_ends_it_at_once(self):
        assert self.is_frequent(1, 1, 1, 1, 1)
        assert not self.is_frequent(1, 1, 1, 1, 60)

    def test_a_short_one_does_not(self):
        assert self.is_frequent(1, 1, 1, 1, 30)

    def test_it_takes_as_many_again_to_begin(self):
        pause = (1, 1, 1, 1, 60)

        begun = [self.is_frequent(*pause, *[1] * count) for count in range(1, 6)]

        assert begun == [False, False, False, True, True]

    def test_only_the_last_ones_count(self):
        assert self.is_frequent(*[60] * 100, 1, 1, 1, 1)

    def test_a_clock_that_goes_back_makes_them_rare(self):
        assert not self.is_frequent(1, 1, 1, 1, -3600)
        assert self.is_frequent(1, 1, 1, 1, -3600, 1, 1, 1, 1)

    def test_while_they_are_rare_it_is_as_end(self):
        strategy, at = self.adaptive(60, 60, 60, 60)

        assert not strategy.leaves_with_invoke(at)
        assert strategy.export_at(at, at) is None

    def test_while_they_are_frequent_it_is_as_the_other(self):
        strategy, at = self.adaptive(1, 1, 1, 1)

        assert strategy.leaves_with_invoke(at)
        assert strategy.export_at(at, at) == at + 20

    def test_the_other_knows_what_has_happened_before(self):
        strategy, at = self.adaptive(1, 1, 1)
        strategy.exported(at)

        strategy.invoked(at + 1)

        assert strategy.is_overlapping
        assert not strategy.leaves_with_invoke(at + 1)
        assert strategy.export_at(at, at + 1) == at + 21

    def test_its_memory_is_bounded(self):
        strategy, _ = self.adaptive(*[1] * 1_000)

        assert len(strategy._invoked) == self.COUNT + 1
