"""Managed Instances: several workers in one environment."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambda_sandbox.core.function import (
    MANAGED_INSTANCES,
)
from lambda_sandbox.sandbox import Sandbox
from tests.conformance.modes import function, kinds, records, result, told, told_to_end
from tests.fakes.sandbox_stories import layer_with, said


class TestAManagedInstance:
    """Several workers in one environment that is never frozen."""

    @pytest.fixture
    def pipes(self, tmp_path):
        paths = [tmp_path / "one", tmp_path / "other"]
        for path in paths:
            os.mkfifo(path)
        return paths

    @pytest.mark.rule(
        "§6",
        "Each worker imports the function and has one invocation; several run at a time",
    )
    def test_runs_invocations_at_the_same_time(self, pipes):
        one, other = pipes
        with (
            Sandbox(function(MANAGED_INSTANCES, max_concurrency=2)) as sandbox,
            ThreadPoolExecutor(2) as callers,
        ):
            events = [
                told(do="wait", write=str(one), read=str(other)),
                told(do="late", read=str(one)),
            ]
            first = callers.submit(sandbox.invoke, events[0])
            second = callers.submit(sandbox.invoke, events[1])
            second.result()
            with other.open("w") as fifo:
                fifo.write("go on")
            answers = [result(first.result()), result(second.result())]

        assert answers[0]["pid"] != answers[1]["pid"]
        assert [answer["imported_in"] for answer in answers] == [
            answer["pid"] for answer in answers
        ]

    @pytest.mark.rule(
        "§6",
        "No `platform.runtimeDone`; a report of `durationMs` alone; a start with `functionArn`",
    )
    def test_tells_of_an_invocation_its_start_and_its_report(self):
        with Sandbox(function(MANAGED_INSTANCES, max_concurrency=1)) as sandbox:
            sandbox.invoke(request_id="r-1")
            sandbox.invoke(told(do="fail"), request_id="r-2")

        assert kinds(sandbox)[3:] == ["start", "report", "start", "report"]
        assert [(r["requestId"], r["status"]) for r in records(sandbox, "report")] == [
            ("r-1", "success"),
            ("r-2", "error"),
        ]
        assert set(records(sandbox, "report")[0]["metrics"]) == {"durationMs"}
        assert records(sandbox, "start")[0]["functionArn"].endswith(":function:story")

    @pytest.mark.rule("§6", "The log is in the JSON format")
    def test_has_a_log_in_json(self):
        with Sandbox(function(MANAGED_INSTANCES, max_concurrency=1)) as sandbox:
            sandbox.invoke(request_id="r-1")

        platform = [json.loads(line) for line in said(sandbox, "lambda")]
        assert platform == sandbox.events

    @pytest.mark.rule(
        "§6", "A timeout ends the invocation alone; its late response is answered 410"
    )
    def test_ends_an_invocation_that_is_late_and_nothing_else(self, pipes):
        limited = function(MANAGED_INSTANCES, max_concurrency=1, timeout_s=0.5)
        with Sandbox(limited) as sandbox:
            runtime = sandbox.init() and sandbox.runtime_pid
            late = sandbox.invoke(told(do="late", read=str(pipes[0])))
            with pipes[0].open("w") as fifo:
                fifo.write("too late")
            after = sandbox.invoke()

            assert sandbox.runtime_pid == runtime
        assert (late.status, late.error_type) == ("timeout", "Sandbox.Timedout")
        assert after.status == "success"
        assert any("410" in line for line in said(sandbox, "story"))
        assert "shutdown: timeout" not in [moment.what for moment in sandbox.timeline]

    @pytest.mark.rule("§6", "A managed instance is not frozen")
    def test_is_not_frozen(self):
        with Sandbox(function(MANAGED_INSTANCES, max_concurrency=1)) as sandbox:
            sandbox.invoke()
            sandbox.invoke()

        assert "frozen" not in [moment.what for moment in sandbox.timeline]

    @pytest.mark.rule("§6", "INVOKE is refused to extensions")
    def test_refuses_an_extension_that_wants_to_hear_of_invocations(self, tmp_path):
        layer = layer_with(tmp_path, ("minimal",))
        environ = {"EVENTS": "INVOKE SHUTDOWN"}
        wanted = function(MANAGED_INSTANCES, max_concurrency=1, layer=layer, environ=environ)
        with Sandbox(wanted) as sandbox:
            outcome = sandbox.init()

        assert outcome.error_type == "Extension.Crash"

    @pytest.mark.rule("§6", "SHUTDOWN is told; `AWS_LAMBDA_MAX_CONCURRENCY` is the runtime's alone")
    def test_tells_an_extension_of_its_end(self, tmp_path):
        layer = layer_with(tmp_path, ("minimal",))
        environ = {"EVENTS": "SHUTDOWN"}
        wanted = function(MANAGED_INSTANCES, max_concurrency=1, layer=layer, environ=environ)
        with Sandbox(wanted) as sandbox:
            sandbox.invoke()

        assert told_to_end(sandbox, "minimal") == ["spindown"]
        (variables,) = [line for line in said(sandbox, "minimal") if line.startswith("variables")]
        assert "AWS_LAMBDA_INITIALIZATION_TYPE" in variables
        assert "AWS_LAMBDA_MAX_CONCURRENCY" not in variables

    @pytest.mark.rule("§6", "No suppressed init: another environment takes its place")
    def test_is_another_one_after_its_runtime_has_gone(self):
        with Sandbox(function(MANAGED_INSTANCES, max_concurrency=1, timeout_s=1.0)) as sandbox:
            crash = sandbox.invoke(told(do="exit"))
            after = sandbox.invoke()

        assert crash.function_error == "Unhandled"
        assert after.status == "success"
        assert [start["phase"] for start in records(sandbox, "initStart")] == ["init", "init"]
