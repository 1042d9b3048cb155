"""SnapStart and provisioned concurrency: environments that are there before they are needed."""

from __future__ import annotations

import json
import os
import select
import signal

import pytest

from lambda_sandbox.core.function import (
    PROVISIONED_CONCURRENCY,
    SNAP_START,
)
from lambda_sandbox.sandbox import Function, Sandbox
from tests.conformance.modes import (
    TASK,
    credentials,
    function,
    kinds,
    records,
    result,
    told,
    told_to_end,
)
from tests.fakes.sandbox_stories import layer_with, said


def kill(pid):
    """Kill a process; return when it is gone."""
    descriptor = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([descriptor], [], [])
    os.close(descriptor)


class TestProvisionedConcurrency:
    """Like on demand, long before anybody calls."""

    @pytest.mark.rule(
        "§4.1", "The type is in the variables and in telemetry: `provisioned-concurrency`"
    )
    def test_says_so_to_everybody(self):
        with Sandbox(function(PROVISIONED_CONCURRENCY)) as sandbox:
            sandbox.init()
            answer = result(sandbox.invoke())

        assert answer["type"] == "provisioned-concurrency"
        (start,) = records(sandbox, "initStart")
        assert start["initializationType"] == "provisioned-concurrency"

    @pytest.mark.rule("§4.3", "Provisioned concurrency: a suppressed init follows a crash")
    def test_is_initialised_again_by_the_invocation_after_a_crash(self):
        with Sandbox(function(PROVISIONED_CONCURRENCY)) as sandbox:
            sandbox.invoke(told(do="exit"))
            outcome = sandbox.invoke()

        assert outcome.status == "success"
        assert [start["phase"] for start in records(sandbox, "initStart")] == ["init", "invoke"]


class TestTheSnapshot:
    """Initialised once; what is invoked is a clone of it."""

    @pytest.mark.rule(
        "§5",
        "The snapshot is taken after the before-snapshot hooks, and before the after-restore hooks",
    )
    def test_is_taken_between_the_hooks(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            assert sandbox.init().status == "success"
            assert said(sandbox, "story") == ["before the snapshot"]
            answer = result(sandbox.invoke())

        assert answer["hooks"] == ["before", "after"]
        assert answer["pid"] != answer["imported_in"]

    @pytest.mark.rule(
        "§5",
        "`platform.init*` once, `platform.restore*` for each clone; the report has its duration",
    )
    def test_is_told_as_an_initialisation_and_each_restore_as_a_restore(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            sandbox.init()
            before = kinds(sandbox)
            sandbox.invoke()

        assert before == ["initStart", "initRuntimeDone", "initReport"]
        assert kinds(sandbox)[3:] == [
            "restoreStart",
            "restoreRuntimeDone",
            "restoreReport",
            "start",
            "runtimeDone",
            "report",
        ]
        (report,) = records(sandbox, "report")
        assert "restoreDurationMs" in report["metrics"]
        assert "initDurationMs" not in report["metrics"]
        assert "\tRestore Duration: " in sandbox.logs[-1].text

    @pytest.mark.rule("§5", "Clones share the state of `random`, and not that of the kernel")
    def test_gives_clones_the_same_memory_and_the_kernels_randomness(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            first = result(sandbox.invoke())
            sandbox.recycle()
            second = result(sandbox.invoke())

        assert first["pid"] != second["pid"]
        assert first["imported_in"] == second["imported_in"]
        assert first["random"] == second["random"]  # the trap that SnapStart sets
        assert first["urandom"] != second["urandom"]
        assert kinds(sandbox).count("initStart") == 1
        assert kinds(sandbox).count("restoreStart") == 2

    @pytest.mark.rule("§5", "Nobody tells the extensions of the initialisation to shut down")
    def test_has_extensions_that_are_new_for_each_clone(self, tmp_path):
        layer = layer_with(tmp_path, ("minimal",))
        with Sandbox(function(SNAP_START, layer=layer)) as sandbox:
            sandbox.invoke()
            first = sandbox.extension_pids["minimal"]
            sandbox.recycle()
            sandbox.invoke()

            assert sandbox.extension_pids["minimal"] != first
        # Nobody told the one of the initialisation to shut down: on Lambda it would be frozen.
        assert told_to_end(sandbox, "minimal") == ["spindown", "spindown"]

    @pytest.mark.rule("§5", "Neither keys nor log group nor log stream are among the variables")
    def test_leaves_out_what_a_snapshot_cannot_hold(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            answer = result(sandbox.invoke())

        assert answer["log_stream"] is None
        missing = {"AWS_ACCESS_KEY_ID", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"}
        assert missing.isdisjoint(answer["variables"])
        assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in answer["variables"]

    @pytest.mark.rule("§3", "`/2021-04-23/credentials` answers whoever shows the token")
    def test_has_credentials_to_ask_for(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            status, body = credentials(sandbox, "example-authorization-token")
            refused, _ = credentials(sandbox, "something else")

        assert (status, refused) == (200, 403)
        assert set(json.loads(body)) == {
            "AccessKeyId",
            "SecretAccessKey",
            "Token",
            "Expiration",
        }

    @pytest.mark.rule("§5", "A crash costs the clone, not the snapshot")
    def test_is_restored_again_after_a_clone_crashed(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            crash = sandbox.invoke(told(do="exit"))
            after = sandbox.invoke()

        assert crash.error_type == "Runtime.ExitError"
        assert after.status == "success"
        assert kinds(sandbox).count("initStart") == 1

    @pytest.mark.rule("§5", "A timeout costs the clone, not the snapshot")
    def test_is_restored_again_after_a_clone_timed_out(self):
        with Sandbox(function(SNAP_START, timeout_s=0.5)) as sandbox:
            late = sandbox.invoke(told(do="hang"))
            after = sandbox.invoke()

        assert (late.status, after.status) == ("timeout", "success")

    @pytest.mark.rule("§5", "An after-restore hook that fails is `Runtime.AfterRestoreError`")
    def test_fails_the_invocation_that_needs_it_when_a_hook_fails(self, tmp_path):
        sign = tmp_path / "sign"
        sign.touch()
        environ = {"BREAK_RESTORE_IF": str(sign)}
        with Sandbox(function(SNAP_START, environ=environ)) as sandbox:
            broken = sandbox.invoke()
            sign.unlink()
            whole = sandbox.invoke()

        assert broken.error_type == "Runtime.AfterRestoreError"
        assert result(broken)["errorMessage"] == "cannot be restored"
        assert whole.status == "success"

    @pytest.mark.rule("§5", "An environment can be had after a snapshot was lost")
    def test_is_taken_again_when_it_was_lost(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            template = result(sandbox.invoke())["imported_in"]
            kill(template)
            sandbox.invoke()  # of the clone that ends with it
            outcome = sandbox.invoke()

        assert outcome.status == "success"
        assert result(outcome)["imported_in"] != template

    @pytest.mark.rule(
        "§5", "Neither the clone nor what it was cloned from outlives the environment"
    )
    def test_leaves_no_process(self):
        with Sandbox(function(SNAP_START)) as sandbox:
            answer = result(sandbox.invoke())

        for pid in (answer["pid"], answer["imported_in"]):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    @pytest.mark.rule("§5", "A function that cannot be initialised cannot be published")
    def test_of_a_function_that_cannot_be_initialised_fails_its_invocation(self):
        broken = Function(task=TASK, handler="app.nothing", initialization_type=SNAP_START)
        with Sandbox(broken) as sandbox:
            outcome = sandbox.invoke()

        assert outcome.error_type == "Runtime.HandlerNotFound"
