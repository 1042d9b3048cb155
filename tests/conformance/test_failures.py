"""What the caller, the extensions and the log are told of a failure, and what comes after it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import LOOP, REGISTERED, Step, Story, function, layer_of, told

WITNESS: list[Step] = [REGISTERED, LOOP]
RESPONSE_BYTES_MAX = 6_291_556


def pids(sandbox):
    """Return the processes of the environment."""
    return {"runtime": sandbox.runtime_pid, **sandbox.extension_pids}


def failed(layer, event, **kwargs):
    """Return the story of an invocation that fails, and of one that finds all well."""
    with Sandbox(function(layer, **kwargs)) as sandbox:
        kept: dict[str, Any] = {"init": sandbox.init(), "before": pids(sandbox)}
        kept["failed"] = sandbox.invoke(event, request_id="r-1")
        kept["next"] = sandbox.invoke(told("answer"), request_id="r-2")
        kept["after"] = pids(sandbox)
    story = Story(sandbox)
    story.outcomes |= kept
    return story


def report_line(story):
    """Return the end of the first REPORT line: what is only there after a failure."""
    lines = [line.text for line in story.sandbox.logs if line.text.startswith("REPORT ")]
    return [part for part in lines[0].split("\t") if part.startswith(("Status", "Error Type"))]


@pytest.fixture(scope="module")
def crash(tmp_path_factory):
    """An extension exits while the handler works; another one sees what follows."""
    folder = tmp_path_factory.mktemp("crash")
    crash = {"do": "exit", "status": 7, "unless": str(folder / "crashed")}
    with tempfile.TemporaryDirectory(dir="/tmp") as kept_in:
        file = f"{kept_in}/file"
        crasher = [REGISTERED, {"do": "next"}, {"do": "wait_for", "file": file}, crash, LOOP]
        layer = layer_of(folder, crasher=crasher, witness=WITNESS)
        story = failed(layer, told("keep_and_hang", file=file, text="kept"))
        story.outcomes["kept"] = Path(file).read_text()
    return story


class TestACrashOfAnExtension:
    """Takes the invocation with it, and the environment begins anew."""

    @pytest.mark.rule("§1.5", "A crash of an extension: Extension.Crash with the exit status")
    def test_is_told_to_the_caller(self, crash):
        outcome = crash.outcomes["failed"]

        assert json.loads(outcome.payload) == {
            "errorType": "Extension.Crash",
            "errorMessage": "RequestId: r-1 Error: exit status 7",
        }
        assert outcome.function_error == "Unhandled"

    @pytest.mark.rule("§2.3", "runtimeDone and report of a crash: `error`, `Extension.Crash`")
    def test_is_told_to_subscribers(self, crash):
        assert crash.status_of("runtimeDone") == ("error", "Extension.Crash")
        assert crash.status_of("report") == ("error", "Extension.Crash")

    @pytest.mark.rule("§4.3", "REPORT has `Status: error` and `Error Type: Extension.Crash`")
    def test_is_in_the_report_line(self, crash):
        assert report_line(crash) == ["Status: error", "Error Type: Extension.Crash"]

    @pytest.mark.rule("§4.3", "The other extensions are told SHUTDOWN with the reason `failure`")
    def test_is_the_reason_for_the_others(self, crash):
        assert crash.reasons("witness") == ["failure", "spindown"]

    @pytest.mark.rule("§4.3", "After a reset runtime and extensions are new processes")
    def test_is_followed_by_new_processes(self, crash):
        before, after = crash.outcomes["before"], crash.outcomes["after"]

        assert set(before) == set(after) == {"runtime", "crasher", "witness"}
        assert set(before.values()).isdisjoint(after.values())

    @pytest.mark.rule("§4.3", "After a reset the next invocation initialises: `phase: invoke`")
    def test_is_followed_by_another_initialisation(self, crash):
        for kind in ("initStart", "initRuntimeDone", "initReport"):
            assert [record["phase"] for record in crash.records(kind)] == ["init", "invoke"]
        assert crash.outcomes["next"].status == "success"

    @pytest.mark.rule("§2.3", "A suppressed init is told before `platform.start` of its request")
    def test_is_followed_by_the_initialisation_before_the_start(self, crash):
        types = [event["type"].removeprefix("platform.") for event in crash.sandbox.events]

        second = types[types.index("report") + 1 :]
        assert [kind for kind in second if kind != "extension"] == [
            "initStart",
            "initRuntimeDone",
            "initReport",
            "start",
            "runtimeDone",
            "report",
        ]

    @pytest.mark.rule("§4.3", "`/tmp` is kept over a reset")
    def test_leaves_tmp_alone(self, crash):
        assert crash.outcomes["kept"] == "kept"

    @pytest.mark.rule("§0.10", "An extension that exits with 0 outside SHUTDOWN has crashed, too")
    def test_is_any_exit(self, tmp_path):
        plan = [REGISTERED, {"do": "next"}, {"do": "exit", "status": 0}]
        with Sandbox(function(layer_of(tmp_path, external=plan))) as sandbox:
            outcome = sandbox.invoke(told("hang"))

        assert outcome.error_type == "Extension.Crash"

    @pytest.mark.rule("§1.5", "A crash between registration and next fails the initialisation")
    def test_fails_the_initialisation(self, tmp_path):
        plan = [REGISTERED, {"do": "exit", "status": 7}]
        with Sandbox(function(layer_of(tmp_path, external=plan))) as sandbox:
            init = sandbox.init()

        assert (init.status, init.error_type) == ("error", "Extension.Crash")


@pytest.fixture(scope="module")
def timeout(tmp_path_factory):
    """A handler that never returns, and an extension that sees what follows."""
    layer = layer_of(tmp_path_factory.mktemp("timeout"), witness=WITNESS)
    # Long enough for the initialisation that the second invocation has to pay for.
    return failed(layer, told("hang"), timeout_s=2)


class TestATimeout:
    """Of the function covers the handler and all extensions."""

    @pytest.mark.rule("§8", "A timeout is told as `<time> <id> Task timed out after N.00 seconds`")
    def test_is_told_to_the_caller(self, timeout):
        outcome = timeout.outcomes["failed"]

        text = json.loads(outcome.payload)["errorMessage"]
        time, _, rest = text.partition(" ")
        assert rest == "r-1 Task timed out after 2.00 seconds"
        assert len(time) == len("2026-11-23T07:10:41.800Z")
        assert outcome.function_error == "Unhandled"

    @pytest.mark.rule("§2.3", "runtimeDone and report of a timeout: `timeout`, no error type")
    def test_is_told_to_subscribers(self, timeout):
        assert timeout.status_of("runtimeDone") == ("timeout", None)
        assert timeout.status_of("report") == ("timeout", None)

    @pytest.mark.rule("§4.3", "REPORT has `Status: timeout`")
    def test_is_in_the_report_line(self, timeout):
        assert report_line(timeout) == ["Status: timeout"]

    @pytest.mark.rule("§4.3", "Extensions are told SHUTDOWN with the reason `timeout`")
    def test_is_the_reason_for_the_extensions(self, timeout):
        assert timeout.reasons("witness") == ["timeout", "spindown"]

    @pytest.mark.rule("§4.3", "After a timeout runtime and extensions are new processes")
    def test_is_followed_by_new_processes(self, timeout):
        before, after = timeout.outcomes["before"], timeout.outcomes["after"]

        assert set(before) == set(after) == {"runtime", "witness"}
        assert set(before.values()).isdisjoint(after.values())

    @pytest.mark.rule("§4.2", "An extension that is busy at the deadline makes it a timeout")
    def test_includes_the_extensions(self, tmp_path):
        plan: list[Step] = [{"do": "register", "events": ["INVOKE"]}, {"do": "next"}]
        layer = layer_of(tmp_path, external=[*plan, {"do": "hang", "unless": str(tmp_path / "1")}])
        with Sandbox(function(layer, timeout_s=1)) as sandbox:
            sandbox.init()
            outcome = sandbox.invoke(told("answer"))
            sandbox.shutdown()

        assert outcome.status == "success"
        assert Story(sandbox).status_of("report") == ("timeout", None)


@pytest.fixture(scope="module")
def exited(tmp_path_factory):
    """A handler that exits, and an extension that sees what follows."""
    layer = layer_of(tmp_path_factory.mktemp("exit"), witness=WITNESS)
    return failed(layer, told("exit_", status=3))


class TestAnExitOfTheRuntime:
    """Is told with its exit status."""

    @pytest.mark.rule("§4.3", "An exit of the runtime: Runtime.ExitError with the exit status")
    def test_is_told_to_the_caller(self, exited):
        assert json.loads(exited.outcomes["failed"].payload) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: exit status 3",
        }

    @pytest.mark.rule("§2.3", "runtimeDone and report of an exit: `error`, `Runtime.ExitError`")
    def test_is_told_to_subscribers(self, exited):
        assert exited.status_of("runtimeDone") == ("error", "Runtime.ExitError")
        assert exited.status_of("report") == ("error", "Runtime.ExitError")

    @pytest.mark.rule("§4.3", "Extensions of a runtime that exited are told `failure`")
    def test_is_the_reason_for_the_extensions(self, exited):
        assert exited.reasons("witness") == ["failure", "spindown"]

    @pytest.mark.rule("§4.3", "After an exit of the runtime the extensions are new processes, too")
    def test_is_followed_by_new_processes(self, exited):
        assert exited.outcomes["next"].status == "success"
        assert exited.outcomes["before"]["witness"] != exited.outcomes["after"]["witness"]


class TestAnErrorOfTheHandler:
    """Is no failure of the environment."""

    @pytest.mark.rule("§2.3", "An exception of the handler leaves status `success` in runtimeDone")
    def test_is_no_failure(self, tmp_path):
        with Sandbox(function(layer_of(tmp_path, external=WITNESS))) as sandbox:
            outcome = sandbox.invoke(told("fail"))
            before = pids(sandbox)
            sandbox.invoke(told("answer"))
            after = pids(sandbox)

        assert (outcome.function_error, outcome.error_type) == ("Unhandled", "ValueError")
        assert Story(sandbox).status_of("runtimeDone") == ("success", None)
        assert before == after


class TestMemory:
    """Of all processes together is limited."""

    @pytest.mark.rule("§8", "Out of memory: the runtime is killed, Runtime.OutOfMemory")
    def test_that_is_used_up_ends_the_runtime(self, tmp_path):
        layer = layer_of(tmp_path, witness=WITNESS)
        story = failed(layer, told("hoard", mib=200), memory_mb=128)

        assert json.loads(story.outcomes["failed"].payload) == {
            "errorType": "Runtime.OutOfMemory",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: signal: killed",
        }
        assert story.outcomes["next"].status == "success"
        assert story.reasons("witness") == ["failure", "spindown"]


@pytest.fixture(scope="module")
def oversized():
    """A handler that returns a byte more than it may."""
    return failed(None, told("large", bytes=RESPONSE_BYTES_MAX + 1))


class TestAResponse:
    """Has a size that it may have."""

    @pytest.mark.rule("§3.1", "A response of 6 MiB + 101 bytes: 413, the runtime client exits")
    def test_that_is_too_large_ends_the_runtime(self, oversized):
        assert oversized.outcomes["failed"].error_type == "Runtime.ExitError"
        assert oversized.outcomes["before"]["runtime"] != oversized.outcomes["after"]["runtime"]

    @pytest.mark.rule("§3.1", "After a response that was too large the next invocation is served")
    def test_that_is_too_large_spoils_nothing_else(self, oversized):
        assert oversized.outcomes["next"].status == "success"

    @pytest.mark.rule("§3", "A response of 6 MiB + 100 bytes is accepted")
    def test_that_is_as_large_as_it_may_be_is_accepted(self):
        with Sandbox(function(memory_mb=512)) as sandbox:
            outcome = sandbox.invoke(told("large", bytes=RESPONSE_BYTES_MAX))

        assert (outcome.status, len(outcome.payload)) == ("success", RESPONSE_BYTES_MAX)
