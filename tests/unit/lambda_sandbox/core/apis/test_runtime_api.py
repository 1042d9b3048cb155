"""What the runtime is answered, and what it is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lambda_sandbox.core.actions import Action, Answer, Note, ReleaseResponse
from lambda_sandbox.core.api import (
    RESPONSE_BYTES_MAX,
    InvocationError,
    InvocationResponse,
    Reply,
    RestoreError,
    RestoreNext,
    RuntimeInitError,
    RuntimeNext,
)
from lambda_sandbox.core.apis.extension import Extensions
from lambda_sandbox.core.apis.first_fault import FirstFault
from lambda_sandbox.core.apis.runtime import State
from lambda_sandbox.core.apis.runtime_api import RuntimeApi
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START, FunctionFacts
from lambda_sandbox.core.invocation import Invocation, Run
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
SNAP_STARTED = replace(FUNCTION, initialization_type=SNAP_START)
MANAGED = replace(FUNCTION, initialization_type=MANAGED_INSTANCES)
CLIENT, OTHER_CLIENT = 7, 8
TRACE = "Root=1-a;Parent=b;Sampled=1"
ACCEPTED = (202, b'{"status":"OK"}\n')


class Desk:
    """The API of an environment without extensions."""

    def __init__(self, function=FUNCTION):
        self.out: list[Action] = []
        self.extensions = Extensions(())
        self.first_fault = FirstFault()
        journal = Journal(function, supported=True, epoch_s=0.0, out=self.out)
        self.api = RuntimeApi(function, self.extensions, self.first_fault, journal, self.out)

    def asks(self, call, client_id=CLIENT, now=NOW):
        """Make a call; return status and body of the reply, None if it waits."""
        reply = self.api.reply(call, client_id, now)
        return None if reply is None else (reply.status, reply.body)

    def invoked(self, request_id="r-1", trace_header=TRACE, client_context='{"client": 1}'):
        """Whoever waits is given an invocation; return it as it arrives."""
        invocation = Invocation(request_id, b"{}", trace_header, client_context)
        self.out.clear()
        self.api.invoke(Run(invocation, NOW, NOW + 3, NOW))
        (answer,) = [action for action in self.out if isinstance(action, Answer)]
        self.out.clear()
        return answer

    def outcome(self):
        (released,) = [action for action in self.out if isinstance(action, ReleaseResponse)]
        return released.outcome

    def notes(self):
        return [(action.what, action.who) for action in self.out if isinstance(action, Note)]


def invoked(function=FUNCTION):
    """A runtime, or a worker, that has the invocation ``r-1``."""
    desk = Desk(function)
    desk.asks(RuntimeNext())
    desk.invoked()
    return desk


def stored():
    """A runtime that stands where clones begin."""
    desk = Desk(SNAP_STARTED)
    desk.api.snapshot_taken()
    return desk


def refused(reply):
    """Status and error type of a refusal."""
    status, body = reply
    return status, json.loads(body)["errorType"]


class TestNext:
    """Answered when there is an invocation."""

    def test_waits_for_one(self):
        desk = Desk()

        assert desk.asks(RuntimeNext()) is None
        assert desk.api.runtime.is_ready
        assert desk.notes() == [("asked next", "runtime")]

    def test_ends_the_time_for_registrations(self):
        desk = Desk()

        desk.asks(RuntimeNext())

        assert desk.extensions.closed

    def test_is_answered_with_the_payload_and_headers(self):
        desk = Desk()
        desk.asks(RuntimeNext())

        answer = desk.invoked()

        assert answer.client_id == CLIENT
        assert answer.reply == Reply(
            200,
            b"{}",
            (
                ("Content-Type", "application/json"),
                ("Lambda-Runtime-Aws-Request-Id", "r-1"),
                ("Lambda-Runtime-Deadline-Ms", "103000"),
                ("Lambda-Runtime-Invoked-Function-Arn", FUNCTION.arn),
                ("Lambda-Runtime-Trace-Id", TRACE),
                ("Lambda-Runtime-Client-Context", '{"client": 1}'),
            ),
        )

    def test_is_answered_without_what_the_caller_did_not_send(self):
        desk = Desk()
        desk.asks(RuntimeNext())

        answer = desk.invoked(trace_header="", client_context=None)

        assert [name for name, _ in answer.reply.headers][-1] == (
            "Lambda-Runtime-Invoked-Function-Arn"
        )

    def test_is_answered_again_while_the_invocation_runs(self):
        desk = Desk()
        desk.asks(RuntimeNext())
        first = desk.invoked()

        assert desk.asks(RuntimeNext()) == (200, first.reply.body)

    def test_of_a_runtime_that_is_alone_outlives_its_connection(self):
        desk = Desk()
        desk.asks(RuntimeNext())

        desk.api.hang_up(CLIENT)

        assert desk.api.runtime.is_ready


class TestAResponse:
    """Released to the caller at once."""

    def test_is_the_outcome(self):
        desk = invoked()

        assert desk.asks(InvocationResponse("r-1", b"1"), now=NOW + 0.5) == ACCEPTED

        outcome = desk.outcome()
        assert (outcome.payload, outcome.status, outcome.duration_s) == (b"1", "success", 0.5)
        assert desk.notes() == [("responded", "runtime")]

    @pytest.mark.parametrize(
        ("body", "error_type", "expected"),
        [
            (b'{"errorType": "ValueError"}', "", "ValueError"),
            (b'{"errorType": "ValueError"}', "A.B", "A.B"),
            (b'{"errorType": 1}', "", "Runtime.Unknown"),
            (b"[]", "", "Runtime.Unknown"),
            (b"nonsense", "", "Runtime.Unknown"),
        ],
    )
    def test_may_be_an_error_of_a_type(self, body, error_type, expected):
        desk = invoked()

        assert desk.asks(InvocationError("r-1", body, error_type)) == ACCEPTED

        outcome = desk.outcome()
        assert (outcome.payload, outcome.status, outcome.error_type) == (body, "error", expected)

    def test_to_nothing_is_refused(self):
        desk = invoked()

        reply = desk.asks(InvocationResponse("r-0", b"1"))

        assert refused(reply) == (400, "InvalidRequestID")
        assert desk.out == []

    def test_that_is_too_large_is_refused_and_another_may_follow(self):
        desk = invoked()

        reply = desk.asks(InvocationResponse("r-1", b"1" * (RESPONSE_BYTES_MAX + 1)))

        assert refused(reply) == (413, "RequestEntityTooLarge")
        assert desk.asks(InvocationResponse("r-1", b"1")) == ACCEPTED

    def test_that_is_the_second_is_refused(self):
        desk = invoked()
        desk.asks(InvocationResponse("r-1", b"1"))
        desk.out.clear()

        reply = desk.asks(InvocationResponse("r-1", b"2"))

        assert refused(reply) == (403, "InvalidStateTransition")
        assert desk.out == []

    def test_that_comes_when_the_invocation_has_failed_goes_nowhere(self):
        desk = invoked()
        desk.api.forget("r-1")
        desk.api.forget("r-1")

        assert desk.asks(InvocationResponse("r-1", b"1")) == ACCEPTED
        assert desk.out == []


class TestAnInitError:
    """Kept, to be told when the process has exited."""

    @pytest.mark.parametrize(("error_type", "fatal"), [("A.B", "A.B"), ("", "Runtime.Unknown")])
    def test_names_the_fault(self, error_type, fatal):
        desk = Desk()

        assert desk.asks(RuntimeInitError(b"{}", error_type)) == ACCEPTED
        assert desk.first_fault == FirstFault(fatal, b"{}")

    def test_after_next_is_refused(self):
        desk = Desk()
        desk.asks(RuntimeNext())

        reply = desk.asks(RuntimeInitError(b"{}", "A.B"))

        assert refused(reply) == (403, "InvalidStateTransition")
        assert desk.first_fault == FirstFault()


class TestARestore:
    """With SnapStart alone: a clone asks, runs its hooks, and asks next."""

    @pytest.mark.parametrize("function", [FUNCTION, MANAGED])
    @pytest.mark.parametrize("call", [RestoreNext(), RestoreError(b"{}", "A.B")])
    def test_is_nowhere_to_be_found_without_a_snapshot(self, function, call):
        desk = Desk(function)

        assert desk.asks(call) == (404, b"404 page not found\n")
        assert not desk.extensions.closed

    def test_goes_on_at_once(self):
        desk = stored()

        assert desk.asks(RestoreNext()) == (200, b"")
        assert desk.extensions.closed
        assert desk.api.runtime.state is State.RESTORING

    def test_is_over_when_the_clone_asks_next(self):
        desk = stored()
        desk.asks(RestoreNext())

        assert desk.asks(RuntimeNext()) is None
        assert desk.api.runtime.is_ready

    def test_is_not_over_before_its_hooks_have_run(self):
        assert refused(stored().asks(RuntimeNext())) == (403, "InvalidStateTransition")

    def test_is_refused_to_a_runtime_that_was_not_initialised(self):
        reply = Desk(SNAP_STARTED).asks(RestoreNext())

        assert refused(reply) == (403, "InvalidStateTransition")

    @pytest.mark.parametrize(("error_type", "fatal"), [("A.B", "A.B"), ("", "Runtime.Unknown")])
    def test_may_fail_in_its_hooks(self, error_type, fatal):
        desk = stored()
        desk.asks(RestoreNext())

        assert desk.asks(RestoreError(b"{}", error_type)) == ACCEPTED
        assert desk.first_fault == FirstFault(fatal, b"{}")

    def test_cannot_fail_before_it_has_begun(self):
        desk = stored()

        reply = desk.asks(RestoreError(b"{}", "A.B"))

        assert refused(reply) == (403, "InvalidStateTransition")
        assert desk.first_fault == FirstFault()


class TestTheWorkersOfAManagedInstance:
    """Each call is one worker's."""

    def test_are_given_an_invocation_each(self):
        desk = Desk(MANAGED)
        desk.asks(RuntimeNext(), CLIENT)
        desk.asks(RuntimeNext(), OTHER_CLIENT)

        given = [desk.invoked("r-1"), desk.invoked("r-2")]

        assert [answer.client_id for answer in given] == [CLIENT, OTHER_CLIENT]

    def test_answer_in_any_order(self):
        desk = Desk(MANAGED)
        for request_id in ("r-1", "r-2"):
            desk.asks(RuntimeNext())
            desk.invoked(request_id)

        desk.asks(InvocationResponse("r-2", b"2"))
        desk.asks(InvocationResponse("r-1", b"1"))

        released = [action for action in desk.out if isinstance(action, ReleaseResponse)]
        assert [(r.outcome.request_id, r.outcome.payload) for r in released] == [
            ("r-2", b"2"),
            ("r-1", b"1"),
        ]

    def test_are_given_nothing_when_they_have_hung_up(self):
        desk = Desk(MANAGED)
        desk.asks(RuntimeNext())

        desk.api.hang_up(CLIENT)

        assert not desk.api.runtime.is_ready

    def test_have_no_snapshot(self):
        with pytest.raises(AssertionError, match="no managed instance"):
            Desk(MANAGED).api.snapshot_taken()
