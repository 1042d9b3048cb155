"""What the workers of a managed instance may do, and who is given what."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.api import RESPONSE_BYTES_MAX, Reply
from lambda_sandbox.core.apis.runtime import State
from lambda_sandbox.core.apis.workers import PAST_MAX, RUNNING_MAX, WAITING_MAX, Workers

EVENT = Reply(200, b'{"a": 1}')
TOO_LATE = Reply(410, b'{"errorMessage":"Invoke timeout","errorType":"InvokeTimeout"}')


def error(reply):
    """The body of a refusal."""
    return json.loads(reply.body)


def refused(reply):
    """Status and error type of a refusal."""
    return reply.status, error(reply)["errorType"]


def waiting(*client_ids):
    """Workers of which some wait."""
    workers = Workers()
    for client_id in client_ids:
        assert workers.ask_next(client_id) is None
    return workers


def running(*request_ids):
    """Workers that have the named invocations."""
    workers = waiting(*range(len(request_ids)))
    for request_id in request_ids:
        workers.deliver(request_id, EVENT)
    return workers


class TestNext:
    """Each waits for an invocation of its own."""

    def test_is_answered_in_order_of_arrival(self):
        workers = waiting(8, 7)

        assert [workers.deliver("r-1", EVENT), workers.deliver("r-2", EVENT)] == [8, 7]

    def test_of_one_worker_is_enough(self):
        assert (Workers().is_ready, waiting(7).is_ready) == (False, True)

    def test_that_was_answered_waits_no_longer(self):
        assert not running("r-1").is_ready

    def test_over_another_connection_is_another_workers(self):
        workers = running("r-1")

        assert workers.ask_next(8) is None
        assert workers.deliver("r-2", EVENT) == 8

    def test_may_follow_an_invocation_that_nobody_answered(self):
        workers = running("r-1")
        workers.ask_next(8)

        assert workers.respond("r-1", b"1") is None
        assert workers.is_ready

    def test_is_not_repeated(self):
        workers = running("r-1")

        with pytest.raises(AssertionError, match="when a worker is ready"):
            workers.deliver("r-2", EVENT)

    def test_is_refused_when_more_wait_than_an_environment_has(self):
        workers = waiting(*range(WAITING_MAX))

        assert refused(workers.ask_next(WAITING_MAX)) == (500, "InternalServerError")
        assert workers.deliver("r-1", EVENT) == 0


class TestAWorkerThatIsGone:
    """Its connection was closed."""

    def test_is_given_nothing(self):
        workers = waiting(7, 8)

        workers.hang_up(7)

        assert workers.deliver("r-1", EVENT) == 8

    def test_is_not_ready(self):
        workers = waiting(7)

        workers.hang_up(7)

        assert not workers.is_ready

    def test_need_not_have_waited(self):
        workers = running("r-1")

        workers.hang_up(0)

        assert workers.respond("r-1", b"1") is None


class TestAResponse:
    """One for each invocation, by its request id, and not too large."""

    def test_counts_whatever_the_order(self):
        workers = running("r-1", "r-2")

        assert [workers.respond("r-2", b"2"), workers.respond("r-1", b"1")] == [None, None]

    def test_counts_once(self):
        workers = running("r-1", "r-2")
        workers.respond("r-1", b"1")

        assert refused(workers.respond("r-1", b"1")) == (403, "InvalidStateTransition")

    def test_to_no_invocation_does_not_count(self):
        assert refused(running("r-1").respond("r-0", b"1")) == (400, "InvalidRequestID")

    def test_may_be_as_large_as_lambda_allows(self):
        assert running("r-1").respond("r-1", b"x" * RESPONSE_BYTES_MAX) is None

    def test_that_is_larger_is_refused_and_another_may_follow(self):
        workers = running("r-1")

        refusal = workers.respond("r-1", b"x" * (RESPONSE_BYTES_MAX + 1))

        assert refused(refusal) == (413, "RequestEntityTooLarge")
        assert workers.respond("r-1", b"1") is None

    def test_counts_for_a_request_id_that_is_used_again(self):
        workers = running("r-1")
        workers.respond("r-1", b"1")
        workers.ask_next(7)

        workers.deliver("r-1", EVENT)

        assert workers.respond("r-1", b"1") is None

    def test_must_say_which_invocation_it_is_for(self):
        workers = running("r-1")
        workers.ask_next(7)

        with pytest.raises(AssertionError, match="which it is for"):
            workers.deliver("r-1", EVENT)


class TestATimeout:
    """It ends the invocation, not the worker."""

    def test_makes_a_response_come_too_late(self):
        workers = running("r-1", "r-2")

        workers.expire("r-1")

        assert workers.respond("r-1", b"1") == TOO_LATE
        assert workers.respond("r-2", b"2") is None

    def test_lets_the_worker_ask_next(self):
        workers = running("r-1")
        workers.expire("r-1")

        workers.ask_next(0)

        assert workers.deliver("r-2", EVENT) == 0

    def test_changes_nothing_for_an_answered_invocation(self):
        workers = running("r-1")
        workers.respond("r-1", b"1")

        workers.expire("r-1")

        assert refused(workers.respond("r-1", b"1")) == (403, "InvalidStateTransition")


class TestAnInitError:
    """Every worker imports the function and fails alike: the first to say so is heard."""

    def test_counts_once(self):
        workers = Workers()

        assert workers.fail_init() is None
        assert error(workers.fail_init()) == {
            "errorMessage": (
                "State transition from InitError to InitError failed for runtime. "
                "Error: State transition is not allowed"
            ),
            "errorType": "InvalidStateTransition",
        }

    def test_does_not_count_after_a_next(self):
        workers = waiting(7)

        assert refused(workers.fail_init()) == (403, "InvalidStateTransition")
        assert workers.state is State.READY

    def test_does_not_stop_the_other_workers(self):
        workers = Workers()
        workers.fail_init()

        assert workers.ask_next(7) is None
        assert workers.state is State.INIT_ERROR


class TestWhatIsRemembered:
    """Has a limit."""

    def test_of_the_past_are_the_last_invocations(self):
        workers = waiting(7)
        for number in range(PAST_MAX + 1):
            workers.deliver(f"r-{number}", EVENT)
            workers.expire(f"r-{number}")
            workers.ask_next(7)

        assert refused(workers.respond("r-0", b"1")) == (400, "InvalidRequestID")
        assert workers.respond("r-1", b"1") == TOO_LATE

    def test_of_the_present_are_no_more_invocations_than_an_environment_has_workers(self):
        workers = running(*(f"r-{number}" for number in range(RUNNING_MAX)))
        workers.ask_next(7)

        assert not workers.is_ready
        workers.expire("r-0")
        assert workers.is_ready
