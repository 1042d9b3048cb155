"""What the processes of an environment may use, and where they may write.

Each rule holds with the kernel's help, and without it: on a machine that grants no control groups.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from lambda_sandbox.edge import cgroup_places, proc
from lambda_sandbox.edge.cgroup_places import Places
from lambda_sandbox.edge.cgroups import Groups
from lambda_sandbox.edge.limits import Limits
from lambda_sandbox.sandbox import Function, Sandbox
from tests.fakes.sandbox_stories import TASK, function, said, told

ROOT = Path(__file__).parents[2]
WATCHED = "watched every 100 ms, SIGKILL"
STOPPED = "SIGSTOP and SIGCONT"


def granted():
    """Return what this machine limits by control groups."""
    groups = Groups(Limits(memory_bytes=1 << 30, cpu_share=0.5))
    groups.remove()
    return groups.methods


GRANTED = granted()


@pytest.fixture(params=["control groups", "no control groups"])
def methods(request, monkeypatch):
    """What limits memory and CPU: this machine's control groups, or we ourselves."""
    if request.param == "no control groups":
        monkeypatch.setattr(cgroup_places, "places", lambda: Places({}, None))
        return {"memory": WATCHED, "cpu": STOPPED}
    if set(GRANTED) != {"cpu", "memory"}:
        pytest.skip(f"this machine grants control groups for {sorted(GRANTED)} only")
    return GRANTED


def groups_of(sandbox):
    """Return the folders of the control groups that a sandbox has made."""
    return sandbox._processes._constraints._groups.folders


def holds(group):
    """Return the process ids in a control group, as text."""
    return set((group / "cgroup.procs").read_text().split())


def pids_of(sandbox):
    """Return the process ids of the runtime and of the extensions."""
    assert sandbox.runtime_pid is not None
    return [sandbox.runtime_pid, *sandbox.extension_pids.values()]


def until(is_so, timeout_s=5.0):
    """Wait until something holds."""
    deadline_at = monotonic() + timeout_s
    pause = threading.Event()
    while not is_so():
        assert monotonic() < deadline_at
        pause.wait(0.005)


class TestTheLimits:
    """Are Lambda's, for every process of the environment."""

    def test_are_on_files_and_on_core_dumps(self):
        with Sandbox(function()) as sandbox:
            here, there = json.loads(sandbox.invoke(told("limits")).payload)

        assert here == there == "(1024, 1024) (0, 0)"

    def test_are_the_machines_on_the_files_of_a_managed_instance(self):
        managed = function(initialization_type="lambda-managed-instances", memory_mb=2048)
        with Sandbox(managed) as sandbox:
            here, there = json.loads(sandbox.invoke(told("limits")).payload)

        assert here == there == f"{resource.getrlimit(resource.RLIMIT_NOFILE)} (0, 0)"

    def test_are_named(self, methods):
        with Sandbox(function(), cpu_share=True) as sandbox:
            assert methods.items() <= sandbox.methods.items()

    @pytest.mark.usefixtures("methods")
    def test_are_none_where_they_are_not_enforced(self):
        with Sandbox(function(), enforce_memory=False) as sandbox:
            named = sandbox.methods

        assert (named["memory"], named["cpu"]) == ("not limited", "not limited")


