"""What a runtime may do in which state."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.api import RESPONSE_BYTES_MAX, Reply
from lambda_sandbox.core.apis.runtime import TRANSITIONS, Input, Runtime, State

EVENT = Reply(200, b'{"a": 1}')


def error_type(reply):
    return json.loads(reply.body)["errorType"]


def running_runtime():
    """A runtime that was given the invocation ``r-1``."""
    runtime = Runtime()
    runtime.ask_next(client_id=7)
    runtime.deliver("r-1", EVENT)
    return runtime


class TestTheStateMachine:
    """The table, row by row."""

    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("happened", Input)
    def test_an_input_leads_to_its_state_or_is_refused(self, state, happened):
        runtime = Runtime(state)

        refusal = runtime.take(happened)

        assert runtime.state is TRANSITIONS.get((state, happened), state)
        assert (refusal is None) is ((state, happened) in TRANSITIONS)

    def test_a_refusal_is_the_platforms(self):
        refusal = Runtime(State.READY).take(Input.RESPONSE)

        assert refusal is not None
        assert (refusal.status, error_type(refusal)) == (403, "InvalidStateTransition")


class TestReadiness:
    """Whether an invocation can be delivered."""

    @pytest.mark.parametrize("state", State)
    def test_is_a_pending_next(self, state):
        assert Runtime(state).is_ready is (state is State.READY)


class TestAnInitError:
    """Counts until the first next."""

    def test_counts_once(self):
        runtime = Runtime()

        assert runtime.fail_init() is None
        assert error_type(runtime.fail_init()) == "InvalidStateTransition"


class TestNext:
    """It waits; while an invocation runs it gives the same again."""

    def test_waits_for_the_invocation(self):
        runtime = Runtime()

        assert runtime.ask_next(client_id=7) is None
        assert runtime.deliver("r-1", EVENT) == 7

    def test_asked_again_the_last_to_ask_is_answered(self):
        runtime = Runtime()
        runtime.ask_next(client_id=7)

        assert runtime.ask_next(client_id=8) is None
        assert runtime.deliver("r-1", EVENT) == 8

    def test_while_running_gives_the_same_invocation(self):
        assert running_runtime().ask_next(client_id=8) == EVENT

    def test_after_an_init_error_is_refused(self):
        runtime = Runtime()
        runtime.take(Input.INIT_ERROR)

        assert error_type(runtime.ask_next(client_id=7)) == "InvalidStateTransition"


class TestAResponse:
    """One for each invocation, for that invocation, and not too large."""

    def test_counts_once(self):
        runtime = running_runtime()

        assert runtime.respond("r-1", b"1") is None
        assert error_type(runtime.respond("r-1", b"1")) == "InvalidStateTransition"

    def test_of_another_invocation_does_not_count(self):
        refusal = running_runtime().respond("r-0", b"1")

        assert (refusal.status, error_type(refusal)) == (400, "InvalidRequestID")

    def test_may_be_as_large_as_lambda_allows(self):
        assert running_runtime().respond("r-1", b"x" * RESPONSE_BYTES_MAX) is None

    def test_that_is_larger_is_refused_and_another_may_follow(self):
        runtime = running_runtime()

        refusal = runtime.respond("r-1", b"x" * (RESPONSE_BYTES_MAX + 1))

        assert (refusal.status, error_type(refusal)) == (413, "RequestEntityTooLarge")
        assert runtime.respond("r-1", b"1") is None
