"""What the platform tells, in which words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lambda_sandbox.core.actions import Action, Deliver, Record, WriteLine
from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START, FunctionFacts
from lambda_sandbox.core.invocation import Invocation, Run
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
MANAGED = replace(FUNCTION, initialization_type=MANAGED_INSTANCES, log_format="JSON")
WANTED = (
    b'{"schemaVersion": "2022-12-13", "types": ["platform", "function", "extension"],'
    b'"destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"}}'
)
TRACE = "Root=1-a;Parent=b;Sampled=1"


class Page:
    """A journal, and what it wrote."""

    def __init__(self, function=FUNCTION):
        self.out: list[Action] = []
        self.journal = Journal(function, supported=True, epoch_s=1000.0, out=self.out)

    def kinds(self):
        return [action.event["type"] for action in self.out if isinstance(action, Record)]

    def records(self):
        return [action.event["record"] for action in self.out if isinstance(action, Record)]

    def lines(self):
        return [action.text for action in self.out if isinstance(action, WriteLine)]


def run(charged_at=NOW):
    return Run(Invocation("r-1", b"{}", TRACE), NOW, NOW + 3, charged_at)


class TestTime:
    """The wall clock, which was something when the monotonic clock was 0."""

    def test_is_told_in_whole_milliseconds_and_never_late(self):
        journal = Page().journal

        assert journal.epoch(1.5) == 1001.5
        assert journal.epoch_ms(1.9999) == 1_001_999


class TestALine:
    """It is the function's or an extension's, and goes to those who subscribed."""

    def test_is_told_apart(self):
        page = Page()

        page.journal.line_written("runtime", "one", NOW)
        page.journal.line_written("extensions/listener", "two", NOW)

        assert page.out == [
            WriteLine("function", "hello", "one"),
            WriteLine("extension", "listener", "two"),
        ]

    def test_reaches_subscribers_until_they_are_forgotten(self):
        page = Page()
        page.journal.subscribe("listener", WANTED, NOW)
        page.journal.line_written("runtime", "one", NOW)
        page.journal.deliver(NOW + 1)
        page.journal.renew()
        page.journal.line_written("runtime", "two", NOW + 1)
        page.journal.deliver(NOW + 9)

        (order,) = [action for action in page.out if isinstance(action, Deliver)]

        assert [event["type"] for event in order.events] == [
            "platform.telemetrySubscription",
            "function",
        ]
        assert order.events[1] == {
            "time": "1970-01-01T00:18:20.000Z",
            "type": "function",
            "record": "one",
        }

    @pytest.mark.parametrize(
        ("version", "record"),
        [("2022-07-01", '{"level": "INFO"}'), ("2022-12-13", {"level": "INFO"})],
    )
    @pytest.mark.parametrize("process", ["runtime", "extensions/listener"])
    def test_is_an_object_for_who_knows_them_if_the_log_format_is_json(
        self, process, version, record
    ):
        page = Page(replace(FUNCTION, log_format="JSON"))
        page.journal.line_written(process, '{"level": "INFO"}', NOW)
        page.journal.line_written(process, "START", NOW)

        page.journal.subscribe("listener", WANTED.replace(b"2022-12-13", version.encode()), NOW)
        page.journal.deliver(NOW + 1)

        (order,) = [action for action in page.out if isinstance(action, Deliver)]
        assert [event["record"] for event in order.events[:2]] == [record, "START"]

    def test_a_subscription_that_is_refused_is_not_told(self):
        page = Page()

        answer = page.journal.subscribe("listener", b"", NOW)

        assert isinstance(answer, Reply)
        assert page.out == []


class TestInitialisation:
    """Its duration goes into the report of the first invocation, once."""

    def test_is_reported_with_the_first_invocation(self):
        page = Page()
        page.journal.init_started("init", NOW)
        page.journal.runtime_initialised("init", "success", None, NOW)
        page.journal.extension_initialised("listener", "Ready", (), None, NOW)
        page.journal.initialised("init", "success", None, NOW - 0.5, NOW)
        page.journal.reported(run(), "success", None, NOW + 1)
        page.journal.reported(run(), "success", None, NOW + 1)

        metrics = [record["metrics"] for record in page.records() if "requestId" in record]

        assert metrics[0]["initDurationMs"] == 500.0
        assert "initDurationMs" not in metrics[1]

    def test_that_failed_or_was_part_of_an_invocation_is_not(self):
        page = Page()
        page.journal.initialised("init", "error", "A.B", NOW - 0.5, NOW)
        page.journal.initialised("invoke", "success", None, NOW - 0.5, NOW)
        page.journal.reported(run(charged_at=NOW - 0.5), "success", None, NOW + 1)

        assert "initDurationMs" not in page.records()[-1]["metrics"]
        assert page.records()[-1]["metrics"]["durationMs"] == 1500.0

    def test_of_a_snapshot_is_no_invocations(self):
        page = Page(replace(FUNCTION, initialization_type=SNAP_START))
        page.journal.initialised("init", "success", None, NOW - 0.5, NOW)

        page.journal.reported(run(), "success", None, NOW + 1)

        assert page.records()[-1]["metrics"]["billedDurationMs"] == 1000
        assert "initDurationMs" not in page.records()[-1]["metrics"]

    def test_that_fails_has_a_line(self):
        page = Page()

        page.journal.initialised("init", "success", None, NOW - 0.5, NOW)
        page.journal.initialised("init", "timeout", None, NOW - 0.5, NOW)

        assert page.lines() == [
            "INIT_REPORT Init Duration: 500.00 ms\tPhase: init\tStatus: timeout"
        ]


class TestARestore:
    """It is told in three events, and reported with the first invocation, once."""

    def test_is_told_in_events_alone(self):
        page = Page()

        page.journal.restore_started(NOW)
        page.journal.runtime_restored("success", None, NOW)
        page.journal.restored("success", None, NOW, NOW + 0.5)

        assert page.kinds() == [
            "platform.restoreStart",
            "platform.restoreRuntimeDone",
            "platform.restoreReport",
        ]
        assert page.records()[-1] == {"status": "success", "metrics": {"durationMs": 500.0}}
        assert page.lines() == []

    def test_is_reported_with_the_first_invocation(self):
        page = Page()
        page.journal.restored("success", None, NOW, NOW + 0.5)

        page.journal.reported(run(), "success", None, NOW + 1)
        page.journal.reported(run(), "success", None, NOW + 1)

        _, first, second = [record["metrics"] for record in page.records()]
        assert (first["restoreDurationMs"], first["billedRestoreDurationMs"]) == (500.0, 500)
        assert "restoreDurationMs" not in second

    def test_that_failed_is_not(self):
        page = Page()
        page.journal.restored("error", "A.B", NOW, NOW + 0.5)

        page.journal.reported(run(), "success", None, NOW + 1)

        assert "restoreDurationMs" not in page.records()[-1]["metrics"]


class TestAnInvocationOfAManagedInstance:
    """Its start names the function; a short report is all that is told of its end."""

    def test_begins_with_the_functions_name(self):
        page = Page(MANAGED)

        page.journal.invoked(run().invocation, NOW)

        assert list(page.records()[0].items()) == [
            ("requestId", "r-1"),
            ("version", "$LATEST"),
            ("functionArn", FUNCTION.arn),
            ("tracing", {"spanId": "b", "type": "X-Amzn-Trace-Id", "value": TRACE}),
        ]

    def test_ends_with_its_duration_and_its_parts(self):
        page, done = Page(MANAGED), run(charged_at=NOW - 9)
        done.succeed(b'"ok"', NOW + 1)

        page.journal.reported_managed(done, "success", None, NOW + 1)

        assert page.kinds() == ["platform.report"]
        assert list(page.records()[0].items()) == [
            ("requestId", "r-1"),
            ("status", "success"),
            ("metrics", {"durationMs": 1000.0}),
            (
                "spans",
                [
                    {
                        "name": "responseLatency",
                        "start": "1970-01-01T00:18:20.000Z",
                        "durationMs": 1000.0,
                    },
                    {
                        "name": "responseDuration",
                        "start": "1970-01-01T00:18:21.000Z",
                        "durationMs": 0.0,
                    },
                ],
            ),
            ("tracing", {"spanId": "b", "type": "X-Amzn-Trace-Id", "value": TRACE}),
        ]

    def test_that_was_never_answered_has_no_parts(self):
        page = Page(MANAGED)

        page.journal.reported_managed(run(), "timeout", "Sandbox.Timedout", NOW + 3)

        (record,) = page.records()
        assert list(record) == ["requestId", "status", "errorType", "metrics", "tracing"]
        assert record["errorType"] == "Sandbox.Timedout"

    def test_is_told_to_subscribers_of_the_newest_schema_alone(self):
        page = Page(MANAGED)

        answer = page.journal.subscribe("listener", WANTED, NOW)

        assert isinstance(answer, Reply)


class TestTheJsonFormat:
    """The platform's events are its lines of the log."""

    def test_has_an_event_in_each_line(self):
        page = Page(replace(FUNCTION, log_format="JSON"))

        page.journal.restore_started(NOW)
        page.journal.restored("success", None, NOW, NOW)

        events = [action.event for action in page.out if isinstance(action, Record)]
        assert [json.loads(line) for line in page.lines()] == events
        assert page.lines()[1] == (
            '{"time":"1970-01-01T00:18:20.000Z","type":"platform.restoreReport",'
            '"record":{"status":"success","metrics":{"durationMs":0.0}}}'
        )
        assert page.out[1] == WriteLine("platform", "lambda", page.lines()[0])

    def test_has_no_line_of_the_text_format(self):
        page = Page(replace(FUNCTION, log_format="JSON"))

        page.journal.invoked(run().invocation, NOW)
        page.journal.reported(run(), "error", "A.B", NOW)
        page.journal.initialised("init", "error", "A.B", NOW, NOW)
        page.journal.failed("r-1", "it is", "A.B")
        page.journal.timed_out("it is")

        assert [line[0] for line in page.lines()] == ["{", "{", "{"]

    def test_leaves_the_lines_of_others_as_they_are(self):
        page = Page(replace(FUNCTION, log_format="JSON"))

        page.journal.line_written("runtime", "START", NOW)

        assert page.out == [WriteLine("function", "hello", "START")]


