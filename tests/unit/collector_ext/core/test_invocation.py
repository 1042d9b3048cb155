"""Whose invocation it is, and which signs are of its end."""

from __future__ import annotations

import pytest

from collector_ext.core.invocation import (
    BACK_AGAIN_S,
    EARLY_END_COUNT_MAX,
    EARLY_END_S,
    FIRST_MESSAGE_S,
    Invocation,
)

NOW = 1_000.0
DEADLINE = NOW + 3


def begun(*early, has_telemetry=True, at=NOW):
    """The invocation r-1, begun after these ends were read: request ids and times."""
    invocation = Invocation(has_telemetry=has_telemetry)
    for request_id, ended_at in early:
        invocation.end(request_id, ended_at, at, is_failure=False)
    invocation.begin("r-1", DEADLINE, at)
    return invocation


class TestBeforeTheFirst:
    """There is nothing to come."""

    def test_none_is_in_progress(self):
        invocation = Invocation(has_telemetry=True)

        assert (invocation.is_over, invocation.deadline_at) == (True, 0.0)


class TestTheEnd:
    """The first sign that is about the invocation in progress counts."""

    def test_is_told_once(self):
        invocation = begun()
        assert (invocation.is_over, invocation.deadline_at) == (False, DEADLINE)

        assert invocation.end("r-1", NOW + 1, NOW + 1, is_failure=False)
        assert invocation.is_over
        assert not invocation.end("r-1", NOW + 1, NOW + 1, is_failure=False)

    def test_of_another_is_not_its_own(self):
        invocation = begun()

        assert not invocation.end("r-0", NOW, NOW, is_failure=False)
        assert not invocation.is_over

    def test_of_an_earlier_try_is_not_its_own(self):
        invocation = begun()

        assert not invocation.end("r-1", NOW - EARLY_END_S - 0.001, NOW, is_failure=False)
        assert not invocation.is_over

    def test_may_be_a_little_before_invoke_was_read(self):
        assert begun().end("r-1", NOW - EARLY_END_S, NOW, is_failure=False)

    def test_may_be_told_by_a_clock_that_went_back(self):
        assert begun().end("r-1", NOW - 3600, NOW - 3600, is_failure=False)


class TestAnEndThatIsReadBeforeItsInvoke:
    """It is remembered, for a short time and in a bounded number."""

    def test_ends_it_at_once(self):
        assert begun(("r-1", NOW)).is_over

    def test_does_so_once(self):
        invocation = begun(("r-1", NOW))
        invocation.begin("r-1", DEADLINE, NOW)

        assert not invocation.is_over

    def test_is_one_of_an_earlier_try_when_it_is_long_ago(self):
        assert not begun(("r-1", NOW - 60)).is_over

    @pytest.mark.parametrize(
        ("later_count", "is_over"),
        [(EARLY_END_COUNT_MAX - 1, True), (EARLY_END_COUNT_MAX, False)],
    )
    def test_is_forgotten_when_there_are_too_many(self, later_count, is_over):
        others = [(f"r-{number}", NOW) for number in range(2, later_count + 2)]

        assert begun(("r-1", NOW), *others).is_over == is_over


class TestWithTelemetry:
    """The platform tells the end, whatever the function does."""

    def test_nobody_waits_for_a_first_message(self):
        assert begun().first_message_by is None


class TestWithoutTelemetry:
    """Only the internal half can tell the end; the first invocation shows whether it is there."""

    def test_it_has_a_while_to_show_itself(self):
        invocation = begun(has_telemetry=False)

        assert not invocation.is_over
        assert invocation.first_message_by == NOW + FIRST_MESSAGE_S

    def test_once_it_has_it_is_waited_for(self):
        invocation = begun(has_telemetry=False)
        invocation.tell("r-1")
        assert invocation.first_message_by is None

        invocation.begin("r-2", DEADLINE, NOW)

        assert (invocation.is_over, invocation.first_message_by) == (False, None)

    def test_it_may_have_before_the_first_invoke(self):
        invocation = Invocation(has_telemetry=False)
        invocation.tell("r-1")
        invocation.begin("r-1", DEADLINE, NOW)

        assert (invocation.is_over, invocation.first_message_by) == (False, None)

    def test_later_invocations_are_over_at_once_if_it_has_not(self):
        invocation = begun(has_telemetry=False)
        invocation.begin("r-2", DEADLINE, NOW)

        assert (invocation.is_over, invocation.first_message_by) == (True, None)

    def test_an_end_that_was_read_before_is_all_the_same_one(self):
        invocation = begun(("r-1", NOW), has_telemetry=False)

        assert (invocation.is_over, invocation.first_message_by) == (True, None)


class TestAFunctionThatIsGoneBeforeItsInvokeIsRead:
    """The way of INVOKE is the longest: it may be read with the end of the connection."""

    def test_is_waited_for_no_longer_than_any_other(self):
        invocation = Invocation(has_telemetry=False)
        invocation.tell("r-1")
        invocation.miss("r-1", NOW)

        invocation.begin("r-1", NOW + 3, NOW)

        assert (invocation.is_over, invocation.first_message_by) == (False, NOW + BACK_AGAIN_S)

    def test_is_not_the_function_of_another_invocation(self):
        invocation = Invocation(has_telemetry=False)
        invocation.tell("r-1")
        invocation.miss("r-0", NOW)

        invocation.begin("r-1", NOW + 3, NOW)

        assert invocation.first_message_by is None

    @pytest.mark.parametrize(("request_id", "is_back"), [("r-1", True), ("r-0", False)])
    def test_is_back_when_it_tells_of_this_invocation(self, request_id, is_back):
        invocation = Invocation(has_telemetry=False)
        invocation.tell("r-0")
        invocation.miss("r-1", NOW)
        invocation.begin("r-1", NOW + 3, NOW)

        invocation.tell(request_id)

        assert (invocation.first_message_by is None, invocation.gone_at is None) == (is_back,) * 2
