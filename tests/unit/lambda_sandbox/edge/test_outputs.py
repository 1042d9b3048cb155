"""What is told of what a process writes."""

from __future__ import annotations

import os
import threading

import pytest

from lambda_sandbox.core.events import LineWritten
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.outputs import READ_BYTES, Outputs


@pytest.fixture
def outputs(loop):
    """The outputs of a process that is this one."""
    heard = Outputs(loop, "runtime")
    yield heard
    heard.hang_up()
    heard.hand_over()


@pytest.fixture
def stdout(outputs):
    """Where that process writes."""
    writing_end, _ = outputs.open(frames=False)
    outputs.watch()
    return writing_end


def told(loop):
    """What has been told, in its order; the loop itself hears no more."""
    loop.stopped = True
    happened = []
    while (one := loop.take(clock.now())) is not None:
        happened.append(one[1])
    return happened


class TestWhatWasWritten:
    """Is told before what its writer does next."""

    def test_is_told_as_far_as_a_pipe_holds(self, loop, outputs, stdout):
        line = "x" * 1023
        for _ in range(READ_BYTES // 1024):
            os.write(stdout, f"{line}\n".encode())

        outputs.hear()

        assert told(loop) == [LineWritten("runtime", line)] * 64

    def test_is_not_waited_for_from_whoever_writes_without_pause(self, outputs, stdout):
        heard = threading.Event()

        def write():
            while not heard.is_set():
                os.write(stdout, b"y\n" * 1024)

        def listen():
            outputs.hear()
            heard.set()

        writer = threading.Thread(target=write)
        listener = threading.Thread(target=listen)
        writer.start()
        listener.start()
        listener.join(5)
        was_heard = heard.is_set()

        heard.set()
        listener.join()
        outputs.hear()  # room for the last that the writer has to say
        writer.join()
        assert was_heard
