"""The loop's end, and what callers in other threads are told."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.history import LogLine
from lambda_sandbox.edge.loop import Loop
from lambda_sandbox.runner import History, Runner


class Failing:
    """An edge that cannot be closed."""

    def close(self):
        raise OSError

    disconnect = close


def runner_of(loop, edge, prepare):
    """A runner whose edges are all the same one; its environment is never asked."""
    return Runner(edge, loop, edge, edge, edge, prepare=prepare)


class TestAnEndThatGoesWrong:
    """Whatever cannot be closed: nobody waits for ever."""

    def test_leaves_no_caller_and_no_reader_waiting(self):
        loop = Loop()

        def prepare():
            loop.stopped = True

        runner = runner_of(loop, Failing(), prepare)
        promise = runner.promises.init()

        with pytest.raises(OSError):  # noqa: PT011  # it says nothing
            runner.run()

        assert str(promise.exception(0)) == "the sandbox was closed"
        assert list(runner.history.follow(0)) == []


class TestTheHistory:
    """Is followed by others while it is written."""

    def test_is_followed_to_its_end(self):
        history = History()
        line = LogLine("function", "function", "hello")
        history.write(line)
        history.write(line)
        history.end()

        assert list(history.follow(1)) == [line]
