"""Many invocations at a time."""

from __future__ import annotations

from dataclasses import replace

from lambda_sandbox.core.actions import Action, Answer, Record, ReleaseResponse
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.events import RequestReceived
from lambda_sandbox.core.function import MANAGED_INSTANCES, FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Failure, Invocation
from lambda_sandbox.core.lifecycle.concurrent import ConcurrentInvocations
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = replace(
    FunctionFacts("hello", "1", "app.handler", 2048, 3.0, "3.13", "stream"),
    initialization_type=MANAGED_INSTANCES,
)
API = "/2018-06-01/runtime/invocation"
CRASH = Failure("error", "Extension.Crash", "exit status 7")


class Serving:
    """Workers that have asked next, and invocations that are asked for."""

    def __init__(self, *request_ids, workers=2):
        self.out: list[Action] = []
        journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=self.out)
        self.control = Control(FUNCTION, (), journal, self.out)
        self.invocations = ConcurrentInvocations(FUNCTION, self.control, journal, self.out)
        self.clients = 0
        for _ in range(workers):
            self.asks_next()
        for request_id in request_ids:
            self.invocations.add(Invocation(request_id, b"{}", ""))

    def call(self, method, target, now):
        self.clients += 1
        self.control.take(RequestReceived(self.clients, Request(method, target, {}), "uuid"), now)

    def asks_next(self, now=NOW):
        self.call("GET", f"{API}/next", now)

    def responds(self, request_id, how="response", now=NOW):
        """A worker responds; return the status of what it is answered."""
        self.call("POST", f"{API}/{request_id}/{how}", now)
        answer = self.out[-1]
        assert isinstance(answer, Answer)
        return answer.reply.status

    def steps(self, now=NOW):
        """Step as long as there is something to do; return how often there was."""
        count = 0
        while self.invocations.step(now):
            count += 1
        return count

    def reports(self):
        events = [action.event for action in self.out if isinstance(action, Record)]
        reports = [event["record"] for event in events if event["type"] == "platform.report"]
        return [
            (record["requestId"], record["status"], record.get("errorType")) for record in reports
        ]

    def outcomes(self):
        released = [action.outcome for action in self.out if isinstance(action, ReleaseResponse)]
        return [(outcome.request_id, outcome.status) for outcome in released]


class TestAnInvocation:
    """It begins when a worker is free, and is over with its response."""

    def test_begins_in_each_worker_that_is_free(self):
        serving = Serving("r-1", "r-2", "r-3")

        assert serving.steps() == 2
        assert serving.invocations.wait
        assert not serving.invocations.resting

    def test_does_not_begin_when_none_waits(self):
        serving = Serving()

        assert serving.steps() == 0
        assert serving.invocations.resting
        assert serving.invocations.timer_at is None

    def test_waits_for_a_worker(self):
        serving = Serving("r-1", workers=0)
        assert serving.steps() == 0

        serving.asks_next()

        assert serving.steps() == 1
        assert not serving.invocations.wait

    def test_waits_for_the_end_of_another_with_its_request_id(self):
        serving = Serving("r-1", "r-1")
        assert serving.steps() == 1

        serving.responds("r-1")

        assert serving.steps() == 1
        assert serving.outcomes() == [("r-1", "success")]

    def test_is_reported_with_its_response(self):
        serving = Serving("r-1", "r-2")
        serving.steps()
        serving.responds("r-2")

        assert serving.steps(NOW + 1) == 0
        assert serving.reports() == [("r-2", "success", None)]
        assert not serving.invocations.resting

    def test_that_raised_is_reported_as_an_error(self):
        serving = Serving("r-1")
        serving.steps()
        serving.responds("r-1", "error")

        serving.steps(NOW + 1)

        assert serving.reports() == [("r-1", "error", "Runtime.Unknown")]
        assert serving.invocations.resting

    def test_needs_no_measurement(self):
        serving = Serving("r-1")
        serving.steps()
        serving.out.clear()

        serving.invocations.memory_measured(NOW)

        assert serving.out == []
        assert not serving.invocations.resting


