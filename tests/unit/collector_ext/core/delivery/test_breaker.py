"""When an endpoint is worth a try."""

from __future__ import annotations

import pytest

from collector_ext.core.delivery import failures
from collector_ext.core.delivery.breaker import Breaker, Patience
from collector_ext.core.delivery.failures import Failure

NOW = 1_000.0
PATIENCE = Patience(
    retry_count=2, retry_delay_s=0.1, breaker_delay_s=10.0, breaker_delay_s_max=300.0
)
HALF = 0.5  # the chance that shortens and lengthens no pause

REFUSED = Failure(failures.CONNECTION, "refused", None)
ODD = Failure(failures.ANSWER, "HTTP 500", None)
SILENT = Failure(failures.TIMEOUT, "no answer in time", None)


def throttled(retry_after_s):
    """The endpoint asks for a pause."""
    return Failure(failures.THROTTLED, "HTTP 429", retry_after_s)


def breaker(*found, at=NOW, chance=HALF, **patience):
    """A breaker in a flush that began now, and that has taken note of these failures."""
    made = Breaker(Patience(**{**PATIENCE.__dict__, **patience}), lambda: chance)
    made.start_flush(at, is_last=False)
    for failure in found:
        made.failed(failure, at)
    return made


def next_flush(made, at, *, is_last=False):
    """When it lets something pass in a flush that begins then."""
    made.start_flush(at, is_last=is_last)
    return made.try_at(at)


class TestAnEndpointThatIsWell:
    """Everything passes at once."""

    def test_from_the_start(self):
        assert (breaker().try_at(NOW), breaker().is_open) == (NOW, False)

    def test_again_and_again(self):
        well = breaker()
        for _ in range(10):
            well.succeeded()

        assert well.try_at(NOW) == NOW

    def test_in_each_flush(self):
        assert next_flush(breaker(), NOW + 1) == NOW + 1

    def test_for_nothing_but_a_flush(self):
        made = Breaker(PATIENCE, lambda: HALF)

        assert made.try_at(NOW) is None


class TestARetry:
    """What may pass quickly is tried again in the same flush, after a pause."""

    def test_comes_after_a_pause_that_doubles(self):
        assert breaker(REFUSED).try_at(NOW) == NOW + 0.1
        assert breaker(REFUSED, REFUSED).try_at(NOW) == NOW + 0.2

    def test_comes_as_often_as_it_may(self):
        made = breaker(REFUSED, retry_count=1)
        assert made.try_at(NOW) == NOW + 0.1

        made.failed(REFUSED, NOW + 0.1)

        assert (made.try_at(NOW + 9), made.is_open) == (None, False)

    @pytest.mark.parametrize("count", [3, 10])
    def test_comes_more_often_than_the_kind_says_if_it_may(self, count):
        made = breaker(*[REFUSED] * count, retry_count=count)
        assert made.try_at(NOW) is not None

        made.failed(REFUSED, NOW)

        assert (made.try_at(NOW + 9_999), made.is_open) == (None, True)

    def test_comes_after_a_pause_that_is_a_number_however_often(self):
        assert breaker(*[REFUSED] * 5_000, retry_count=9_999).try_at(NOW) > NOW

    def test_does_not_come_if_none_may(self):
        assert breaker(REFUSED, retry_count=0).try_at(NOW) is None

    def test_does_not_come_after_what_takes_long_to_pass(self):
        assert breaker(ODD).try_at(NOW) is None
        assert not breaker(ODD).is_open

    def test_is_due_once_the_pause_is_over(self):
        assert breaker(REFUSED).try_at(NOW + 0.15) == NOW + 0.15

    @pytest.mark.parametrize(("chance", "pause_s"), [(0.0, 0.05), (1.0, 0.15)])
    def test_comes_a_little_sooner_or_later_by_chance(self, chance, pause_s):
        assert breaker(REFUSED, chance=chance).try_at(NOW) == pytest.approx(NOW + pause_s)

    def test_may_be_the_first_of_the_next_flush(self):
        failing = breaker(REFUSED)

        assert next_flush(failing, NOW + 0.04) == NOW + 0.1
        assert failing.rests_until(NOW + 0.04) == NOW + 0.1

    def test_that_succeeds_leaves_the_others_to_the_flush(self):
        made = breaker(REFUSED)
        made.succeeded()
        made.failed(REFUSED, NOW + 1)

        assert made.try_at(NOW + 1) == NOW + 1.1


class TestAPauseThatTheEndpointAsksFor:
    """It is kept, whoever waits, within bounds."""

    def test_is_kept_within_a_flush(self):
        assert breaker(throttled(2.0)).try_at(NOW) == NOW + 2

    def test_is_kept_by_the_next_flush(self):
        assert next_flush(breaker(throttled(60.0)), NOW + 5) == NOW + 60

    def test_of_nothing_is_the_usual_one(self):
        assert breaker(throttled(0.0)).try_at(NOW) == NOW + 0.1

    def test_may_be_longer_than_that_of_an_open_breaker(self):
        assert breaker(*[throttled(60.0)] * 3).rests_until(NOW) == NOW + 60

    def test_is_kept_after_what_is_not_retried_too(self):
        busy = breaker(Failure(failures.ANSWER, "HTTP 500", 7.0))

        assert busy.try_at(NOW) is None
        assert next_flush(busy, NOW + 1) == NOW + 7


