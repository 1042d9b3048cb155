"""Workers that were forked write to the sandbox's socket as the runtime client makes them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lambda_sandbox.core.events import RUNTIME, LineWritten
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.worker_logs import WorkerLogs

PATIENCE_S = 30.0

RUNTIME_PROGRAM = """
import os, signal, socket, subprocess, sys

def redirect(descriptor):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(sys.argv[1])
        os.dup2(connection.fileno(), descriptor)

def work(name):
    redirect(1)
    redirect(2)
    for number in range(100):
        os.write(1, f"{name} out {number} ".encode())
        os.write(1, b"is whole\\n")
        os.write(2, f"{name} err {number}\\n".encode())
    subprocess.run(["sh", "-c", f"echo {name} child"])
    os.write(2, f"{name} begun".encode())
    if name == "b":
        os.kill(os.getpid(), signal.SIGKILL)

workers = []
for name in "ab":
    workers.append(os.fork())
    if not workers[-1]:
        work(name)
        os._exit(0)
print("the parent has its own output")
for worker in workers:
    os.waitpid(worker, 0)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "workers"


@pytest.fixture
def output(loop, path):
    """What two forked workers have written, in order; and what came out of their parent."""
    logs = WorkerLogs(loop, path)
    program = [sys.executable, "-c", RUNTIME_PROGRAM, str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as runtime:
        lines = [_next_line(loop) for _ in range(404)]
        parent, _ = runtime.communicate(timeout=PATIENCE_S)
    logs.close()
    assert loop.take(clock.now()) is None
    return lines, parent


def _next_line(loop):
    happened = loop.take(clock.now() + PATIENCE_S)
    assert happened is not None
    assert isinstance(happened[1], LineWritten)
    assert happened[1].process == RUNTIME
    return happened[1].text


class TestForkedWorkers:
    """Write at the same time, and end, one of them by a signal."""

    def test_are_heard_line_by_line_to_the_end(self, output, path):
        lines, parent = output

        for worker in "ab":
            assert [line for line in lines if line.startswith(f"{worker} out")] == [
                f"{worker} out {number} is whole" for number in range(100)
            ]
            assert [line for line in lines if line.startswith(f"{worker} err")] == [
                f"{worker} err {number}" for number in range(100)
            ]
            assert f"{worker} child" in lines
            assert f"{worker} begun" in lines
        assert parent == "the parent has its own output\n"
        assert not path.exists()
