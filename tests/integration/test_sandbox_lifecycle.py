"""A sandbox with real processes and the real runtime client: init, invoke, failure, reset."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambda_sandbox.edge.interpreter import InterpreterError, interpreter_of
from lambda_sandbox.sandbox import Function, Sandbox, SandboxError
from tests.fakes.sandbox_stories import TASK, function, said, told

LOGS_WITHOUT_PAUSE = """
import logging
logging.getLogger().setLevel("INFO")
def handler(event, context):
    while True:
        logging.info("on it")
"""

HAS_A_CHILD_THAT_WRITES_WITHOUT_PAUSE = """
import subprocess, time
subprocess.Popen("while :; do echo y; done", shell=True)
def handler(event, context):
    time.sleep(60)
"""


def moments(sandbox):
    return [(what, who) for _, what, who, *_ in sandbox.timeline]


def records(sandbox, kind):
    return [event["record"] for event in sandbox.events if event["type"] == f"platform.{kind}"]


class TestAFunctionAlone:
    """Behaves as under the runtime client alone."""

    def test_answers_with_what_its_handler_returned(self):
        with Sandbox(function()) as sandbox:
            outcome = sandbox.invoke(told("succeed"), request_id="r-1")

        assert json.loads(outcome.payload) == {"event": {"do": "succeed"}, "request_id": "r-1"}
        assert (outcome.status, outcome.function_error, outcome.error_type) == (
            "success",
            None,
            None,
        )

    def test_answers_with_the_error_that_its_handler_raised(self):
        with Sandbox(function("fail")) as sandbox:
            outcome = sandbox.invoke(request_id="r-1")

        error = json.loads(outcome.payload)
        assert (outcome.function_error, outcome.error_type) == ("Unhandled", "ValueError")
        assert (error["errorMessage"], error["requestId"]) == ("no", "r-1")
        assert [line.split(",")[0] for line in error["stackTrace"]] == [f'  File "{TASK}/app.py"']

    def test_keeps_its_process_from_one_invocation_to_the_next(self):
        with Sandbox(function()) as sandbox:
            sandbox.init()
            before = sandbox.runtime_pid
            sandbox.invoke(told("succeed"))
            sandbox.invoke(told("fail"))

            assert sandbox.runtime_pid == before is not None

    def test_is_initialised_once_and_says_so(self):
        with Sandbox(function()) as sandbox:
            first, second = sandbox.init(), sandbox.init()

        assert first == second
        assert first.status == "success"
        assert len(records(sandbox, "initStart")) == 1

    def test_has_a_log_as_cloudwatch_shows_it(self):
        with Sandbox(function()) as sandbox:
            sandbox.invoke(told("succeed"), request_id="r-1")

        lines = [line.text.split("\t")[0] for line in sandbox.logs]
        assert lines == [
            "START RequestId: r-1 Version: $LATEST",
            "handling r-1",
            "END RequestId: r-1",
            "REPORT RequestId: r-1",
        ]

    def test_has_said_everything_when_its_response_is_there(self):
        with Sandbox(function()) as sandbox:
            sandbox.invoke(told("speak"))
            now = {line.text for line in sandbox.logs}

        assert {"to stdout", "to stderr"} <= now
        assert "unfinished" in said(sandbox, "story")

    def test_may_receive_and_return_six_megabytes(self):
        text = "x" * 6_000_000
        with Sandbox(function(timeout_s=20)) as sandbox:
            outcome = sandbox.invoke(told("succeed", text=text))

        assert json.loads(outcome.payload)["event"]["text"] == text

    def test_that_cannot_be_loaded_says_why(self):
        with Sandbox(function("missing")) as sandbox:
            init, outcome = sandbox.init(), sandbox.invoke()

        assert (init.status, init.error_type) == ("error", "Runtime.HandlerNotFound")
        assert outcome.error_type == "Runtime.HandlerNotFound"
        assert outcome.payload == init.error_payload
        assert json.loads(outcome.payload)["errorMessage"] == (
            "Handler 'missing' missing on module 'app'"
        )

    def test_runs_on_each_python_there_is(self, python):
        with Sandbox(function("describe", python=python)) as sandbox:
            facts = json.loads(sandbox.invoke().payload)

        version = facts["variables"]["AWS_EXECUTION_ENV"].removeprefix("AWS_Lambda_python")
        assert version in str(facts["executable"])


@pytest.fixture(params=["3.10", "3.11", "3.12", "3.13", "3.14"])
def python(request):
    """Every supported Python of this machine."""
    name = f"python{request.param}"
    beside_ours = Path(sys.base_prefix).parent.glob(f"{request.param}*/bin/{name}")
    for found in (shutil.which(name), *sorted(beside_ours)):
        if found is not None and _works(Path(found)):
            return Path(found)
    return pytest.skip(f"no {name} on this machine")


def _works(python):
    try:
        interpreter_of(python)
    except InterpreterError:  # a version manager's stand-in for one that is not installed
        return False
    return True


class TestTheVersion:
    """Is one that Lambda would have, unless another is given."""

    @pytest.mark.parametrize(
        ("facts", "version"),
        [
            ({}, "$LATEST"),
            ({"initialization_type": "provisioned-concurrency"}, "1"),
            ({"initialization_type": "snap-start"}, "1"),
            ({"initialization_type": "snap-start", "version": "7"}, "7"),
        ],
    )
    def test_is_a_published_one_where_lambda_prepares_environments(self, facts, version):
        with Sandbox(function(**facts)) as sandbox:
            assert sandbox.facts.version == version
            assert f"/[{version}]" in sandbox.facts.log_stream


class TestARequestId:
    """Names an invocation, and may be given again."""

    def test_given_twice_at_a_time_has_two_outcomes_in_turn(self, tmp_path):
        gate = tmp_path / "gate"
        with Sandbox(function(timeout_s=20)) as sandbox, ThreadPoolExecutor(2) as callers:
            first = callers.submit(
                sandbox.invoke, told("wait_for", file=str(gate)), request_id="r-1"
            )
            for line in sandbox.follow():
                if line.text.startswith("START "):
                    break
            second = callers.submit(sandbox.invoke, told("fail"), request_id="r-1")
            gate.touch()

            statuses = [first.result(20).status, second.result(20).status]
            assert statuses == ["success", "error"]
            assert sandbox.invoke(told("succeed")).status == "success"


class TestAnInvocationThatGoesWrong:
    """The caller is told in Lambda's words; the next one finds a new environment."""

    @pytest.mark.parametrize(
        ("status", "text"),
        [
            (3, "Runtime exited with error: exit status 3"),
            (0, "Runtime exited without providing a reason"),
        ],
    )
    def test_because_the_handler_exits(self, status, text):
        with Sandbox(function()) as sandbox:
            sandbox.init()
            before = sandbox.runtime_pid
            outcome = sandbox.invoke(told("exit_", status=status), request_id="r-1")
            after = sandbox.invoke(told("succeed"))

            assert sandbox.runtime_pid != before

        assert json.loads(outcome.payload) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: r-1 Error: {text}",
        }
        assert after.status == "success"
        assert [record["phase"] for record in records(sandbox, "initStart")] == ["init", "invoke"]

    def test_because_the_handler_hangs(self):
        with Sandbox(function(timeout_s=0.5)) as sandbox:
            outcome = sandbox.invoke(told("hang"))
            after = sandbox.invoke(told("succeed"))

        assert (outcome.status, outcome.error_type) == ("timeout", "Sandbox.Timedout")
        assert "Task timed out after 0.50 seconds" in json.loads(outcome.payload)["errorMessage"]
        assert after.status == "success"

    @pytest.mark.parametrize(
        "handler",
        [LOGS_WITHOUT_PAUSE, HAS_A_CHILD_THAT_WRITES_WITHOUT_PAUSE],
        ids=["itself", "a child of it"],
    )
    def test_because_the_handler_writes_without_pause(self, tmp_path, handler):
        (tmp_path / "app.py").write_text(handler)

        with Sandbox(Function(task=tmp_path, handler="app.handler", timeout_s=0.5)) as sandbox:
            assert sandbox.invoke().status == "timeout"
            sandbox.wait_frozen()  # there will be no freeze, and nobody waits for it
            assert sandbox.runtime_pid is None

    def test_because_the_response_is_too_large(self):
        with Sandbox(function(timeout_s=20)) as sandbox:
            outcome = sandbox.invoke(told("succeed", text="x" * 6_300_000))

        assert outcome.error_type == "Runtime.ExitError"


