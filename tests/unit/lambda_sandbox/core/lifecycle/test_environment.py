"""What the environment does about each event, phase by phase."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.actions import (
    AbandonDelivery,
    Action,
    Answer,
    ClearEnvironment,
    Deliver,
    FinishInit,
    FinishShutdown,
    Freeze,
    Kill,
    MeasureMemory,
    Note,
    Record,
    ReleaseResponse,
    StartProcess,
    Terminate,
    Thaw,
    WriteLine,
)
from lambda_sandbox.core.events import (
    BatchDelivered,
    InitRequested,
    InvokeRequested,
    LineWritten,
    MemoryMeasured,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    RequestReceived,
    ShutdownRequested,
    TimeReached,
)
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Invocation
from lambda_sandbox.core.lifecycle.environment import Environment, Phase

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
EXTENSION_API = "/2020-01-01/extension"
RUNTIME_API = "/2018-06-01/runtime"
LISTENER, QUIET, RUNTIME = "extensions/listener", "extensions/quiet", "runtime"
MEASURED = MemoryMeasured(20 << 20)
SHUTDOWN = ShutdownRequested("spindown")


def invoke(request_id="r-1"):
    return InvokeRequested(Invocation(request_id, b'{"a": 1}', ""))


class Story:
    """An environment, told what happens; it remembers what it ordered."""

    def __init__(self, *files, telemetry=True):
        self.environment = Environment(
            FUNCTION, files=files, telemetry=telemetry, init_timeout_s=10.0, epoch_s=0.0
        )
        self.now = NOW
        self.clients = 0
        self.ordered: tuple[Action, ...] = ()
        self.everything: tuple[Action, ...] = ()

    def tell(self, *events, after_s=0.0):
        """Let events happen; return what they led to, notes and records aside."""
        self.now += after_s
        self.ordered = ()
        for event in events:
            self.ordered += self.environment.handle(event, self.now)
        self.everything += self.ordered
        return self.orders()

    def orders(self):
        return [a for a in self.ordered if not isinstance(a, Note | Record | WriteLine)]

    def records(self, kind):
        events = [action.event for action in self.ordered if isinstance(action, Record)]
        return [event["record"] for event in events if event["type"] == f"platform.{kind}"]

    def kinds(self):
        """The types of all events so far, without ``platform.``."""
        events = [action.event for action in self.everything if isinstance(action, Record)]
        return [event["type"].partition(".")[2] for event in events]

    def lines(self):
        return [action.text for action in self.ordered if isinstance(action, WriteLine)]

    def call(self, method, target, body=b"", who="", after_s=0.0, **headers):
        self.clients += 1
        if who:
            headers["lambda-extension-identifier"] = _identifier(who)
        request = Request(method, target, headers, body)
        return self.tell(
            RequestReceived(self.clients, request, _identifier(self.registering)), after_s=after_s
        )

    registering = "nobody"

    def registers(self, name, *events):
        self.registering = name
        body = json.dumps({"events": events}).encode()
        orders = self.call(
            "POST", f"{EXTENSION_API}/register", body, **{"lambda-extension-name": name}
        )
        self.registering = "nobody"
        return orders

    def subscribes(self, name):
        wanted = {
            "schemaVersion": "2022-12-13",
            "types": ["platform"],
            "buffering": {"timeoutMs": 25},
            "destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"},
        }
        return self.call("PUT", "/2022-07-01/telemetry", json.dumps(wanted).encode(), who=name)

    def asks_next(self, name, after_s=0.0):
        if name == RUNTIME:
            return self.call("GET", f"{RUNTIME_API}/invocation/next", after_s=after_s)
        return self.call("GET", f"{EXTENSION_API}/event/next", who=name, after_s=after_s)

    def responds(self, request_id="r-1", how="response", body=b'"ok"'):
        return self.call("POST", f"{RUNTIME_API}/invocation/{request_id}/{how}", body)


def _identifier(name):
    return f"00000000-0000-0000-0000-{name.encode().hex():0>12.12}"


def alone():
    """A function without extensions, initialised and frozen."""
    story = Story()
    story.tell(InitRequested(), ProcessStarted(RUNTIME))
    story.asks_next(RUNTIME)
    return story


def accompanied(*events, subscribed=False):
    """A function with the extension ``listener``, initialised and frozen."""
    story = Story("listener")
    story.tell(InitRequested())
    story.registers("listener", *(events or ("INVOKE", "SHUTDOWN")))
    if subscribed:
        story.subscribes("listener")
    story.asks_next("listener")
    story.asks_next(RUNTIME)
    return story


def outcome(orders):
    """The one outcome that was released."""
    (release,) = [order for order in orders if isinstance(order, ReleaseResponse)]
    return release.outcome


class TestInitialisation:
    """Extensions, then the runtime, then everybody has to ask next."""

    def test_starts_the_extensions_and_not_the_runtime(self):
        assert Story("listener", "quiet").tell(InitRequested()) == [
            StartProcess(LISTENER),
            StartProcess(QUIET),
        ]

    def test_starts_the_runtime_when_the_last_extension_has_registered(self):
        story = Story("listener", "quiet")
        story.tell(InitRequested())

        assert StartProcess(RUNTIME) not in story.registers("listener")
        assert StartProcess(RUNTIME) in story.registers("quiet")

    def test_starts_the_runtime_at_once_without_extensions(self):
        assert Story().tell(InitRequested()) == [StartProcess(RUNTIME)]

    def test_is_complete_when_all_have_asked_next(self):
        story = Story("listener")
        story.tell(InitRequested())
        story.registers("listener")

        assert story.asks_next(RUNTIME) == []
        finished, frozen = story.asks_next("listener", after_s=0.2)

        assert (finished.outcome.status, finished.outcome.duration_s) == (
            "success",
            pytest.approx(0.2),
        )
        assert frozen == Freeze()

    def test_is_told_again_to_whoever_asks_late(self):
        (finished,) = alone().tell(InitRequested())

        assert finished.outcome.status == "success"

    def test_is_begun_by_an_invocation_that_needs_it(self):
        story = Story()

        assert story.tell(invoke()) == [StartProcess(RUNTIME)]
        assert isinstance(story.asks_next(RUNTIME)[-1], Answer)

    def test_reports_who_stands_where(self):
        story = Story("listener")
        story.tell(InitRequested())
        story.registers("listener", "INVOKE")
        story.asks_next("listener")
        story.asks_next(RUNTIME)

        assert story.records("extension") == [
            {"name": "listener", "state": "Ready", "events": ["INVOKE"]}
        ]
        assert [record["status"] for record in story.records("initReport")] == ["success"]


class TestAnInitialisationThatFails:
    """Everything ends; the next invocation tries again, within its own time."""

    def test_for_a_runtime_that_exits(self):
        story = Story()
        story.tell(InitRequested())

        finished, *orders = story.tell(ProcessExited(RUNTIME, "exit status 1"))

        assert finished.outcome.error_type == "Runtime.ExitError"
        assert orders == [ClearEnvironment()]
        assert story.records("initRuntimeDone")[0]["status"] == "error"

    def test_for_an_extension_that_cannot_be_started(self):
        story = Story("listener", "quiet")
        story.tell(InitRequested())

        finished, *orders = story.tell(
            ProcessNotStarted(LISTENER, "PermissionDenied: Permission denied")
        )

        assert finished.outcome.error_type == "Extension.LaunchError"
        assert orders == [Kill(QUIET)]
        assert story.records("initRuntimeDone") == []
        assert story.records("extension") == [
            {
                "name": "listener",
                "state": "LaunchError",
                "events": [],
                "errorType": "PermissionDenied",
            },
            {"name": "quiet", "state": "Started", "events": []},
        ]

    def test_for_a_runtime_that_cannot_be_started(self):
        story = Story()
        story.tell(InitRequested())

        finished, *_ = story.tell(ProcessNotStarted(RUNTIME, "gone"))

        assert finished.outcome.error_type == "Runtime.InvalidEntrypoint"

    def test_in_the_words_of_the_extension(self):
        story = Story("listener")
        story.tell(InitRequested())
        story.registers("listener")
        story.call(
            "POST",
            f"{EXTENSION_API}/init/error",
            who="listener",
            **{"lambda-extension-function-error-type": "Extension.Tired"},
        )

        finished, *_ = story.tell(ProcessExited(LISTENER, "exit status 1"))

        assert finished.outcome.error_type == "Extension.InitError"

    def test_for_want_of_time(self):
        story = Story()
        story.tell(InitRequested())
        assert story.environment.timer_at == NOW + 10

        finished, *orders = story.tell(TimeReached(), after_s=10)

        assert (finished.outcome.status, finished.outcome.error_type) == (
            "timeout",
            "Sandbox.Timedout",
        )
        assert orders == [Kill(RUNTIME)]
        assert story.lines() == [
            "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout"
        ]

    def test_the_invocation_that_caused_it_gets_a_second_one(self):
        story = Story()
        story.tell(invoke())

        orders = story.tell(ProcessExited(RUNTIME, "exit status 1"))

        assert orders[1:] == [ClearEnvironment(), StartProcess(RUNTIME)]
        assert story.records("initStart")[0]["phase"] == "invoke"
        assert story.environment.timer_at == NOW + FUNCTION.timeout_s

    def test_the_second_time_the_invocation_fails_in_the_runtimes_words(self):
        story = Story()
        error = b'{"errorType":"Runtime.ImportModuleError"}'
        story.tell(invoke(), ProcessExited(RUNTIME, "exit status 1"))
        story.call(
            "POST",
            f"{RUNTIME_API}/init/error",
            error,
            **{"lambda-runtime-function-error-type": "Runtime.ImportModuleError"},
        )

        released = outcome(story.tell(ProcessExited(RUNTIME, "exit status 1")))

        assert (released.payload, released.error_type) == (error, "Runtime.ImportModuleError")

    def test_the_second_time_is_over_with_the_functions_timeout(self):
        story = Story()
        story.tell(invoke(), ProcessExited(RUNTIME, "exit status 1"))

        released = outcome(story.tell(TimeReached(), after_s=FUNCTION.timeout_s))

        assert released.status == "timeout"


class TestAnInvocation:
    """Everybody is handed it; it is over when everybody has asked next."""

    def test_thaws_then_goes_to_the_extensions_then_to_the_runtime(self):
        story = accompanied()

        thaw, extension, runtime = story.tell(invoke())

        assert thaw == Thaw()
        assert json.loads(extension.reply.body)["requestId"] == "r-1"
        assert runtime.reply.body == b'{"a": 1}'

    def test_passes_by_an_extension_that_did_not_subscribe(self):
        story = accompanied("SHUTDOWN")

        assert len(story.tell(invoke())) == 2

    def test_is_answered_when_the_runtime_responds(self):
        story = accompanied()
        story.tell(invoke())

        released = outcome(story.responds())

        assert (released.payload, released.status) == (b'"ok"', "success")

    def test_is_not_over_before_the_extension_asks_next(self):
        story = accompanied()
        story.tell(invoke())
        story.responds()

        assert story.asks_next(RUNTIME) == []
        assert story.records("runtimeDone")[0]["status"] == "success"
        assert story.asks_next("listener") == [MeasureMemory()]

    def test_is_not_over_before_the_runtime_asks_next(self):
        story = accompanied()
        story.tell(invoke())
        story.asks_next("listener")

        assert MeasureMemory() not in story.responds()
        assert story.asks_next(RUNTIME) == [MeasureMemory()]

    def test_is_reported_and_then_comes_the_freeze(self):
        story = alone()
        story.tell(invoke())
        story.responds()
        story.asks_next(RUNTIME)

        assert story.tell(MEASURED) == [Freeze()]
        assert story.records("report")[0]["metrics"]["maxMemoryUsedMB"] == 20
        assert story.lines()[0] == "END RequestId: r-1"

    def test_of_a_handler_that_raises_ends_the_same_way(self):
        story = alone()
        story.tell(invoke())

        released = outcome(story.responds(how="error", body=b'{"errorType": "ValueError"}'))

        assert (released.function_error, released.error_type) == ("Unhandled", "ValueError")
        assert story.asks_next(RUNTIME) == [MeasureMemory()]
        assert story.records("runtimeDone")[0]["status"] == "success"

    def test_waits_for_the_one_before(self):
        story = alone()
        story.tell(invoke())

        assert story.tell(invoke("r-2")) == []
        story.responds()
        story.asks_next(RUNTIME)
        (answer,) = story.tell(MEASURED)
        assert ("Lambda-Runtime-Aws-Request-Id", "r-2") in answer.reply.headers


class TestAnInvocationThatFails:
    """The caller is told, and the environment is reset."""

    def test_for_want_of_time(self):
        story = alone()
        story.tell(invoke())
        assert story.environment.timer_at == NOW + FUNCTION.timeout_s

        orders = story.tell(TimeReached(), after_s=FUNCTION.timeout_s)

        released = outcome(orders)
        assert (released.status, released.error_type) == ("timeout", "Sandbox.Timedout")
        assert b"Task timed out after 3.00 seconds" in released.payload
        assert Kill(RUNTIME) in orders
        assert story.records("runtimeDone")[0]["status"] == "timeout"
        assert "errorType" not in story.records("report")[0]

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            ("exit status 3", b"Runtime exited with error: exit status 3"),
            ("exit status 0", b"Runtime exited without providing a reason"),
        ],
    )
    def test_because_the_runtime_exits(self, status, text):
        story = alone()
        story.tell(invoke())

        released = outcome(story.tell(ProcessExited(RUNTIME, status)))

        assert released.error_type == "Runtime.ExitError"
        assert text in released.payload

    def test_because_an_extension_exits(self):
        story = accompanied()
        story.tell(invoke())

        orders = story.tell(ProcessExited(LISTENER, "exit status 0"))

        assert outcome(orders).payload == (
            b'{"errorType":"Extension.Crash","errorMessage":"RequestId: r-1 Error: exit status 0"}'
        )
        assert Terminate(RUNTIME) in orders
        assert story.records("report")[0]["errorType"] == "Extension.Crash"

    def test_after_the_response_the_caller_keeps_it(self):
        story = accompanied()
        story.tell(invoke())
        story.responds()
        story.asks_next(RUNTIME)

        orders = story.tell(ProcessExited(LISTENER, "exit status 1"))

        assert not [order for order in orders if isinstance(order, ReleaseResponse)]
        assert story.records("runtimeDone") == []
        assert story.records("report")[0]["status"] == "error"

    def test_the_next_one_finds_new_processes(self):
        story = alone()
        story.tell(invoke(), ProcessExited(RUNTIME, "exit status 1"))

        assert story.tell(invoke("r-2")) == [StartProcess(RUNTIME)]
        assert isinstance(story.asks_next(RUNTIME, after_s=0.5)[-1], Answer)
        assert story.environment.timer_at == NOW + FUNCTION.timeout_s


class TestThePlatformsEvents:
    """Told in the documented order, whether it goes well or not."""

    INVOCATION = ("start", "runtimeDone", "report")

    def test_of_a_cold_start(self):
        story = accompanied(subscribed=True)
        story.tell(invoke())
        story.responds()
        story.asks_next(RUNTIME)
        story.asks_next("listener")
        story.tell(MEASURED)

        assert story.kinds() == [
            "initStart",
            "telemetrySubscription",
            "initRuntimeDone",
            "extension",
            "initReport",
            *self.INVOCATION,
        ]

    def test_are_nobodys_before_there_is_a_process(self):
        story = Story()
        story.registers("thread")
        story.subscribes("thread")

        assert story.environment.timer_at is None

    def test_of_an_initialisation_that_is_part_of_the_invocation(self):
        story = Story()
        story.tell(invoke(), ProcessExited(RUNTIME, "exit status 1"))
        story.asks_next(RUNTIME)
        story.responds()
        story.asks_next(RUNTIME)
        story.tell(MEASURED)

        init = ["initStart", "initRuntimeDone", "initReport"]
        assert story.kinds() == [*init, *init, *self.INVOCATION]

    @pytest.mark.parametrize(
        ("happened", "after_s", "status", "error"),
        [
            (TimeReached(), 3, "timeout", {}),
            (
                ProcessExited(RUNTIME, "exit status 1"),
                1,
                "error",
                {"errorType": "Runtime.ExitError"},
            ),
            (
                ProcessExited(LISTENER, "exit status 1"),
                1,
                "error",
                {"errorType": "Extension.Crash"},
            ),
        ],
    )
    def test_of_an_invocation_that_fails(self, happened, after_s, status, error):
        story = accompanied()
        story.tell(InvokeRequested(Invocation("r-1", b"{}", "Root=1-a;Parent=b;Sampled=1")))

        story.tell(happened, after_s=after_s)

        assert story.kinds()[-3:] == [*self.INVOCATION]
        (done,) = story.records("runtimeDone")
        tracing = {"spanId": "b", "type": "X-Amzn-Trace-Id", "value": "Root=1-a;Parent=b;Sampled=1"}
        assert done == {
            "requestId": "r-1",
            "status": status,
            **error,
            "metrics": {"durationMs": after_s * 1000.0},
            "tracing": tracing,
        }
        (report,) = story.records("report")
        assert (report["status"], report.get("errorType")) == (status, error.get("errorType"))
        assert report["tracing"] == tracing


class TestTheFreeze:
    """Only when nothing is under way."""

    def test_waits_for_the_subscriber_that_has_a_batch(self):
        story = Story("listener")
        story.tell(InitRequested())
        story.registers("listener")
        story.subscribes("listener")
        story.asks_next("listener", after_s=0.03)

        orders = story.asks_next(RUNTIME)

        assert Freeze() not in orders
        assert story.tell(BatchDelivered("listener", accepted=True)) == [Freeze()]

    def test_does_not_wait_for_the_next_batch(self):
        story = Story("listener")
        story.tell(InitRequested())
        story.registers("listener")
        story.subscribes("listener")
        story.asks_next("listener", after_s=0.03)
        story.asks_next(RUNTIME)
        assert story.environment.timer_at == pytest.approx(NOW + 0.03 + 1)

        orders = story.tell(BatchDelivered("listener", accepted=True), after_s=0.5)

        assert orders == [Freeze()]

    def test_does_not_wait_for_a_subscriber_that_does_not_answer(self):
        story = Story("listener")
        story.tell(InitRequested())
        story.registers("listener")
        story.subscribes("listener")
        story.asks_next("listener", after_s=0.03)
        story.asks_next(RUNTIME)

        assert story.tell(TimeReached(), after_s=1) == [AbandonDelivery("listener"), Freeze()]
        assert story.environment.timer_at is None

    def test_does_not_wait_for_a_batch_that_is_to_be_sent_again(self):
        story = Story("listener")
        story.tell(InitRequested())
        story.registers("listener")
        story.subscribes("listener")
        story.asks_next("listener", after_s=0.03)
        story.asks_next(RUNTIME)

        assert story.tell(BatchDelivered("listener", accepted=False)) == [Freeze()]
        _, again, *_ = story.tell(invoke(), after_s=3600)
        assert isinstance(again, Deliver)
        assert again.events[0]["type"] == "platform.initStart"

    def test_does_not_wait_for_a_batch_that_is_not_due(self):
        story = accompanied(subscribed=True)

        assert any(isinstance(action, Freeze) for action in story.everything)
        assert story.environment.timer_at is None

    def test_the_thaw_brings_what_became_due(self):
        story = accompanied(subscribed=True)

        thaw, deliver, *_ = story.tell(invoke(), after_s=60)

        assert thaw == Thaw()
        assert isinstance(deliver, Deliver)

    def test_a_late_line_of_a_frozen_process_is_kept(self):
        story = alone()

        assert story.tell(LineWritten(RUNTIME, "late")) == []
        assert story.lines() == ["late"]

    def test_a_runtime_that_dies_in_it_is_replaced_when_it_is_needed(self):
        story = alone()

        assert story.tell(ProcessExited(RUNTIME, "signal: killed")) == [Thaw(), ClearEnvironment()]
        assert story.tell(invoke()) == [StartProcess(RUNTIME)]


class TestTheShutdown:
    """When everything that was asked before is done."""

    def test_of_a_cold_environment_is_immediate(self):
        assert Story().tell(SHUTDOWN) == [FinishShutdown()]

    def test_thaws_and_ends_the_runtime(self):
        story = alone()

        assert story.tell(SHUTDOWN) == [Thaw(), Kill(RUNTIME)]
        assert story.tell(ProcessExited(RUNTIME, "signal: killed")) == [
            ClearEnvironment(),
            FinishShutdown(),
        ]

    def test_tells_the_extensions_when_the_runtime_is_gone(self):
        story = accompanied()
        assert story.tell(SHUTDOWN) == [Thaw(), Terminate(RUNTIME)]
        assert story.environment.timer_at == pytest.approx(NOW + 0.6)

        (answer,) = story.tell(ProcessExited(RUNTIME, "exit status 0"))

        assert json.loads(answer.reply.body) == {
            "eventType": "SHUTDOWN",
            "shutdownReason": "spindown",
            "deadlineMs": 102_000,
        }

    def test_gives_the_subscribers_the_last_events_first(self):
        story = accompanied(subscribed=True)
        orders = story.tell(SHUTDOWN)
        assert isinstance(orders[-1], Deliver)

        assert story.tell(ProcessExited(RUNTIME, "exit status 0")) == []
        (answer,) = story.tell(BatchDelivered("listener", accepted=True))

        assert b"SHUTDOWN" in answer.reply.body

    def test_waits_for_one_batch_that_is_not_taken(self):
        story = accompanied(subscribed=True)
        story.tell(SHUTDOWN)
        story.tell(ProcessExited(RUNTIME, "exit status 0"))

        (answer,) = story.tell(BatchDelivered("listener", accepted=False))

        assert b"SHUTDOWN" in answer.reply.body
        assert len(story.records("logsDropped")) == 1

    def test_waits_for_the_invocation_under_way(self):
        story = alone()
        story.tell(invoke())

        assert story.tell(SHUTDOWN) == []
        story.responds()
        story.asks_next(RUNTIME)
        assert story.tell(MEASURED) == [Kill(RUNTIME)]

    def test_waits_for_a_reset(self):
        story = alone()
        story.tell(invoke(), TimeReached())
        story.tell(TimeReached(), after_s=3)

        assert story.tell(SHUTDOWN) == []
        assert story.tell(ProcessExited(RUNTIME, "signal: killed")) == [
            ClearEnvironment(),
            FinishShutdown(),
        ]

    def test_a_process_that_will_not_start_any_more_changes_nothing(self):
        story = accompanied()
        story.tell(SHUTDOWN)

        assert story.tell(ProcessNotStarted(LISTENER, "gone")) == []

    def test_afterwards_everybody_is_refused(self):
        story = Story()
        story.tell(SHUTDOWN)

        released = outcome(story.tell(invoke()))
        (init,) = story.tell(InitRequested())

        assert (released.status, released.error_type) == ("failure", "Sandbox.Failure")
        assert init == FinishInit(init.outcome)
        assert init.outcome.status == "failure"
        assert story.tell(SHUTDOWN) == [FinishShutdown()]

    def test_a_measurement_that_comes_late_changes_nothing(self):
        story = alone()

        assert story.tell(MEASURED) == []
        assert story.environment.phase is Phase.SERVING
