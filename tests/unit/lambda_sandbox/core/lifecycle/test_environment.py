"""What the environment does about each event, phase by phase."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lambda_sandbox.core.actions import (
    AbandonDelivery,
    Action,
    Answer,
    ClearEnvironment,
    Deliver,
    DiscardSnapshot,
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
    ClientGone,
    InitRequested,
    InvokeRequested,
    LineWritten,
    MemoryExhausted,
    MemoryMeasured,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    RequestReceived,
    ShutdownRequested,
    SnapshotLost,
    SnapshotTaken,
    TimeReached,
)
from lambda_sandbox.core.function import (
    MANAGED_INSTANCES,
    PROVISIONED_CONCURRENCY,
    SNAP_START,
    FunctionFacts,
)
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
RECYCLE = ShutdownRequested("spindown", for_good=False)
SNAP_STARTED = replace(FUNCTION, version="1", initialization_type=SNAP_START)
MANAGED = replace(FUNCTION, version="1", initialization_type=MANAGED_INSTANCES, log_format="JSON")


def invoke(request_id="r-1"):
    return InvokeRequested(Invocation(request_id, b'{"a": 1}', ""))


class Story:
    """An environment, told what happens; it remembers what it ordered."""

    def __init__(self, *files, telemetry=True, function=FUNCTION, freeze=True):
        self.environment = Environment(
            function,
            files=files,
            telemetry=telemetry,
            freeze=freeze,
            init_timeout_s=10.0,
            epoch_s=0.0,
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

    def asks_restore_next(self):
        return self.call("GET", f"{RUNTIME_API}/restore/next")

    def responds(self, request_id="r-1", how="response", body=b'"ok"', after_s=0.0):
        target = f"{RUNTIME_API}/invocation/{request_id}/{how}"
        return self.call("POST", target, body, after_s=after_s)


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


def published(*files):
    """A function with SnapStart, cold, with its snapshot."""
    story = Story(*files, function=SNAP_STARTED)
    story.tell(InitRequested())
    for name in files:
        story.registers(name, "INVOKE", "SHUTDOWN")
        story.asks_next(name)
    story.tell(SnapshotTaken())
    story.tell(*[ProcessExited(f"extensions/{name}", "signal: killed") for name in files])
    return story


def restored():
    """A clone of it that runs the invocation ``r-1``."""
    story = published()
    story.tell(invoke())
    story.asks_restore_next()
    story.asks_next(RUNTIME)
    return story


def managed(*request_ids, workers=2, files=()):
    """A managed instance whose workers have asked next, and invocations that are asked for."""
    story = Story(*files, function=MANAGED)
    story.tell(InitRequested())
    for name in files:
        story.registers(name, "SHUTDOWN")
        story.asks_next(name)
    for _ in range(workers):
        story.asks_next(RUNTIME)
    for request_id in request_ids:
        story.tell(invoke(request_id))
    return story


def replies(orders):
    """Those to the calls of the processes."""
    return [order.reply for order in orders if isinstance(order, Answer)]


def handed(orders):
    """The request ids that the runtime, or its workers, were given."""
    headers = [dict(reply.headers) for reply in replies(orders)]
    name = "Lambda-Runtime-Aws-Request-Id"
    return [header[name] for header in headers if name in header]


def outcomes(orders):
    """What the callers were given: request ids, statuses and error types."""
    released = [order.outcome for order in orders if isinstance(order, ReleaseResponse)]
    return [(one.request_id, one.status, one.error_type) for one in released]


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

    def test_does_not_fail_before_its_time_is_over(self):
        story = Story()
        story.tell(InitRequested())

        assert story.tell(TimeReached(), after_s=9.9) == []

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

    def test_is_in_time_when_all_have_asked_next_in_time(self):
        story = alone()
        story.tell(invoke())
        story.responds()
        story.asks_next(RUNTIME)

        assert story.tell(TimeReached(), MEASURED, after_s=FUNCTION.timeout_s) == [Freeze()]

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


class TestARecycle:
    """The environment ends, and makes room for another one that begins like the first."""

    def test_of_a_cold_environment_is_immediate(self):
        story = Story()

        assert story.tell(RECYCLE) == [FinishShutdown()]
        assert story.environment.phase is Phase.COLD

    def test_ends_the_processes_and_starts_none(self):
        story = alone()

        assert story.tell(RECYCLE) == [Thaw(), Kill(RUNTIME)]
        assert story.tell(ProcessExited(RUNTIME, "signal: killed")) == [
            ClearEnvironment(),
            FinishShutdown(),
        ]
        assert story.environment.timer_at is None

    def test_the_next_environment_is_initialised_as_the_first_was(self):
        story = alone()
        story.tell(RECYCLE, ProcessExited(RUNTIME, "signal: killed"))

        assert story.tell(invoke()) == [StartProcess(RUNTIME)]
        assert story.records("initStart")[0]["phase"] == "init"
        assert story.environment.timer_at == NOW + 10

    def test_the_next_environment_begins_at_once_if_somebody_waits_for_it(self):
        story = alone()

        orders = story.tell(RECYCLE, invoke(), ProcessExited(RUNTIME, "signal: killed"))

        assert orders == [
            Thaw(),
            Kill(RUNTIME),
            ClearEnvironment(),
            FinishShutdown(),
            StartProcess(RUNTIME),
        ]

    def test_waits_for_what_was_asked_before(self):
        story = alone()
        story.tell(invoke())

        assert story.tell(RECYCLE) == []
        story.responds()
        story.asks_next(RUNTIME)
        assert story.tell(MEASURED) == [Kill(RUNTIME)]

    def test_is_for_good_if_that_is_wanted_meanwhile(self):
        story = alone()
        story.tell(RECYCLE, SHUTDOWN, RECYCLE)

        story.tell(ProcessExited(RUNTIME, "signal: killed"))

        assert story.environment.phase is Phase.GONE

    def test_is_followed_by_the_end_only_when_what_was_asked_in_between_is_done(self):
        story = alone()
        story.tell(RECYCLE, invoke(), SHUTDOWN)

        orders = story.tell(ProcessExited(RUNTIME, "signal: killed"))

        assert orders == [ClearEnvironment(), StartProcess(RUNTIME)]

    def test_is_another_one_if_it_is_asked_for_while_one_is_under_way(self):
        story = alone()
        story.tell(RECYCLE, invoke(), RECYCLE)

        orders = story.tell(ProcessExited(RUNTIME, "signal: killed"))

        assert orders == [ClearEnvironment(), StartProcess(RUNTIME)]
        story.asks_next(RUNTIME)
        story.responds()
        story.asks_next(RUNTIME)
        assert story.tell(MEASURED) == [Kill(RUNTIME)]
        assert story.tell(ProcessExited(RUNTIME, "signal: killed")) == [
            ClearEnvironment(),
            FinishShutdown(),
        ]

    def test_is_over_with_the_last_one_if_nothing_was_asked_in_between(self):
        story = alone()
        story.tell(RECYCLE, RECYCLE)

        orders = story.tell(ProcessExited(RUNTIME, "signal: killed"))

        assert orders == [ClearEnvironment(), FinishShutdown()]

    def test_keeps_the_snapshot(self):
        story = restored()
        story.tell(RECYCLE)
        story.responds()
        story.asks_next(RUNTIME)
        story.tell(MEASURED)

        orders = story.tell(ProcessExited(RUNTIME, "signal: killed"), invoke("r-2"))

        assert orders == [ClearEnvironment(), FinishShutdown(), StartProcess(RUNTIME)]
        assert story.kinds()[-1] == "restoreStart"


class TestMemoryThatIsExhausted:
    """The platform killed a process for what all of them used."""

    def test_is_the_runtimes_fault_if_it_was_killed(self):
        story = alone()
        story.tell(invoke())

        orders = story.tell(MemoryExhausted(), ProcessExited(RUNTIME, "signal: killed"))

        assert outcome(orders).payload == (
            b'{"errorType":"Runtime.OutOfMemory","errorMessage":'
            b'"RequestId: r-1 Error: Runtime exited with error: signal: killed"}'
        )
        assert story.records("report")[0]["errorType"] == "Runtime.OutOfMemory"

    def test_is_forgotten_with_the_processes(self):
        story = alone()
        story.tell(MemoryExhausted(), ProcessExited(RUNTIME, "signal: killed"), invoke())
        story.asks_next(RUNTIME)

        orders = story.tell(ProcessExited(RUNTIME, "signal: killed"))

        assert outcome(orders).error_type == "Runtime.ExitError"


class TestProvisionedConcurrency:
    """On demand in all but the name."""

    def test_says_so(self):
        story = Story(function=replace(FUNCTION, initialization_type=PROVISIONED_CONCURRENCY))

        story.tell(InitRequested())

        assert story.records("initStart")[0]["initializationType"] == "provisioned-concurrency"

    def test_is_initialised_again_by_the_invocation_that_needs_it(self):
        story = Story(function=replace(FUNCTION, initialization_type=PROVISIONED_CONCURRENCY))
        story.tell(InitRequested(), ProcessExited(RUNTIME, "exit status 1"))

        assert story.tell(invoke()) == [StartProcess(RUNTIME)]
        assert story.records("initStart")[0]["phase"] == "invoke"


class TestAnEnvironmentThatIsNeverFrozen:
    """Where that was switched off, telemetry does not wait for the next invocation."""

    def test_delivers_what_is_due(self):
        story = Story("listener", freeze=False)
        story.tell(InitRequested())
        story.registers("listener")
        story.subscribes("listener")
        story.asks_next("listener")

        assert Freeze() not in story.asks_next(RUNTIME)
        assert story.environment.timer_at == pytest.approx(NOW + 0.025)
        (deliver,) = story.tell(TimeReached(), after_s=0.03)
        assert isinstance(deliver, Deliver)


class TestAPublishedVersion:
    """Its runtime is initialised once, and becomes a snapshot."""

    def test_ends_its_extensions_when_the_snapshot_is_taken(self):
        story = Story("listener", function=SNAP_STARTED)
        story.tell(InitRequested())
        story.registers("listener")
        story.asks_next("listener")

        finished, kill = story.tell(SnapshotTaken(), after_s=2.0)

        assert (finished.outcome.status, finished.outcome.duration_s) == ("success", 2.0)
        assert kill == Kill(LISTENER)
        assert story.environment.phase is Phase.STORING
        assert story.environment.timer_at is None

    def test_is_cold_when_they_are_gone(self):
        story = published("listener")

        assert story.environment.phase is Phase.COLD
        assert story.orders() == [ClearEnvironment()]
        assert story.kinds() == ["initStart", "initRuntimeDone", "extension", "initReport"]

    def test_waits_for_the_extensions_before_it_is_initialised(self):
        story = Story("listener", function=SNAP_STARTED)
        story.tell(InitRequested())
        story.registers("listener")

        assert story.tell(SnapshotTaken()) == []
        finished, *_ = story.asks_next("listener")
        assert finished.outcome.status == "success"

    def test_has_an_outcome_for_whoever_asks_late(self):
        (finished,) = published().tell(InitRequested())

        assert finished.outcome.status == "success"

    def test_has_an_outcome_for_whoever_asks_while_it_is_stored(self):
        story = Story("listener", function=SNAP_STARTED)
        story.tell(InitRequested())
        story.registers("listener")
        story.asks_next("listener")
        story.tell(SnapshotTaken())

        assert story.tell(InitRequested()) == []
        _, finished = story.tell(ProcessExited(LISTENER, "signal: killed"))
        assert finished.outcome.status == "success"

    def test_is_not_to_be_had_without_a_snapshot(self):
        story = Story(function=SNAP_STARTED)
        story.tell(InitRequested())
        story.asks_next(RUNTIME)

        finished, *orders = story.tell(TimeReached(), after_s=10)

        assert finished.outcome.status == "timeout"
        assert orders == [Kill(RUNTIME)]


class TestASnapshotThatIsOfNoUse:
    """It is discarded, once; or it is gone already."""

    def test_because_an_extension_failed(self):
        story = Story("listener", function=SNAP_STARTED)
        story.tell(InitRequested())
        story.registers("listener")
        story.tell(SnapshotTaken())

        finished, *orders = story.tell(ProcessExited(LISTENER, "exit status 1"))

        assert finished.outcome.error_type == "Extension.Crash"
        assert orders == [DiscardSnapshot(), ClearEnvironment()]

    def test_because_it_came_when_all_was_over(self):
        story = Story("listener", function=SNAP_STARTED)
        story.tell(InitRequested())
        story.registers("listener")
        story.tell(ProcessExited(LISTENER, "exit status 1"))

        assert story.tell(SnapshotTaken()) == [DiscardSnapshot(), ClearEnvironment()]

    def test_because_it_was_lost_before_all_had_asked_next(self):
        story = Story("listener", function=SNAP_STARTED)
        story.tell(InitRequested())
        story.registers("listener")
        story.tell(SnapshotTaken())

        finished, *orders = story.tell(SnapshotLost())

        assert (finished.outcome.status, finished.outcome.error_type) == (
            "error",
            "Runtime.ExitError",
        )
        assert orders == [Kill(LISTENER)]

    def test_that_was_discarded_is_not_lost_again(self):
        story = Story("listener", function=SNAP_STARTED)
        story.tell(InitRequested())
        story.registers("listener")
        story.tell(SnapshotTaken())
        story.tell(ProcessExited(LISTENER, "exit status 1"), InitRequested())

        assert story.tell(SnapshotLost()) == []
        story.registers("listener")
        assert story.tell(SnapshotLost()) == []

    def test_because_nothing_will_be_cloned_any_more(self):
        assert published().tell(SHUTDOWN) == [DiscardSnapshot(), FinishShutdown()]

    def test_fails_the_invocation_that_needed_it(self):
        story = Story(function=SNAP_STARTED)
        story.tell(invoke())

        orders = story.tell(ProcessExited(RUNTIME, "exit status 1"))

        assert outcomes(orders) == [("r-1", "error", "Runtime.ExitError")]
        assert orders[-1] == ClearEnvironment()
        assert story.environment.phase is Phase.COLD

    def test_is_made_anew_when_it_was_lost_in_the_cold(self):
        story = published()

        assert story.tell(SnapshotLost(), InitRequested()) == [StartProcess(RUNTIME)]
        assert story.records("initStart")[0]["phase"] == "init"


class TestARestore:
    """A clone of the snapshot, and new extensions."""

    def test_begins_with_an_invocation(self):
        story = published("listener")

        assert story.tell(invoke()) == [StartProcess(LISTENER)]
        assert story.kinds()[-1] == "restoreStart"
        assert story.environment.timer_at == NOW + 10

    def test_clones_the_runtime_when_its_extensions_have_registered(self):
        story = published("listener")
        story.tell(invoke())

        assert StartProcess(RUNTIME) in story.registers("listener", "INVOKE")

    def test_is_complete_when_all_have_asked_next(self):
        story = published("listener")
        story.tell(invoke())
        story.registers("listener", "INVOKE")
        (go_on,) = story.asks_restore_next()
        assert go_on.reply.status == 200
        assert story.asks_next(RUNTIME, after_s=0.5) == []
        assert story.kinds()[-1] == "restoreRuntimeDone"

        orders = story.asks_next("listener", after_s=0.5)

        assert handed(orders) == ["r-1"]
        assert story.records("restoreReport") == [
            {"status": "success", "metrics": {"durationMs": 1000.0}}
        ]

    def test_does_not_count_for_the_functions_timeout(self):
        story = published()
        story.tell(invoke())
        story.asks_restore_next()
        story.asks_next(RUNTIME, after_s=5.0)

        assert story.environment.timer_at == NOW + 5 + FUNCTION.timeout_s

    def test_is_reported_with_its_first_invocation(self):
        story = restored()
        story.responds()
        story.asks_next(RUNTIME)
        story.tell(MEASURED)

        assert [key for key in story.records("report")[0]["metrics"] if "Duration" in key] == [
            "billedDurationMs",
            "restoreDurationMs",
            "billedRestoreDurationMs",
        ]

    def test_is_followed_by_another_after_a_reset(self):
        story = restored()

        orders = story.tell(ProcessExited(RUNTIME, "exit status 1"), invoke("r-2"))

        assert outcomes(orders) == [("r-1", "error", "Runtime.ExitError")]
        assert orders[-1] == StartProcess(RUNTIME)
        assert DiscardSnapshot() not in orders
        assert story.kinds()[-1] == "restoreStart"

    def test_tells_whoever_asks_meanwhile_how_initialisation_went(self):
        story = published("listener")
        story.tell(invoke())
        story.registers("listener", "INVOKE")
        story.tell(InitRequested())
        story.asks_restore_next()
        story.asks_next("listener")

        orders = story.asks_next(RUNTIME)

        assert [type(order) for order in orders] == [FinishInit, Answer, Answer]


class TestARestoreThatFails:
    """The invocation that needed it fails, and the next one gets another clone."""

    def test_because_a_hook_failed(self):
        story = published()
        story.tell(invoke())
        story.asks_restore_next()
        error = b'{"errorType": "Runtime.AfterRestoreError"}'
        story.call(
            "POST",
            f"{RUNTIME_API}/restore/error",
            error,
            **{"lambda-runtime-function-error-type": "Runtime.AfterRestoreError"},
        )

        released = outcome(story.tell(ProcessExited(RUNTIME, "exit status 65")))

        assert (released.payload, released.error_type) == (error, "Runtime.AfterRestoreError")
        assert [record["status"] for record in story.records("restoreRuntimeDone")] == ["error"]
        assert story.tell(invoke("r-2")) == [StartProcess(RUNTIME)]

    def test_because_an_extension_did_before_there_was_a_clone(self):
        story = published("listener")
        story.tell(invoke())

        orders = story.tell(ProcessExited(LISTENER, "exit status 1"))

        assert outcomes(orders) == [("r-1", "error", "Extension.Crash")]
        assert story.records("restoreRuntimeDone") == []
        assert story.records("restoreReport")[0]["errorType"] == "Extension.Crash"

    def test_for_want_of_time(self):
        story = published()
        story.tell(invoke())

        orders = story.tell(TimeReached(), after_s=10)

        assert outcomes(orders) == [("r-1", "timeout", "Sandbox.Timedout")]
        assert orders[-1] == Kill(RUNTIME)

    def test_because_the_snapshot_is_lost_before_it_is_cloned(self):
        story = published("listener")
        story.tell(invoke())

        orders = story.tell(SnapshotLost())

        assert outcomes(orders) == [("r-1", "error", "Runtime.ExitError")]
        assert orders[-1] == Kill(LISTENER)

    def test_because_the_snapshot_is_lost_with_its_clone_says_what_became_of_that(self):
        story = published()
        story.tell(invoke())
        assert story.tell(SnapshotLost()) == []

        orders = story.tell(MemoryExhausted(), ProcessExited(RUNTIME, "signal: killed"))

        assert outcomes(orders) == [("r-1", "error", "Runtime.OutOfMemory")]

    @pytest.mark.parametrize("lost_first", [True, False])
    def test_because_the_snapshot_is_lost_with_its_clone(self, lost_first):
        story = restored()
        happened = [SnapshotLost(), ProcessExited(RUNTIME, "signal: killed")]
        story.tell(*(happened if lost_first else reversed(happened)))

        assert story.tell(invoke("r-2")) == [StartProcess(RUNTIME)]
        assert story.records("initStart")[0]["initializationType"] == "snap-start"

    def test_is_not_billed_with_the_initialisation(self):
        story = published()
        story.tell(invoke())

        story.tell(ProcessExited(RUNTIME, "exit status 1"))

        assert "initDurationMs" not in story.records("report")[0]["metrics"]


class TestAManagedInstance:
    """Invocations run beside one another, and nothing is ever frozen."""

    def test_is_initialised_when_one_worker_has_asked_next(self):
        story = Story(function=MANAGED)
        story.tell(InitRequested())

        (finished,) = story.asks_next(RUNTIME)

        assert finished.outcome.status == "success"
        assert story.environment.phase is Phase.SERVING

    def test_gives_each_worker_an_invocation(self):
        story = managed()

        assert handed(story.tell(invoke("r-1"), invoke("r-2"), invoke("r-3"))) == ["r-1", "r-2"]
        assert handed(story.asks_next(RUNTIME)) == ["r-3"]

    def test_answers_and_reports_each_by_itself(self):
        story = managed("r-1", "r-2")

        orders = story.responds("r-2", after_s=0.5)

        assert outcomes(orders) == [("r-2", "success", None)]
        assert [record["requestId"] for record in story.records("report")] == ["r-2"]
        assert story.records("report")[0]["metrics"] == {"durationMs": 500.0}
        assert story.records("runtimeDone") == []

    def test_ends_an_invocation_that_is_out_of_time_and_nothing_else(self):
        story = managed("r-1")
        story.tell(invoke("r-2"), after_s=1.0)
        assert story.environment.timer_at == NOW + 3

        orders = story.tell(TimeReached(), after_s=2.0)

        assert outcomes(orders) == [("r-1", "timeout", "Sandbox.Timedout")]
        assert len(orders) == 1
        assert story.environment.timer_at == NOW + 4

    def test_refuses_a_response_that_is_late(self):
        story = managed("r-1")
        story.tell(TimeReached(), after_s=3.0)

        (reply,) = replies(story.responds("r-1"))

        assert reply.status == 410

    def test_gives_nothing_to_a_worker_that_hung_up(self):
        story = managed(workers=1)
        story.tell(ClientGone(story.clients))

        assert handed(story.tell(invoke())) == []
        assert handed(story.asks_next(RUNTIME)) == ["r-1"]

    def test_waits_for_the_first_of_two_with_one_request_id(self):
        story = managed("r-1")

        assert handed(story.tell(invoke("r-1"))) == []
        assert handed(story.responds("r-1")) == ["r-1"]

    def test_measures_no_memory(self):
        assert managed("r-1").tell(MEASURED) == []

    @pytest.mark.parametrize(
        ("process", "error_type"),
        [(RUNTIME, "Runtime.ExitError"), (LISTENER, "Extension.Crash")],
    )
    def test_that_fails_ends_all_that_is_under_way(self, process, error_type):
        story = managed("r-1", "r-2", "r-3", files=("listener",))

        orders = story.tell(ProcessExited(process, "exit status 1"))

        assert outcomes(orders) == [("r-1", "error", error_type), ("r-2", "error", error_type)]
        assert story.environment.phase is Phase.RESETTING

    def test_that_failed_is_initialised_like_the_first(self):
        story = managed("r-1")
        story.tell(ProcessExited(RUNTIME, "exit status 1"))

        assert story.tell(invoke("r-2")) == [StartProcess(RUNTIME)]
        assert story.records("initStart")[0]["phase"] == "init"
        assert handed(story.asks_next(RUNTIME)) == ["r-2"]

    def test_that_cannot_be_initialised_fails_the_invocation_that_needed_it(self):
        story = Story(function=MANAGED)

        orders = story.tell(invoke(), ProcessExited(RUNTIME, "exit status 1"))

        assert outcomes(orders) == [("r-1", "error", "Runtime.ExitError")]
        assert story.records("report")[0]["errorType"] == "Runtime.ExitError"
        assert story.records("runtimeDone") == []

    def test_ends_when_nothing_is_under_way(self):
        story = managed("r-1")

        assert story.tell(SHUTDOWN) == []
        assert story.responds("r-1")[-1] == Kill(RUNTIME)

    def test_runs_what_was_asked_before_the_end(self):
        story = managed("r-1", "r-2", workers=1)
        story.tell(SHUTDOWN)

        story.responds("r-1")

        assert handed(story.asks_next(RUNTIME)) == ["r-2"]

    def test_does_not_let_an_invocation_wait_for_ever_for_a_worker(self):
        story = managed("r-1", "r-2", workers=1)

        story.tell(TimeReached(), after_s=FUNCTION.timeout_s)

        assert story.environment.timer_at is not None
