"""A snapshot and its clones: the real runtime client, our start script, and our end of the pair.

Nothing of the sandbox's core is involved: the fake Runtime API answers ``restore/next`` with
whatever it was given to hand out.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path

import pytest

from lambda_sandbox.core.events import TimeReached
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.interpreter import interpreter_of
from lambda_sandbox.edge.loop import Loop
from lambda_sandbox.edge.packages import ensure
from lambda_sandbox.edge.snapshot import VARIABLE, Snapshot
from lambda_sandbox.edge.workspace import Workspace
from lambda_sandbox.settings import cache_folder
from tests.fakes.runtime_api import PATIENCE_S, RuntimeApi

PYTHON = interpreter_of(Path(sys.executable))
RELEASES = sorted(Path(__file__).parents[2].glob("lambda_sandbox/runtime-requirements*.txt"))

APP = """
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import warnings

from snapshot_restore_py import register_after_restore, register_before_snapshot


def note(line):
    with open("history", "a") as file:
        file.write(line + "\\n")


note("imported")
register_before_snapshot(note, "before snapshot")
register_after_restore(note, "after restore")

VARIABLES = dict(os.environ)
DESCRIPTORS = subprocess.run(
    ["ls", "-l", "/proc/self/fd"], stdout=subprocess.PIPE, close_fds=False
).stdout.decode()
LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
NAMES = tempfile._get_candidate_names()
next(NAMES)
threading.Thread(target=threading.Event().wait, daemon=True).start()
warnings.simplefilter("always", DeprecationWarning)
sys.__stdout__.write("not flushed\\n")


def warn():
    warnings.warn("said once")


warn()


def handler(event, context):
    return eval(event)


def fails(*_):
    raise ValueError("the hook's own")


if os.environ["_HANDLER"] == "app.fails_before":
    fails_before = register_before_snapshot(fails)
if os.environ["_HANDLER"] == "app.fails_after":
    fails_after = register_after_restore(fails)