class TestAnEndpointThatIsAway:
    """It is left alone: nothing passes."""

    @pytest.mark.parametrize("kind", failures.KINDS, ids=lambda kind: kind.name)
    def test_after_as_many_failures_in_a_row_as_the_kind_says(self, kind):
        made = breaker()
        for _ in range(kind.count_max):
            assert not made.is_open
            made.failed(Failure(kind, "", None), NOW)

        assert made.is_open == bool(kind.count_max)

    def test_for_a_while(self):
        away = breaker(SILENT)

        assert away.try_at(NOW + 11) is None
        assert next_flush(away, NOW + 9.9) is None
        assert away.rests_until(NOW + 9.9) == NOW + 10

    def test_even_in_a_flush_that_has_tries_left(self):
        failing = breaker(REFUSED)
        failing.start_flush(NOW + 1, is_last=False)
        failing.failed(REFUSED, NOW + 1)
        failing.failed(REFUSED, NOW + 1)

        assert failing.try_at(NOW + 1) is None

    def test_whatever_failed_before(self):
        assert breaker(REFUSED, ODD, ODD).is_open
        assert breaker(REFUSED, SILENT).is_open

    def test_not_if_it_answered_in_between(self):
        made = breaker(ODD, ODD)
        made.succeeded()
        made.failed(ODD, NOW)

        assert not made.is_open

    @pytest.mark.parametrize(("chance", "delay_s"), [(0.0, 9.0), (1.0, 11.0)])
    def test_a_little_shorter_or_longer_by_chance(self, chance, delay_s):
        assert breaker(SILENT, chance=chance).rests_until(NOW) == pytest.approx(NOW + delay_s)

    def test_twice_as_long_after_each_probe(self):
        away, at, delays = breaker(SILENT), NOW, []
        for _ in range(7):
            delays.append(away.rests_until(at) - at)
            at += delays[-1]
            away.start_flush(at, is_last=False)
            away.failed(SILENT, at)

        assert delays == [10, 20, 40, 80, 160, 300, 300]

    def test_for_ever_without_a_number_that_grows(self):
        away = breaker(*[SILENT] * 5_000)

        assert away.rests_until(NOW) == NOW + 300

    def test_not_at_all_if_no_delay_is_wanted(self):
        assert next_flush(breaker(SILENT, breaker_delay_s=0.0), NOW) == NOW


class TestAProbe:
    """After the delay, one request shows whether the endpoint is back."""

    @pytest.fixture
    def probing(self):
        made = breaker(SILENT)
        made.start_flush(NOW + 10, is_last=False)
        return made

    def test_is_sent_at_once(self, probing):
        assert (probing.try_at(NOW + 10), probing.is_open) == (NOW + 10, True)

    def test_that_fails_is_not_tried_again(self, probing):
        probing.failed(REFUSED, NOW + 10)

        assert (probing.try_at(NOW + 99), probing.is_open) == (None, True)
        assert probing.rests_until(NOW + 10) == NOW + 30

    def test_that_succeeds_lets_all_pass_again(self, probing):
        probing.succeeded()

        assert (probing.try_at(NOW + 10), probing.is_open) == (NOW + 10, False)

    def test_that_succeeds_makes_what_follows_worth_a_retry(self, probing):
        probing.succeeded()
        probing.failed(REFUSED, NOW + 10)

        assert probing.try_at(NOW + 10) == NOW + 10.1

    def test_that_succeeds_makes_the_next_delay_the_first(self, probing):
        probing.succeeded()
        probing.failed(SILENT, NOW + 20)

        assert probing.rests_until(NOW + 20) == NOW + 30


class TestTheLastFlush:
    """There is no later: the endpoint is tried, whatever it was like."""

    def test_tries_one_that_is_left_alone(self):
        assert next_flush(breaker(SILENT), NOW + 1, is_last=True) == NOW + 1

    def test_tries_it_once(self):
        away = breaker(SILENT)
        away.start_flush(NOW + 1, is_last=True)
        away.failed(REFUSED, NOW + 1)

        assert away.try_at(NOW + 1) is None

    def test_tries_one_that_asked_for_a_pause(self):
        assert next_flush(breaker(throttled(60.0)), NOW + 1, is_last=True) == NOW + 1


class TestAClockThatGoesBack:
    """Nobody knows how long it was: the endpoint is tried."""

    def test_behind_the_failure(self):
        away = breaker(SILENT)

        assert next_flush(away, NOW - 3600) == NOW - 3600
        assert away.rests_until(NOW - 3600) == NOW - 3600

    def test_and_it_fails_again(self):
        away = breaker(SILENT)
        away.start_flush(NOW - 3600, is_last=False)
        away.failed(SILENT, NOW - 3600)

        assert away.rests_until(NOW - 3600) == NOW - 3600 + 20