@pytest.mark.usefixtures("methods")
class TestTheMemory:
    """Is what the function was given, for all processes together."""

    def test_ends_the_runtime_when_it_is_used_up(self, layer_of):
        with Sandbox(function(layer=layer_of("minimal"), timeout_s=30)) as sandbox:
            outcome = sandbox.invoke(told("hoard", mib=160, for_s=20), request_id="r-1")
            again = sandbox.invoke(told("succeed"))
            sandbox.shutdown()

        assert json.loads(outcome.payload) == {
            "errorType": "Runtime.OutOfMemory",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: signal: killed",
        }
        assert again.status == "success"
        report = next(text for text in said(sandbox, "lambda") if text.startswith("REPORT"))
        assert "Memory Size: 128 MB\tMax Memory Used: 128 MB\t" in report
        told_ = [json.loads(line) for line in said(sandbox, "minimal") if "SHUTDOWN" in line]
        assert [event["shutdownReason"] for event in told_] == ["failure", "spindown"]

    def test_ends_the_process_that_uses_most(self):
        with Sandbox(function(timeout_s=30)) as sandbox:
            before = sandbox.init()
            outcome = sandbox.invoke(told("hoard_elsewhere", mib=160))

        assert (before.status, outcome.payload) == ("success", b"-9")
        report = next(text for text in said(sandbox, "lambda") if text.startswith("REPORT"))
        assert "Max Memory Used: 128 MB\t" in report

    def test_may_be_used_up_to_its_size(self):
        with Sandbox(function(memory_mb=256, timeout_s=30)) as sandbox:
            outcome = sandbox.invoke(told("hoard", mib=160, for_s=0.3))
            sandbox.wait_frozen()

            assert outcome.status == "success"

    def test_of_a_snapshot_is_not_that_of_its_clone(self, tmp_path):
        (tmp_path / "app.py").write_text(
            "held, pages = bytearray(70 << 20), 70 << 8\n"
            "held[::4096] = b'x' * pages\n"  # each page is the snapshot's
            "def handler(event, context):\n"
            "    held[::4096] = b'y' * pages\n"  # each page is the clone's own, too
            "    return len(held) >> 20\n"
        )
        restored = Function(tmp_path, "app.handler", initialization_type="snap-start")
        with Sandbox(restored) as sandbox:
            outcome = sandbox.invoke()

            assert outcome.payload == b"70"
            assert sandbox.methods["memory"] == WATCHED

    @pytest.mark.parametrize(
        "code",
        [
            "def handler(event, context): time.sleep(5)",
            "def handler(event, context): time.sleep(0.2); os._exit(1)",
            "time.sleep(0.2); os._exit(1)",
        ],
        ids=["a timeout", "a crash", "an initialisation that failed"],
    )
    def test_is_reported_of(self, code, tmp_path):
        (tmp_path / "app.py").write_text(f"import os, time\n{code}\n")
        with Sandbox(Function(tmp_path, "app.handler", timeout_s=0.5)) as sandbox:
            sandbox.invoke()

        (report,) = (event for event in sandbox.events if event["type"] == "platform.report")
        assert report["record"]["status"] in {"timeout", "error"}
        assert report["record"]["metrics"]["maxMemoryUsedMB"] > 0

    def test_does_not_end_where_it_is_not_enforced(self):
        with Sandbox(function(timeout_s=30), enforce_memory=False) as sandbox:
            outcome = sandbox.invoke(told("hoard", mib=160, for_s=0.3))

        assert outcome.status == "success"


@pytest.mark.usefixtures("methods")
class TestTheShareOfTheCpu:
    """Follows from the memory size, for all processes together."""

    def test_is_not_exceeded(self):
        with Sandbox(function(memory_mb=442, timeout_s=60), cpu_share=True) as sandbox:
            begun = sandbox.init().duration_s
            outcome = sandbox.invoke(told("burn", cpu_s=0.5))

        assert begun > 0
        assert outcome.status == "success"
        # A quarter of a CPU, half of one to be safe from the grain of the kernel's counting.
        assert outcome.duration_s > 2 * 0.5

    def test_disturbs_neither_freeze_nor_shutdown(self, layer_of):
        pids: list[int] = []
        function_ = function(layer=layer_of("minimal"), memory_mb=256, timeout_s=60)
        with Sandbox(function_, cpu_share=True, init_timeout_s=60) as sandbox:
            for _ in range(3):
                sandbox.invoke(told("burn", cpu_s=0.05))
                sandbox.wait_frozen()
                pids = pids_of(sandbox)
                before = [(proc.state(pid), proc.cpu_s(pid)) for pid in pids]
                threading.Event().wait(0.3)  # their debt is paid within that time
                assert [(proc.state(pid), proc.cpu_s(pid)) for pid in pids] == before
            sandbox.shutdown()

        order = [(what, who) for _, what, who, *_ in sandbox.timeline]
        assert order[-2:] == [("told to shut down", "minimal"), ("process exited", "minimal")]
        assert [proc.state(pid) for pid in pids] == ["X", "X"]

    def test_does_not_keep_a_reset_from_its_end(self, layer_of):
        function_ = function(layer=layer_of("minimal"), memory_mb=256, timeout_s=60)
        with Sandbox(function_, cpu_share=True, init_timeout_s=60) as sandbox:
            sandbox.invoke(told("exit_", status=1))
            outcome = sandbox.invoke(told("succeed"))

        assert outcome.status == "success"