class TestExtensions:
    """All have to register, and to ask next."""

    @pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
    def test_a_shell_script_works(self, layer_of):
        with Sandbox(function(layer=layer_of("with_curl"))) as sandbox:
            sandbox.invoke(told("succeed"), request_id="r-1")

        events = [json.loads(text) for text in said(sandbox, "with_curl")]
        assert [event["eventType"] for event in events] == ["INVOKE", "SHUTDOWN"]
        assert events[0]["requestId"] == "r-1"

    def test_the_runtime_starts_when_all_have_registered(self, layer_of):
        layer = layer_of("minimal", "listener")

        with Sandbox(function(layer=layer)) as sandbox:
            sandbox.init()

        order = moments(sandbox)
        started = order.index(("process started", "runtime"))
        assert started > order.index(("registered", "minimal"))
        assert started > order.index(("registered", "listener"))
        assert order.index(("initialised", "environment")) > order.index(("asked next", "minimal"))

    def test_the_response_does_not_wait_for_them(self, layer_of):
        environ = {"WORK_S": "0.3"}
        with Sandbox(function(layer=layer_of("minimal"), environ=environ)) as sandbox:
            outcome = sandbox.invoke(told("succeed"))
            at_response = moments(sandbox)
            sandbox.wait_frozen()

        assert outcome.status == "success"
        assert at_response.count(("asked next", "minimal")) == 1
        assert records(sandbox, "report")[0]["metrics"]["durationMs"] >= 300

    def test_one_that_exits_takes_the_invocation_with_it(self, layer_of):
        environ = {"EXIT_IN": "INVOKE"}
        with Sandbox(function(layer=layer_of("minimal"), environ=environ)) as sandbox:
            sandbox.init()
            before = sandbox.extension_pids
            outcome = sandbox.invoke(told("hang"), request_id="r-1")
            sandbox.invoke(told("hang"))

        assert set(before) == {"minimal"}
        assert json.loads(outcome.payload) == {
            "errorType": "Extension.Crash",
            "errorMessage": "RequestId: r-1 Error: exit status 7",
        }
        assert [record["phase"] for record in records(sandbox, "initStart")] == ["init", "invoke"]

    def test_one_that_exits_at_once_fails_the_initialisation(self, layer_of):
        environ = {"EXIT_IN": "START"}
        with Sandbox(function(layer=layer_of("minimal"), environ=environ)) as sandbox:
            init, outcome = sandbox.init(), sandbox.invoke()

        assert init.error_type == outcome.error_type == "Extension.Crash"
        assert ("process started", "runtime") not in moments(sandbox)

    def test_one_that_never_asks_next_is_not_waited_for_for_ever(self, layer_of):
        environ = {"HANG_IN": "INIT"}
        function_ = function(layer=layer_of("minimal"), environ=environ, timeout_s=0.5)
        with Sandbox(function_, init_timeout_s=0.5) as sandbox:
            init, outcome = sandbox.init(), sandbox.invoke()

        assert (init.status, outcome.status) == ("timeout", "timeout")

    def test_one_that_hangs_after_the_response_is_a_timeout_all_the_same(self, layer_of):
        environ = {"HANG_IN": "INVOKE"}
        function_ = function(layer=layer_of("minimal"), environ=environ, timeout_s=0.5)
        with Sandbox(function_) as sandbox:
            first, second = sandbox.invoke(told("succeed")), sandbox.invoke(told("succeed"))

        assert (first.status, second.status) == ("success", "success")
        assert next(record["status"] for record in records(sandbox, "report")) == "timeout"

    def test_one_that_is_not_executable_cannot_be_launched(self, layer_of):
        layer = layer_of("minimal")
        (layer / "extensions" / "minimal").chmod(0o644)
        with Sandbox(function(layer=layer)) as sandbox:
            init = sandbox.init()

        assert init.error_type == "Extension.LaunchError"

    def test_folders_beside_them_are_none(self, layer_of):
        layer = layer_of("minimal")
        (layer / "extensions" / "folder").mkdir()
        with Sandbox(function(layer=layer)) as sandbox:
            sandbox.init()

            assert set(sandbox.extension_pids) == {"minimal"}


