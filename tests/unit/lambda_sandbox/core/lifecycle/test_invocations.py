"""Who waits for an invocation, and what comes of those that never begin."""

from __future__ import annotations

import json

from lambda_sandbox.core.actions import Action, Record, ReleaseResponse
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.events import RequestReceived
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import TIMED_OUT, Failure, Invocation
from lambda_sandbox.core.lifecycle.freezer import Freezer
from lambda_sandbox.core.lifecycle.sequential import SequentialInvocations
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
CRASH = Failure("error", "Extension.Crash", "exit status 7")
TIMEOUT = Failure("timeout", TIMED_OUT, "out of time")


class Queue:
    """Invocations that wait for a runtime, and what was ordered about them."""

    def __init__(self, *request_ids):
        self.out: list[Action] = []
        journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=self.out)
        self.control = Control(FUNCTION, (), journal, self.out)
        self.invocations = SequentialInvocations(
            FUNCTION, self.control, journal, Freezer(journal, self.out), self.out
        )
        for request_id in request_ids:
            self.invocations.add(Invocation(request_id, b"{}", ""))

    def runs(self, request_id):
        """The runtime asks next, and responds to the invocation that it is given."""
        self.call("GET", "next")
        self.invocations.step(NOW)
        self.call("POST", f"{request_id}/response")

    def call(self, method, target):
        request = Request(method, f"/2018-06-01/runtime/invocation/{target}", {}, b"1")
        self.control.take(RequestReceived(1, request, "uuid"), NOW)

    def outcomes(self):
        return [action.outcome for action in self.out if isinstance(action, ReleaseResponse)]

    def report(self):
        events = [action.event for action in self.out if isinstance(action, Record)]
        return events[-1]["record"]


class TestAnInvocationWhoseEnvironmentCannotBeInitialised:
    """It fails in the place of the initialisation."""

    def test_is_the_one_that_waited_longest(self):
        queue = Queue("r-1", "r-2")

        queue.invocations.fail_first(CRASH, NOW)

        (outcome,) = queue.outcomes()
        assert (outcome.request_id, outcome.error_type) == ("r-1", "Extension.Crash")
        assert queue.invocations.wait

    def test_has_its_start_its_end_and_its_report(self):
        queue = Queue("r-1")

        queue.invocations.fail_first(CRASH, NOW)

        kinds = [action.event["type"] for action in queue.out if isinstance(action, Record)]
        assert kinds == ["platform.start", "platform.runtimeDone", "platform.report"]

    def test_is_charged_from_where_the_initialisation_began(self):
        queue = Queue("r-1")

        queue.invocations.charge_from(NOW - 2)
        queue.invocations.fail_first(TIMEOUT, NOW)

        assert queue.report()["metrics"]["durationMs"] == 2000.0

    def test_charges_no_other_one(self):
        queue = Queue("r-1", "r-2")

        queue.invocations.charge_from(NOW - 2)
        queue.invocations.fail_first(CRASH, NOW)
        queue.invocations.fail_first(CRASH, NOW)

        assert queue.report()["metrics"]["durationMs"] == 0.0

    def test_is_answered_with_what_the_runtime_posted_if_it_did(self):
        queue = Queue("r-1")

        queue.invocations.fail_first(Failure("error", "Runtime.Unknown", "", b'{"a": 1}'), NOW)

        assert queue.outcomes()[0].payload == b'{"a": 1}'

    def test_says_that_it_timed_out_if_it_did(self):
        queue = Queue("r-1")

        queue.invocations.fail_first(TIMEOUT, NOW)

        (outcome,) = queue.outcomes()
        text = "1970-01-01T00:01:40.000Z r-1 Task timed out after 3.00 seconds"
        assert json.loads(outcome.payload) == {"errorMessage": text}
        assert (outcome.status, queue.report()["status"]) == ("timeout", "timeout")


class TestAnInvocationThatCannotGoOn:
    """It has failed; what its caller was given before, the caller keeps."""

    def test_is_answered_once(self):
        queue = Queue("r-1")
        queue.runs("r-1")

        queue.invocations.fail(CRASH, NOW)

        assert [(o.status, o.payload) for o in queue.outcomes()] == [("success", b"1")]
        assert queue.report()["status"] == "error"


class TestInvocationsOfAnEnvironmentThatIsGone:
    """Nobody waits for ever."""

    def test_are_all_refused(self):
        queue = Queue("r-1", "r-2")

        queue.invocations.refuse("Sandbox.Failure", "it is gone")

        assert [(o.request_id, o.status, o.error_type) for o in queue.outcomes()] == [
            ("r-1", "failure", "Sandbox.Failure"),
            ("r-2", "failure", "Sandbox.Failure"),
        ]
        assert not queue.invocations.wait
