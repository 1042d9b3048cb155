"""One invocation at a time."""

from __future__ import annotations

from lambda_sandbox.core.actions import (
    Action,
    MeasureMemory,
    Record,
    ReleaseResponse,
    WriteLine,
)
from lambda_sandbox.core.api import Register
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import Input
from lambda_sandbox.core.events import RequestReceived
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import TIMED_OUT, Failure, Invocation
from lambda_sandbox.core.lifecycle.freezer import Freezer
from lambda_sandbox.core.lifecycle.sequential import SequentialInvocations
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
API = "/2018-06-01/runtime/invocation"


class Serving:
    """A runtime that has asked next, and invocations that are asked for."""

    def __init__(self, *request_ids, extension=""):
        self.out: list[Action] = []
        journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=self.out)
        self.control = Control(FUNCTION, (), journal, self.out)
        self.invocations = SequentialInvocations(
            FUNCTION, self.control, journal, Freezer(journal, self.out), self.out
        )
        if extension:
            self.control.extensions.register(Register(extension, ()), "id")
        self.asks_next()
        for request_id in request_ids:
            self.invocations.add(Invocation(request_id, b"{}", ""))

    def call(self, method, target, now):
        self.control.take(RequestReceived(1, Request(method, target, {}), "uuid"), now)

    def extension_asks_next(self):
        (extension,) = self.control.extensions
        assert extension.take(Input.NEXT) is None

    def asks_next(self, now=NOW):
        self.call("GET", f"{API}/next", now)

    def responds(self, request_id, now=NOW):
        self.call("POST", f"{API}/{request_id}/response", now)

    def outcomes(self):
        released = [action.outcome for action in self.out if isinstance(action, ReleaseResponse)]
        return [(outcome.request_id, outcome.status) for outcome in released]

    def lines(self):
        return [action.text for action in self.out if isinstance(action, WriteLine)]

    def kinds(self):
        return [action.event["type"] for action in self.out if isinstance(action, Record)]


class TestAnInvocation:
    """It is under way until all have asked next and its memory has been measured."""

    def test_begins_when_one_waits(self):
        serving = Serving("r-1")

        assert serving.invocations.step(NOW)
        assert not serving.invocations.resting
        assert serving.invocations.timer_at == NOW + 3

    def test_does_not_begin_when_none_waits(self):
        serving = Serving()

        assert not serving.invocations.step(NOW)
        assert serving.invocations.resting
        assert serving.invocations.timer_at is None

    def test_keeps_the_next_one_waiting(self):
        serving = Serving("r-1", "r-2")
        serving.invocations.step(NOW)

        assert not serving.invocations.step(NOW)
        assert serving.invocations.wait

    def test_goes_on_after_the_response_until_the_runtime_asks_next(self):
        serving = Serving("r-1")
        serving.invocations.step(NOW)
        serving.responds("r-1")

        assert not serving.invocations.step(NOW + 1)
        serving.asks_next()
        assert serving.invocations.step(NOW + 1)
        assert serving.out[-1] == MeasureMemory()
        assert "platform.report" not in serving.kinds()

    def test_goes_on_until_the_extensions_ask_next_and_is_done_for_the_runtime_once(self):
        serving = Serving("r-1", extension="thread")
        serving.invocations.step(NOW)
        serving.responds("r-1")
        serving.asks_next()
        assert not serving.invocations.step(NOW + 1)
        assert not serving.invocations.step(NOW + 2)

        serving.extension_asks_next()

        assert serving.invocations.step(NOW + 3)
        assert serving.kinds() == ["platform.start", "platform.runtimeDone"]

    def test_is_reported_when_the_memory_has_been_measured(self):
        serving = Serving("r-1")
        serving.invocations.step(NOW)
        serving.responds("r-1")
        serving.asks_next()
        serving.invocations.step(NOW + 1)

        assert not serving.invocations.step(NOW + 1)
        serving.invocations.memory_measured(NOW + 1)

        assert serving.kinds()[-1] == "platform.report"
        assert serving.invocations.resting

    def test_is_not_reported_by_a_measurement_that_nobody_wanted(self):
        serving = Serving("r-1")
        serving.invocations.step(NOW)

        serving.invocations.memory_measured(NOW)

        assert "platform.report" not in serving.kinds()


class TestTheTimeout:
    """It ends the environment, and not only the invocation."""

    def test_is_a_failure_when_it_is_over(self):
        serving = Serving("r-1")
        serving.invocations.step(NOW)

        assert serving.invocations.time_reached(NOW + 2.9) is None
        assert serving.invocations.time_reached(NOW + 3) == Failure(
            "timeout", TIMED_OUT, "out of time"
        )

    def test_is_nothing_between_invocations(self):
        assert Serving().invocations.time_reached(NOW + 1000) is None

    def test_leaves_nothing_under_way(self):
        serving = Serving("r-1")
        serving.invocations.step(NOW)

        serving.invocations.fail(Failure("timeout", TIMED_OUT, "out of time"), NOW + 3)
        serving.invocations.fail(Failure("timeout", TIMED_OUT, "out of time"), NOW + 3)

        released = [action for action in serving.out if isinstance(action, ReleaseResponse)]
        assert [action.outcome.status for action in released] == ["timeout"]
        assert serving.invocations.resting
        assert serving.invocations.timer_at is None


class TestAFailure:
    """Told for the runtime only if it was the runtime's turn; the caller keeps what it has."""

    CRASH = Failure("error", "Extension.Crash", "exit status 7")

    def test_is_the_invocations(self):
        serving = Serving("r-1")
        serving.invocations.step(NOW)

        serving.invocations.fail(self.CRASH, NOW + 1)

        assert serving.outcomes() == [("r-1", "error")]
        assert serving.kinds() == ["platform.start", "platform.runtimeDone", "platform.report"]
        assert serving.lines()[1:3] == [
            "RequestId: r-1 Error: exit status 7",
            "Extension.Crash",
        ]

    def test_after_the_runtimes_next_is_the_extensions(self):
        serving = Serving("r-1", extension="thread")
        serving.invocations.step(NOW)
        serving.responds("r-1")
        serving.asks_next()
        serving.invocations.step(NOW + 1)

        serving.invocations.fail(self.CRASH, NOW + 2)

        assert serving.outcomes() == [("r-1", "success")]
        assert serving.kinds() == ["platform.start", "platform.runtimeDone", "platform.report"]

    def test_between_invocations_is_nobodys(self):
        serving = Serving()

        serving.invocations.fail(self.CRASH, NOW)

        assert serving.out[1:] == []