@pytest.mark.skipif(not GRANTED, reason="this machine grants no control groups")
class TestTheControlGroups:
    """Hold every process of the environment, and vanish with it."""

    def test_hold_what_left_its_session_and_its_variables(self, layer_of):
        with Sandbox(function(layer=layer_of("minimal")), cpu_share=True) as sandbox:
            daemon = int(sandbox.invoke(told("scatter", environ={})).payload)
            sandbox.wait_frozen()
            pids = {*pids_of(sandbox), daemon}

            made = groups_of(sandbox)
            assert [holds(group) for group in made] == [{str(pid) for pid in pids}] * len(made)
            assert len(made) == len(GRANTED)
            assert proc.state(daemon) == "T"

        until(lambda: proc.state(daemon) in "XZ")

    def test_hold_what_was_born_before_its_parent_was_in_them(self, layer_of):
        layer = layer_of()
        (layer / "wrapper").write_text('#!/bin/sh\nsleep 600 &\necho $!\nexec "$@"\n')
        (layer / "wrapper").chmod(0o755)
        environ = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}
        with Sandbox(function(layer=layer, environ=environ), cpu_share=True) as sandbox:
            sandbox.init()
            sandbox.wait_frozen()
            early = said(sandbox, "story")[0]

            made = groups_of(sandbox)
            until(lambda: all(early in holds(group) for group in made))
            assert len(made) == len(GRANTED)

    def test_are_gone_afterwards(self):
        with Sandbox(function(), cpu_share=True) as sandbox:
            sandbox.invoke(told("spin"))
            made = list(groups_of(sandbox))
            assert all(group.is_dir() for group in made)

        assert not any(group.exists() for group in made)

    def test_are_gone_when_the_sandbox_was_killed_and_so_are_all_in_them(self):
        story = (
            "import os, sys\n"
            "from pathlib import Path\n"
            "from lambda_sandbox.sandbox import Function, Sandbox\n"
            "sandbox = Sandbox(Function(task=Path(sys.argv[1]), handler='app.scatter'))\n"
            "print(sandbox.invoke().payload.decode())\n"
            "print(*sandbox._processes._constraints._groups.folders, sep='\\n', flush=True)\n"
            "os.kill(os.getpid(), 9)\n"
        )

        argv = [sys.executable, "-c", story, str(TASK)]
        ended = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True)

        daemon, *made = ended.stdout.splitlines()
        assert ended.returncode == -signal.SIGKILL
        assert made
        until(lambda: proc.state(int(daemon)) in "XZ")
        until(lambda: not any(Path(group).exists() for group in made))


class TestTheTask:
    """Is read-only for the environment where the machine allows it, and so is the layer."""

    def test_cannot_be_written_to_by_the_function(self, layer_of):
        layer = layer_of("minimal")
        files = [str(folder / "written") for folder in (TASK, layer, layer / "extensions")]
        with Sandbox(function(layer=layer)) as sandbox:
            outcome = sandbox.invoke(told("write", files=files))
            method = sandbox.methods["task and layer"]

        if method != "read-only mounts":
            pytest.skip(f"here the folders are {method}")
        assert json.loads(outcome.payload) == ["Read-only file system"] * 3

    def test_can_be_written_to_by_whoever_runs_the_sandbox(self, layer_of):
        layer = layer_of("minimal")
        mounts = Path("/proc/self/mountinfo").read_text()
        with Sandbox(function(layer=layer)) as sandbox:
            sandbox.init()
            (layer / "written").touch()

            assert os.listdir(layer) != ["extensions"]  # noqa: PTH208  # their names
            assert Path("/proc/self/mountinfo").read_text() == mounts
