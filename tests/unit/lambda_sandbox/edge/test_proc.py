"""What can be known about a process from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from lambda_sandbox.edge import clock, proc

HELD_BYTES = 32 << 20
SCRIPT = f"held = b'x' * {HELD_BYTES}; print(flush=True); import time; time.sleep(600)"

VFORK = """
import ctypes, os, time
number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
if ctypes.CDLL(None).syscall(number, 0x4000 | 17, 0, 0, 0, 0) == 0:
    print(os.getpid(), flush=True)
    time.sleep(600)
"""
"""``clone(CLONE_VFORK | SIGCHLD)``: the parent waits until its child ends or is another program."""


def settled(pid, state):
    """The state of a process, once it is the one that is waited for, or after ten seconds."""
    deadline_at = clock.now() + 10
    while proc.state(pid) != state and clock.now() < deadline_at:
        clock.pause()
    return proc.state(pid)


@pytest.fixture
def process():
    """A process that has a variable and uses some memory."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", SCRIPT], env={"COLOR": "red"}, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        yield running
        running.kill()


class TestAProcess:
    """Is described by the kernel."""

    def test_is_one_of_all(self, process):
        assert process.pid in proc.pids()

    def test_has_the_variables_it_was_started_with(self, process):
        assert b"COLOR=red" in proc.environ(process.pid)

    def test_has_children(self, process):
        assert process.pid in proc.children(os.getpid())

    def test_has_been_started_after_its_parent(self, process):
        started, ours = proc.started_ticks(process.pid), proc.started_ticks(os.getpid())

        assert started is not None
        assert ours is not None
        assert started >= ours

    def test_has_a_state(self, process):
        assert proc.state(process.pid) in "RS"

    def test_that_has_called_vfork_is_stopped_when_it_is_told_to(self):
        """It waits for its child, and takes no signal meanwhile: its state is ``D``."""
        with subprocess.Popen([sys.executable, "-c", VFORK], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            before = settled(process.pid, "D")
            process.send_signal(signal.SIGSTOP)
            after = settled(process.pid, "T")
            process.kill()
            os.kill(child, signal.SIGKILL)

        assert (before, after) == ("D", "T")

    def test_has_used_the_cpu(self):
        with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as process:
            deadline_at = clock.now() + 10
            while proc.cpu_s(process.pid) < 0.05:
                assert clock.now() < deadline_at
            process.kill()

    def test_claims_memory_but_not_the_pages_of_its_files(self, process):
        claimed_bytes = proc.claimed_bytes(process.pid)

        assert HELD_BYTES <= claimed_bytes < proc.peak_bytes(process.pid)


class TestAProcessThatIsGone:
    """Leaves nothing to read."""

    def test_is_not_found(self, process):
        process.kill()
        process.wait()

        pid = process.pid
        assert pid not in proc.pids()
        assert (proc.state(pid), proc.environ(pid)) == ("X", [])
        assert (proc.children(pid), proc.started_ticks(pid)) == ([], None)
        assert (proc.peak_bytes(pid), proc.claimed_bytes(pid), proc.cpu_s(pid)) == (0, 0, 0)

    def test_has_neither_memory_nor_variables_before_it_is_reaped(self, process):
        process.kill()
        deadline_at = clock.now() + 10
        while proc.state(process.pid) != "Z":
            assert clock.now() < deadline_at

        assert proc.started_ticks(process.pid) is None
        assert proc.claimed_bytes(process.pid) == 0
        assert proc.environ(process.pid) == []
