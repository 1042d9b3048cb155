"""What is told of what is written to the workers' socket."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from lambda_sandbox.core.events import RUNTIME, LineWritten
from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.worker_logs import PATH_BYTES_MAX, WorkerLogs

PATIENCE_S = 10.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "workers"


@pytest.fixture
def logs(loop, path):
    """The socket's server, closed afterwards."""
    listening = WorkerLogs(loop, path)
    yield listening
    if path.exists():
        listening.close()


@pytest.fixture
def connect(path):
    """Connect as one output of a worker, and disconnect afterwards."""
    opened = []

    def one():
        opened.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        opened[-1].connect(str(path))
        return opened[-1]

    yield one
    for output in opened:
        output.close()


def told(loop):
    """The lines that have been told, in their order; the loop itself hears no more."""
    loop.stopped = True
    lines = []
    while (happened := loop.take(clock.now())) is not None:
        assert isinstance(happened[1], LineWritten)
        assert happened[1].process == RUNTIME
        lines.append(happened[1].text)
    return lines


def next_line(loop):
    """The next line, waited for."""
    happened = loop.take(clock.now() + PATIENCE_S)
    assert happened is not None
    return happened[1]


class TestALine:
    """Is the runtime's, whichever worker wrote it."""

    @pytest.mark.usefixtures("logs")
    def test_is_told_when_the_loop_waits(self, loop, connect):
        connect().sendall(b"one\n")

        assert next_line(loop) == LineWritten(RUNTIME, "one")

    def test_is_told_at_once_when_asked_for(self, loop, logs, connect):
        connect().sendall(b"one\ntwo\n")

        logs.hear()

        assert told(loop) == ["one", "two"]

    def test_is_whole_whatever_another_output_writes_meanwhile(self, loop, logs, connect):
        first, second = connect(), connect()

        for output, written in [(first, b"on"), (second, b"tw"), (first, b"e\n"), (second, b"o\n")]:
            output.sendall(written)
            logs.hear()

        assert told(loop) == ["one", "two"]

    def test_is_told_however_much_there_is(self, loop, logs, connect):
        output = connect()
        output.sendall(b"x" * 100_000 + b"\n")

        logs.hear()

        assert told(loop) == ["x" * 100_000]

    def test_is_not_waited_for_from_whoever_writes_without_pause(self, logs, connect):
        output = connect()
        heard = threading.Event()

        def write():
            with suppress(BrokenPipeError):  # hung up at the end
                while not heard.is_set():
                    output.sendall(b"y\n" * 1024)

        def listen():
            logs.hear()
            heard.set()

        writer = threading.Thread(target=write)
        listener = threading.Thread(target=listen)
        writer.start()
        listener.start()
        listener.join(5)
        was_heard = heard.is_set()

        heard.set()
        listener.join()
        logs.close()
        writer.join()
        assert was_heard


class TestAnUnfinishedLine:
    """Waits for its end, or for that of the output."""

    def test_is_told_when_the_output_ends(self, loop, logs, connect):
        output = connect()
        output.sendall(b"one\ntwo")
        logs.hear()

        output.close()

        assert [next_line(loop).text, next_line(loop).text] == ["one", "two"]

    def test_is_told_when_nobody_listens_any_more(self, loop, logs, connect):
        connect().sendall(b"one")

        logs.close()

        assert told(loop) == ["one"]


class TestAnEnd:
    """Leaves nothing of the connection."""

    def test_of_an_output_is_not_told(self, loop, logs, connect):
        connect().close()

        logs.hear()

        assert told(loop) == []

    def test_is_taken_when_the_other_side_does_not_say_goodbye(self, loop, logs, connect):
        output = connect()
        output.sendall(b"one")
        logs.hear()
        # What it never read is lost with it, and so we are reset.
        server = next(iter(logs._connections))
        server.sendall(b"nobody reads this")

        output.close()

        assert next_line(loop) == LineWritten(RUNTIME, "one")

    def test_of_all_leaves_no_file_and_no_listener(self, logs, path, connect):
        output = connect()
        output.settimeout(PATIENCE_S)
        logs.hear()

        logs.close()

        assert output.recv(1) == b""
        assert not path.exists()
        with pytest.raises(FileNotFoundError):
            connect()

    def test_minds_no_file_that_is_gone_already(self, logs, path):
        path.unlink()

        logs.close()

        assert not path.exists()


class TestThePlace:
    """Has limits."""

    def test_may_be_as_long_as_a_socket_allows(self, loop, tmp_path):
        longest = tmp_path / ("x" * (PATH_BYTES_MAX - len(str(tmp_path)) - 1))

        WorkerLogs(loop, longest).close()

        assert not longest.exists()

    def test_that_is_longer_is_refused_in_one_sentence(self, loop):
        path = Path("/tmp") / ("x" * (PATH_BYTES_MAX - len("/tmp")))  # noqa: S108  # never made

        with pytest.raises(SandboxError) as refused:
            WorkerLogs(loop, path)

        assert str(refused.value) == (
            f"workers cannot connect to {path}: the path of a socket has 107 bytes at most, not"
            " 108; set TMPDIR to a shorter one"
        )

    def test_has_room_for_so_many_outputs_and_no_more(self, loop, path, connect):
        with closing(WorkerLogs(loop, path, connections_max=1)) as logs:
            first, second = connect(), connect()
            second.settimeout(PATIENCE_S)
            first.sendall(b"one\n")

            logs.hear()

            assert told(loop) == ["one"]
            assert second.recv(1) == b""