"""
WARNS_LINE = APP.splitlines().index('    warnings.warn("said once")') + 1


class Function:
    """The function's process, and what its template says.

    Args:
        api: What it talks to.
        runtime: Stands for ``/var/runtime``.
        task: Where its code is.
        handler: The handler's name.
        is_template: Whether the start script is told to make a template of the process.
    """

    def __init__(self, api, runtime, task, handler="app.handler", *, is_template=True):
        self._loop = Loop()
        self._told: deque[object] = deque()
        self._snapshot = Snapshot(self._loop, self)
        self.output = task / "output"
        named = {VARIABLE: str(self._snapshot.descriptor)} if is_template else {}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, runtime / "bootstrap.py"],
                cwd=task,
                env={
                    "AWS_EXECUTION_ENV": f"AWS_Lambda_python{PYTHON.version}",
                    "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
                    "AWS_LAMBDA_RUNTIME_API": api.address,
                    "LAMBDA_TASK_ROOT": str(task),
                    "_HANDLER": handler,
                    **named,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[self._snapshot.descriptor],
                start_new_session=True,
            )
        self._snapshot.hand_over()
        self._groups = [self.process.pid]

    def snapshot_taken(self, pid):
        assert pid == self.process.pid
        self._tell("ready")

    def clone_started(self, pid):
        self._groups.append(pid)
        self._tell(("forked", pid))

    def clone_exited(self, pid, returncode):
        self._groups.remove(pid)
        self._tell(("exited", pid, returncode))

    def snapshot_lost(self):
        self._tell("lost")

    def _tell(self, what):
        self._told.append(what)
        self._loop.emit(TimeReached())  # any event: the loop waits for one

    def told(self):
        """Wait for what is told next."""
        assert self._loop.take(clock.now() + PATIENCE_S), "nothing was told"
        return self._told.popleft()

    def clone(self):
        """Order a clone; return its process id."""
        self._snapshot.fork()
        _, pid = self.told()
        return pid

    def end(self):
        """Order nothing any more."""
        self._snapshot.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self.process.wait()
        self._loop.close()


@pytest.fixture(scope="module", params=RELEASES, ids=lambda path: path.stem)
def runtime(request):
    workspace = Workspace()
    workspace.furnish(PYTHON, ensure(request.param, PYTHON, cache_folder()), None)
    yield workspace.runtime
    workspace.close()


@pytest.fixture
def task(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def api():
    with RuntimeApi() as api:
        yield api


def restored_clone(api, function):
    """Order a clone, and answer it that it was restored."""
    pid = function.clone()
    api.hand_out(b"", request_id="restored")
    return pid


def evaluated(api, expression):
    """Return the value of an expression in the clone, which its handler evaluates."""
    return json.loads(api.invoke(expression).body)


def ended(api, function, expression="os._exit(0)"):
    """End the clone by an invocation; return what is told of it."""
    api.hand_out(expression, request_id="the last")
    return function.told()


def in_two_clones(api, function, expression):
    """Return the values of an expression, the first that each of two clones evaluates."""
    assert function.told() == "ready"
    restored_clone(api, function)
    first = evaluated(api, expression)
    ended(api, function)
    restored_clone(api, function)
    return first, evaluated(api, expression)


class TestATemplate:
    """Waits where Lambda takes the snapshot: when ``restore/next`` is asked for."""

    def test_is_ready_once_the_before_snapshot_hooks_have_run(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            told = function.told()

        assert told == "ready"
        assert (task / "history").read_text() == "imported\nbefore snapshot\n"

    def test_ends_when_no_clone_will_be_ordered_any_more(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()

            function.end()

            assert function.process.wait(PATIENCE_S) == 0

    def test_is_told_as_lost_when_it_ends_by_itself(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()

            function.process.kill()

            assert function.told() == "lost"

    def test_is_told_as_lost_while_its_clone_lives(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()
            function.clone()

            function.process.kill()

            assert function.told() == "lost"

    def test_hides_its_variable_from_the_function(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()
            restored_clone(api, function)

            names = evaluated(api, "sorted(VARIABLES)")

        assert VARIABLE not in names

    def test_keeps_its_descriptor_from_the_processes_of_the_function(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()
            restored_clone(api, function)

            descriptors = evaluated(api, "DESCRIPTORS")

        assert "socket:" not in descriptors


class TestClones:
    """Each continues from the same initialised process, as each restore of a snapshot does."""

    def test_run_the_after_restore_hooks_each_and_the_initialisation_never(
        self, api, runtime, task
    ):
        with Function(api, runtime, task) as function:
            in_two_clones(api, function, "None")

        assert (task / "history").read_text() == (
            "imported\nbefore snapshot\nafter restore\nafter restore\n"
        )

    def test_are_processes_and_sessions_of_their_own(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()
            pid = restored_clone(api, function)

            ids = evaluated(api, "[os.getpid(), os.getsid(0), os.getppid()]")

            assert ids == [pid, pid, function.process.pid]

    @pytest.mark.parametrize("expression", ["random.random()", "next(NAMES)"])
    def test_have_the_same_random_generators(self, api, runtime, task, expression):
        with Function(api, runtime, task) as function:
            first, second = in_two_clones(api, function, expression)

        assert first == second  # the trap that SnapStart sets

    def test_have_the_loop_that_the_initialisation_set(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            loops = in_two_clones(api, function, "asyncio.get_event_loop() is LOOP")

        assert loops == (True, True)

    def test_have_the_kernel_s_randomness_each(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            first, second = in_two_clones(api, function, "os.urandom(8).hex()")

        assert first != second

    def test_are_told_with_the_status_they_exit_with(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()
            pid = restored_clone(api, function)

            assert ended(api, function, "os._exit(3)") == ("exited", pid, 3)

    def test_are_told_with_the_signal_they_are_killed_by(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            function.told()
            pid = function.clone()

            os.killpg(pid, signal.SIGKILL)

            assert function.told() == ("exited", pid, -signal.SIGKILL)

    def test_write_nothing_again_and_no_warning_of_the_fork(self, api, runtime, task):
        with Function(api, runtime, task) as function:
            in_two_clones(api, function, "warn()")

        assert function.output.read_text() == (
            f'{task}/app.py:{WARNS_LINE}: UserWarning: said once\n  warnings.warn("said once")\n'
            "not flushed\n"
        )


class TestErrors:
    """Are reported byte for byte as they are when the process is no template."""

    def reported(self, api, runtime, task, handler, *, is_template):
        """Let a hook fail; return the exit status, what was posted, and the log."""
        (task / "app.py").write_text(APP)
        with Function(api, runtime, task, handler, is_template=is_template) as function:
            if handler != "app.fails_before":
                if is_template:
                    function.told()
                    function.clone()
                self.answer(api, handler)
            if is_template and handler != "app.fails_before":
                *_, status = function.told()
            else:
                status = function.process.wait(PATIENCE_S)
            about = "restore" if handler == "app.fails_after" else "init"
            return status, api.outcome(about), function.output.read_text()

    def answer(self, api, handler):
        if handler == "app.fails_after":
            api.hand_out(b"", request_id="restored")
        else:
            api._events.put(None)  # hangs up

    @pytest.mark.parametrize(
        ("handler", "status"),
        [("app.fails_before", 64), ("app.fails_after", 65), ("app.handler", 64)],
        ids=["in a before-snapshot hook", "in an after-restore hook", "of restore/next"],
    )
    def test_of_hooks_and_of_the_restore(self, api, runtime, task, handler, status):
        without = self.reported(api, runtime, task, handler, is_template=False)

        reported = self.reported(api, runtime, task, handler, is_template=True)

        assert reported == without
        assert reported[0] == status
