"""The processes under SnapStart: a template that stands aside, and its clone, the runtime."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

import pytest

from lambda_sandbox.core.events import (
    RUNTIME,
    Event,
    LineWritten,
    MemoryMeasured,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    SnapshotLost,
    SnapshotTaken,
    TimeReached,
)
from lambda_sandbox.edge import clock, proc, template
from lambda_sandbox.edge.guard import Guard
from lambda_sandbox.edge.launch import Program
from lambda_sandbox.edge.limits import Limits
from lambda_sandbox.edge.loop import Loop
from lambda_sandbox.edge.processes import Processes

PATIENCE_S = 20.0
MARK = f"127.0.0.1:{os.getpid()}"
MISSING = "extensions/missing"

SCRIPT = """
import os, sys, threading
sys.path.insert(0, os.environ["FOLDER"])
import template
print("initialised", os.getpid(), flush=True)
template.become_clone(int(os.environ.pop("_LAMBDA_SANDBOX_SNAPSHOT_FD")))
os.write(1, b"restored")  # a record that is not ended
if "ENDS" in os.environ:
    os._exit(3)
threading.Event().wait()
"""


class Told:
    """Processes, and what they tell, event by event."""

    def __init__(self, folder, environ):
        self.loop = Loop()
        runtime = Program(
            [sys.executable, "-c", SCRIPT],
            {
                "AWS_LAMBDA_RUNTIME_API": MARK,
                "FOLDER": str(Path(template.__file__).parent),
                **environ,
            },
            folder,
            is_template=True,
        )
        missing = Program([folder / "missing"], {}, folder)
        self.processes = Processes(
            self.loop,
            {RUNTIME: runtime, MISSING: missing},
            mark=MARK,
            guard=Guard(folder),
            limits=Limits(None, None),
        )

    def start_template(self):
        """Initialise; return the template's process id once its snapshot was taken."""
        self.processes.start(RUNTIME)
        pid = self.processes.pid(RUNTIME)
        assert self.told(3) == [
            ProcessStarted(RUNTIME),
            LineWritten(RUNTIME, f"initialised {pid}"),
            SnapshotTaken(),
        ]
        return pid

    def told(self, count):
        """Return what is told next, but how much memory is used."""
        told: list[Event] = []
        deadline_at = clock.now() + PATIENCE_S
        while len(told) < count:
            happened = self.loop.take(deadline_at)
            if happened is None or isinstance(happened[1], TimeReached):
                break
            if not isinstance(happened[1], MemoryMeasured):
                told.append(happened[1])
        return told

    def until(self, last):
        """Return everything that is told, up to an event."""
        told = self.told(1)
        while told[-1:] != [last]:
            more = self.told(1)
            assert more, told
            told += more
        return told

    def close(self):
        self.processes.close()
        self.loop.close()


@pytest.fixture
def make(tmp_path):
    """Make such processes, with more variables for the runtime."""
    made = []

    def make(**environ):
        folder = tmp_path / "sandbox"
        folder.mkdir()
        made.append(Told(folder, environ))
        return made[-1]

    yield make
    for told in made:
        told.close()


class TestATemplate:
    """Is none of the environment's processes."""

    def test_is_not_the_runtime(self, make):
        sandbox = make()

        sandbox.start_template()

        assert (sandbox.processes.pid(RUNTIME), sandbox.processes.members()) == (None, [])

    def test_outlives_a_clearing(self, make):
        sandbox = make()
        sandbox.start_template()

        sandbox.processes.clear()
        sandbox.processes.start(RUNTIME)

        assert sandbox.told(1) == [ProcessStarted(RUNTIME)]

    def test_outlives_an_extension_that_cannot_be_started(self, make):
        sandbox = make()
        sandbox.start_template()

        sandbox.processes.start(MISSING)
        sandbox.processes.start(RUNTIME)

        reason = "UnknownError: No such file or directory"
        assert sandbox.told(2) == [ProcessNotStarted(MISSING, reason), ProcessStarted(RUNTIME)]

    def test_is_not_frozen(self, make):
        sandbox = make()
        pid = sandbox.start_template()
        sandbox.processes.start(RUNTIME)
        sandbox.told(1)

        sandbox.processes.freeze()
        while not sandbox.processes.stopped():
            clock.pause()

        assert proc.state(pid) in "RS"

    def test_ends_when_it_is_discarded(self, make):
        sandbox = make()
        pid = sandbox.start_template()

        sandbox.processes.discard_snapshot()

        assert proc.state(pid) == "X"

    def test_that_ends_takes_its_clone_with_it(self, make):
        sandbox = make()
        pid = sandbox.start_template()
        sandbox.processes.start(RUNTIME)
        sandbox.told(1)
        clone = os.pidfd_open(sandbox.processes.pid(RUNTIME))

        os.kill(pid, signal.SIGKILL)

        told = sandbox.until(ProcessExited(RUNTIME, "signal: killed"))
        assert told[-2] == SnapshotLost()
        assert select.select([clone], [], [], PATIENCE_S) == ([clone], [], []), "it has ended"
        os.close(clone)


class TestAClone:
    """Is the runtime."""

    def test_is_started_and_ends_like_any(self, make):
        sandbox = make(ENDS="yes")
        sandbox.start_template()

        sandbox.processes.start(RUNTIME)

        assert sandbox.told(3) == [
            ProcessStarted(RUNTIME),
            LineWritten(RUNTIME, "restored"),
            ProcessExited(RUNTIME, "exit status 3"),
        ]

    def test_can_be_killed_before_it_runs(self, make):
        sandbox = make()
        template = sandbox.start_template()
        os.kill(template, signal.SIGSTOP)
        sandbox.processes.start(RUNTIME)

        sandbox.processes.kill(RUNTIME)
        os.kill(template, signal.SIGCONT)

        told = sandbox.until(ProcessExited(RUNTIME, "signal: killed"))
        assert told[0] == ProcessStarted(RUNTIME)

    def test_that_was_never_forked_has_exited(self, make):
        sandbox = make()
        template = sandbox.start_template()
        os.kill(template, signal.SIGSTOP)
        sandbox.processes.start(RUNTIME)

        os.kill(template, signal.SIGKILL)

        assert sandbox.told(2) == [SnapshotLost(), ProcessExited(RUNTIME, "signal: killed")]