class TestTheTimeout:
    """It ends the invocation, and nothing else."""

    def test_is_the_first_of_all_that_run(self):
        serving = Serving("r-1", "r-2")
        serving.invocations.step(NOW)
        serving.invocations.step(NOW + 1)

        assert serving.invocations.timer_at == NOW + 3

    def test_ends_those_that_are_out_of_time(self):
        serving = Serving("r-1", "r-2")
        serving.invocations.step(NOW)
        serving.invocations.step(NOW + 1)
        assert serving.invocations.time_reached(NOW + 2.9) is None
        assert serving.outcomes() == []

        assert serving.invocations.time_reached(NOW + 3) is None

        assert serving.outcomes() == [("r-1", "timeout")]
        assert serving.reports() == [("r-1", "timeout", "Sandbox.Timedout")]
        assert serving.invocations.timer_at == NOW + 4

    def test_leaves_a_late_response_to_be_refused(self):
        serving = Serving("r-1", "r-2")
        serving.steps()
        serving.invocations.time_reached(NOW + 3)

        assert serving.responds("r-1") == 410
        assert serving.outcomes() == [("r-1", "timeout"), ("r-2", "timeout")]

    def test_is_over_too_for_those_that_no_worker_was_free_for(self):
        serving = Serving("r-1", "r-2", "r-3", workers=1)
        serving.steps()
        serving.invocations.time_reached(NOW + 3)
        serving.steps(NOW + 3)
        assert serving.invocations.timer_at == NOW + 6

        serving.invocations.time_reached(NOW + 6)

        assert serving.outcomes() == [("r-1", "timeout"), ("r-2", "timeout"), ("r-3", "timeout")]
        assert serving.steps(NOW + 6) == 0
        assert not serving.invocations.timer_at
        assert serving.invocations.resting

    def test_begins_anew_for_those_that_wait_when_a_worker_is_free(self):
        serving = Serving("r-1", "r-2", "r-3", workers=1)
        serving.steps()
        serving.responds("r-1")
        serving.asks_next()

        serving.steps(NOW + 2)

        assert serving.invocations.time_reached(NOW + 3) is None
        assert serving.outcomes() == [("r-1", "success")]
        assert serving.invocations.timer_at == NOW + 5

    def test_leaves_its_worker_to_ask_next(self):
        serving = Serving("r-1", "r-2", workers=1)
        serving.steps()
        serving.invocations.time_reached(NOW + 3)
        assert serving.steps(NOW + 3) == 0

        serving.asks_next()

        assert serving.steps(NOW + 3) == 1


class TestTheEndOfTheEnvironment:
    """It is the end of all that is under way."""

    def test_fails_each_of_them_once(self):
        serving = Serving("r-1", "r-2", "r-3")
        serving.steps()

        serving.invocations.fail(CRASH, NOW)
        serving.invocations.fail(CRASH, NOW)

        assert serving.outcomes() == [("r-1", "error"), ("r-2", "error")]
        assert serving.reports() == [
            ("r-1", "error", "Extension.Crash"),
            ("r-2", "error", "Extension.Crash"),
        ]
        assert serving.invocations.wait
        assert serving.invocations.timer_at is None

    def test_leaves_a_response_to_go_nowhere(self):
        serving = Serving("r-1")
        serving.steps()
        serving.invocations.fail(CRASH, NOW)

        assert serving.responds("r-1") == 202
        assert serving.outcomes() == [("r-1", "error")]

    def test_before_it_began_fails_the_first_that_waited(self):
        serving = Serving("r-1", "r-2")

        serving.invocations.fail_first(CRASH, NOW)

        assert serving.outcomes() == [("r-1", "error")]
        assert serving.reports() == [("r-1", "error", "Extension.Crash")]