class TestAnInvocation:
    """START, then runtimeDone with its parts, then the report with what extensions added."""

    def test_begins(self):
        page = Page()

        page.journal.invoked(run().invocation, NOW)

        assert page.lines() == ["START RequestId: r-1 Version: $LATEST"]
        assert page.records() == [
            {
                "requestId": "r-1",
                "version": "$LATEST",
                "tracing": {"spanId": "b", "type": "X-Amzn-Trace-Id", "value": TRACE},
            }
        ]

    def test_is_done_for_the_runtime(self):
        page, done = Page(), run()
        done.succeed(b'"ok"', NOW + 1)

        page.journal.runtime_done(done, "success", None, NOW + 1.5)

        (record,) = page.records()
        assert list(record) == ["requestId", "status", "metrics", "spans", "tracing"]
        assert record["metrics"] == {"durationMs": 1500.0, "producedBytes": 4}
        assert [(span["name"], span["durationMs"]) for span in record["spans"]] == [
            ("responseLatency", 1000.0),
            ("responseDuration", 0.0),
            ("runtimeOverhead", 500.0),
        ]

    def test_that_was_never_answered_has_no_parts(self):
        page = Page()

        page.journal.runtime_done(run(), "timeout", None, NOW + 3)

        assert page.records()[0]["metrics"] == {"durationMs": 3000.0}
        assert "spans" not in page.records()[0]

    def test_is_reported_with_the_most_memory_that_was_ever_used(self):
        page, done = Page(), run()
        done.runtime_done_at = NOW + 1
        page.journal.measured(30 << 20)
        page.journal.measured(20 << 20)

        page.journal.reported(done, "success", None, NOW + 1.25)

        (record,) = page.records()
        assert record["metrics"]["maxMemoryUsedMB"] == 30
        assert [(span["name"], span["durationMs"]) for span in record["spans"]] == [
            ("extensionOverhead", 250.0)
        ]

    def test_that_fails_says_so(self):
        page = Page()

        page.journal.failed("r-1", "exit status 7", "Extension.Crash")
        page.journal.timed_out("Task timed out")

        assert page.lines() == [
            "RequestId: r-1 Error: exit status 7",
            "Extension.Crash",
            "Task timed out",
        ]
