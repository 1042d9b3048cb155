"""Records and lines as Lambda writes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_sandbox.core.function import MANAGED_INSTANCES, FunctionFacts
from lambda_sandbox.core.telemetry import records

FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
EPOCH = 1795410000.1239


class TestUnits:
    """Milliseconds."""

    def test_a_duration(self):
        assert records.milliseconds(0.0123456) == 12.346

    def test_a_span(self):
        assert records.span("responseLatency", EPOCH, 0.5) == {
            "name": "responseLatency",
            "start": "2026-11-23T05:00:00.123Z",
            "durationMs": 500.0,
        }


class TestTracing:
    """The trace header as it came, with the parent's id, if it is sampled."""

    @pytest.mark.parametrize(
        ("header", "record"),
        [
            ("", {}),
            ("Root=1-a;Parent=b;Sampled=0", {}),
            ("Root=1-a;Parent=b", {}),
            (
                "Root=1-a;Parent=b;Sampled=1",
                {"spanId": "b", "type": "X-Amzn-Trace-Id", "value": "Root=1-a;Parent=b;Sampled=1"},
            ),
            ("Sampled=1", {"type": "X-Amzn-Trace-Id", "value": "Sampled=1"}),
        ],
    )
    def test_follows_the_header(self, header, record):
        assert records.tracing(header) == ({"tracing": record} if record else {})


class TestInitialisation:
    """Three records, and a line only when it fails."""

    def test_starts(self):
        assert records.init_start(FUNCTION, "init") == {
            "initializationType": "on-demand",
            "phase": "init",
            "functionName": "hello",
            "functionVersion": "$LATEST",
            "runtimeVersion": "python:3.13.sandbox",
            "runtimeVersionArn": "arn:aws:lambda:us-east-1::runtime:python:3.13.sandbox",
            "instanceId": "stream",
            "instanceMaxMemory": 134217728,
        }

    def test_ends_for_the_runtime(self):
        assert records.init_runtime_done(FUNCTION, "init", "success", None) == {
            "initializationType": "on-demand",
            "phase": "init",
            "status": "success",
        }

    def test_says_how_the_environment_comes_to_be(self):
        managed = replace(FUNCTION, initialization_type=MANAGED_INSTANCES)

        told = [
            records.init_start(managed, "init"),
            records.init_runtime_done(managed, "init", "success", None),
            records.init_report(managed, "init", "success", None, 1.5),
        ]

        assert {record["initializationType"] for record in told} == {"lambda-managed-instances"}

    @pytest.mark.parametrize(
        ("status", "error_type", "line"),
        [
            (
                "timeout",
                None,
                "INIT_REPORT Init Duration: 1500.00 ms\tPhase: init\tStatus: timeout",
            ),
            (
                "error",
                "Runtime.ExitError",
                (
                    "INIT_REPORT Init Duration: 1500.00 ms\tPhase: init\tStatus: error\t"
                    "Error Type: Runtime.ExitError"
                ),
            ),
        ],
    )
    def test_ends_for_all(self, status, error_type, line):
        record = records.init_report(FUNCTION, "init", status, error_type, 1.5)

        assert record == {
            "initializationType": "on-demand",
            "phase": "init",
            "status": status,
            **({"errorType": error_type} if error_type else {}),
            "metrics": {"durationMs": 1500.0},
        }
        assert records.init_report_line(record) == line


class TestARestore:
    """Three records, without a type of initialisation or a phase."""

    def test_starts(self):
        assert list(records.restore_start(FUNCTION).items()) == [
            ("functionName", "hello"),
            ("functionVersion", "$LATEST"),
            ("instanceId", "stream"),
            ("instanceMaxMemory", 134217728),
            ("runtimeVersion", "python:3.13.sandbox"),
            ("runtimeVersionArn", "arn:aws:lambda:us-east-1::runtime:python:3.13.sandbox"),
        ]

    def test_ends_for_the_runtime(self):
        assert records.restore_runtime_done("success", None) == {"status": "success"}

    def test_ends_for_all(self):
        assert list(records.restore_report("error", "Runtime.ExitError", 1.5).items()) == [
            ("status", "error"),
            ("errorType", "Runtime.ExitError"),
            ("metrics", {"durationMs": 1500.0}),
        ]


class TestAnExtension:
    """Where it stands when initialisation ends."""

    @pytest.mark.parametrize(
        ("error_type", "more"), [(None, {}), ("Extension.Tired", {"errorType": "Extension.Tired"})]
    )
    def test_has_its_events_in_order_and_its_error_if_there_is_one(self, error_type, more):
        record = records.extension("listener", "Ready", {"SHUTDOWN", "INVOKE"}, error_type)

        assert record == {
            "name": "listener",
            "state": "Ready",
            "events": ["INVOKE", "SHUTDOWN"],
            **more,
        }


class TestALogRecord:
    """An object if the log format is JSON and the line is one; else the line."""

    @pytest.mark.parametrize(
        ("text", "log_format", "record"),
        [
            ('{"level": "INFO"}', "JSON", {"level": "INFO"}),
            ('{"level": "INFO"}', "Text", '{"level": "INFO"}'),
            ('["INFO"]', "JSON", '["INFO"]'),
            ("1", "JSON", "1"),
            ("START", "JSON", "START"),
        ],
    )
    def test_follows_the_log_format(self, text, log_format, record):
        assert records.log_record(text, log_format) == record


class TestAReport:
    """What is billed, and the line that says it."""

    INITIALISED = records.StartUp(restored=False, duration_s=0.2)
    RESTORED = records.StartUp(restored=True, duration_s=0.2004)

    def test_bills_the_initialisation_with_the_first_invocation(self):
        assert records.metrics(FUNCTION, 0.0101, self.INITIALISED, 30 << 20) == {
            "durationMs": 10.1,
            "billedDurationMs": 211,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 30,
            "initDurationMs": 200.0,
        }

    def test_bills_a_restore_by_itself(self):
        assert records.metrics(FUNCTION, 0.0101, self.RESTORED, 30 << 20) == {
            "durationMs": 10.1,
            "billedDurationMs": 11,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 30,
            "restoreDurationMs": 200.4,
            "billedRestoreDurationMs": 201,
        }

    @pytest.mark.parametrize(
        ("start_up", "billed_ms", "more"),
        [
            (INITIALISED, 211, "\tInit Duration: 200.00 ms"),
            (RESTORED, 11, "\tRestore Duration: 200.40 ms\tBilled Restore Duration: 201 ms"),
            (None, 11, ""),
        ],
    )
    def test_is_a_line_in_the_log(self, start_up, billed_ms, more):
        metrics = records.metrics(FUNCTION, 0.0101, start_up, 30 << 20)

        assert records.report_line("r-1", {"status": "success", "metrics": metrics}) == (
            f"REPORT RequestId: r-1\tDuration: 10.10 ms\tBilled Duration: {billed_ms} ms\t"
            f"Memory Size: 128 MB\tMax Memory Used: 30 MB{more}"
        )

    def test_of_a_failure_says_so(self):
        metrics = records.metrics(FUNCTION, 0.5, None, 1)
        record = {"status": "error", "errorType": "Extension.Crash", "metrics": metrics}

        assert records.report_line("r-1", record).endswith(
            "Max Memory Used: 1 MB\tStatus: error\tError Type: Extension.Crash"
        )
