"""What can be known about a process from outside."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lambda_sandbox.edge import clock, proc

HELD_BYTES = 32 << 20
SCRIPT = f"held = b'x' * {HELD_BYTES}; print(flush=True); import time; time.sleep(600)"


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

    def test_has_a_state(self, process):
        assert proc.state(process.pid) in "RS"

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
        assert (proc.peak_bytes(pid), proc.claimed_bytes(pid), proc.cpu_s(pid)) == (0, 0, 0)

    def test_has_neither_memory_nor_variables_before_it_is_reaped(self, process):
        process.kill()
        deadline_at = clock.now() + 10
        while proc.state(process.pid) != "Z":
            assert clock.now() < deadline_at

        assert proc.claimed_bytes(process.pid) == 0
        assert proc.environ(process.pid) == []