class TestTheExecWrapper:
    """As the runtime's start script runs it."""

    def wrapper(self, layer, text, mode=0o755):
        path = layer / "wrapper"
        path.write_text(text)
        path.chmod(mode)
        return {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}

    def test_runs_before_the_interpreter_and_is_found_in_the_layer(self, layer_of):
        layer = layer_of()
        environ = self.wrapper(layer, '#!/bin/sh\nexport WRAPPED="$2"\nexec "$@"\n')
        with Sandbox(function("describe", layer=layer, environ=environ)) as sandbox:
            facts = json.loads(sandbox.invoke().payload)

        assert facts["variables"]["WRAPPED"].endswith("/bootstrap.py")

    @pytest.mark.parametrize(("mode", "status"), [(None, 127), (0o644, 126)])
    def test_that_cannot_run_ends_as_a_shell_does(self, layer_of, mode, status):
        layer = layer_of()
        environ = self.wrapper(layer, "#!/bin/sh\n", mode or 0o755)
        if mode is None:
            (layer / "wrapper").unlink()
        with Sandbox(function(layer=layer, environ=environ)) as sandbox:
            outcome = sandbox.invoke(request_id="r-1")

        assert json.loads(outcome.payload)["errorMessage"].endswith(f"exit status {status}")

    def test_may_have_the_runtime_as_a_child_under_snap_start_too(self, tmp_path):
        wrapper = tmp_path / "wrapper"
        wrapper.write_text('#!/bin/sh\n"$@"\n')
        wrapper.chmod(0o755)
        wrapped = function(
            environ={"AWS_LAMBDA_EXEC_WRAPPER": str(wrapper)}, initialization_type="snap-start"
        )
        with Sandbox(wrapped) as sandbox:
            outcomes = [sandbox.invoke(told("succeed"))]
            sandbox.recycle()
            outcomes.append(sandbox.invoke(told("succeed")))
            sandbox.wait_frozen()

        assert [outcome.status for outcome in outcomes] == ["success"] * 2
        assert len(records(sandbox, "initStart")) == 1


class TestWhatMakesNoSense:
    """Said before anything is started."""

    def test_leaves_nothing_open(self, monkeypatch, tmp_path):
        here = tmp_path / ("x" * 90)
        here.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(here))
        before = list(Path("/proc/self/fd").iterdir())

        with pytest.raises(SandboxError, match="set TMPDIR to a shorter one"):
            Sandbox(function(initialization_type="lambda-managed-instances", memory_mb=2048))

        assert list(Path("/proc/self/fd").iterdir()) == before
        assert list(here.iterdir()) == []

    @pytest.mark.parametrize(
        "wrong", [{"task": Path("/nowhere")}, {"task": TASK, "layer": Path("/nowhere")}]
    )
    def test_is_refused(self, wrong):
        with pytest.raises(SandboxError, match="/nowhere"):
            Sandbox(Function(handler="app.succeed", **wrong))

    def test_a_sandbox_that_was_shut_down_invokes_nothing(self):
        with Sandbox(function()) as sandbox:
            sandbox.shutdown()

            assert sandbox.invoke().error_type == "Sandbox.Failure"

        with pytest.raises(SandboxError):
            sandbox.invoke()
