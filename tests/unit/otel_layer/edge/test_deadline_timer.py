"""The thread: when there is one, and what becomes of it."""

from __future__ import annotations

import _thread
import os
import queue
import subprocess
import sys
import threading

import pytest

from otel_layer.edge import stand_ins
from otel_layer.edge.deadline_timer import DeadlineTimer
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield

PATIENCE_S = 20.0


@pytest.fixture
def lines(monkeypatch):
    said = []
    monkeypatch.setattr(Log, "say", lambda _, sentence: said.append(sentence))
    return said


@pytest.fixture
def acted():
    """For which invocations it has acted, in their order."""
    return queue.SimpleQueue()


@pytest.fixture
def made():
    """Make timers whose threads end with the test."""
    timers: list[DeadlineTimer] = []

    def make(act):
        timers.append(DeadlineTimer(act, Shield(Log(as_json=False))))
        return timers[-1]

    yield make
    for timer in timers:
        timer._stop()
        timer._was_stopped = False  # a later fork is not to start it anew


@pytest.fixture
def timer(made, acted):
    return made(acted.put)


def thread_of(timer):
    """Return the ident of its thread, which runs."""
    watch = timer._watch
    while not watch.native_id:
        os.sched_yield()
    return watch.native_id


class TestTheThread:
    """One for each process, from the first invocation on."""

    def test_there_is_none_before(self, made):
        before = _thread._count()

        made(print)

        assert _thread._count() == before

    def test_there_is_none_for_what_has_no_deadline(self, timer):
        timer.set("request-1", 0)

        assert timer._watch is None

    def test_all_invocations_share_it(self, timer):
        timer.set("request-1", 900)
        first = thread_of(timer)
        timer.unset("request-1")
        timer.set("request-2", 3)

        assert thread_of(timer) == first

    def test_the_customer_s_code_does_not_see_it(self, timer):
        timer.set("request-1", 900)
        thread_of(timer)

        assert threading.enumerate() == [threading.main_thread()]

    def test_imports_are_as_cheap_beside_it(self, timer, monkeypatch):
        monkeypatch.delitem(sys.modules, "platform", raising=False)
        timer.set("request-1", 900)
        thread_of(timer)
        while not stand_ins.bystanders:
            os.sched_yield()

        with stand_ins.cheap_imports():
            assert isinstance(sys.modules["platform"], stand_ins._StandIn)


class TestTheAct:
    """For an invocation that runs out of time, once."""

    def test_it_comes_before_the_deadline(self, timer, acted):
        timer.set("request-1", 0.05)

        assert acted.get(timeout=PATIENCE_S) == "request-1"

    def test_one_that_is_due_earlier_than_the_others_is_not_too_late(self, timer, acted):
        timer.set("request-1", 900)
        thread_of(timer)
        timer.set("request-2", 0.05)

        assert acted.get(timeout=PATIENCE_S) == "request-2"

    def test_it_does_not_come_for_one_that_is_over(self, timer, acted):
        timer.set("request-1", 0.05)
        timer.unset("request-1")
        timer.set("request-2", 0.1)

        assert acted.get(timeout=PATIENCE_S) == "request-2"

    def test_a_fault_costs_this_one_and_one_line(self, made, acted, lines):
        def act(request_id):
            acted.put(request_id)
            if request_id == "request-1":
                message = "broken on purpose"
                raise ValueError(message)

        timer = made(act)
        timer.set("request-1", 0.05)
        first = acted.get(timeout=PATIENCE_S)
        while timer._watch is not None:
            os.sched_yield()
        timer.set("request-2", 0.05)

        assert (first, acted.get(timeout=PATIENCE_S)) == ("request-1", "request-2")
        (line,) = lines
        assert line.startswith("cannot watch the deadline: ValueError: broken on purpose (")


class TestWithoutThreads:
    """The process has as many as it may."""

    def test_one_line_says_so_and_the_next_invocation_tries_again(
        self, timer, acted, lines, monkeypatch
    ):
        def refuse(*_):
            message = "can't start new thread"
            raise RuntimeError(message)

        with monkeypatch.context() as patched:
            patched.setattr(_thread, "start_new_thread", refuse)
            timer.set("request-1", 0.05)
            timer.set("request-2", 0.05)
        timer.set("request-3", 0.05)

        assert acted.get(timeout=PATIENCE_S) == "request-3"
        (line,) = lines
        assert line.startswith("cannot watch the deadline: RuntimeError: can't start new thread (")
        assert line.endswith("; a timeout will not show what was going on")


def forked(child):
    """Run in a forked child; return what it exits with."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(child())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class TestAFork:
    """The invocation stays the parent's, and no thread is there meanwhile."""

    def test_the_parent_s_deadline_is_watched_as_before(self, timer, acted):
        timer.set("request-1", 0.2)

        forked(lambda: 0)

        assert acted.get(timeout=PATIENCE_S) == "request-1"

    def test_the_child_does_not_act_for_it(self, timer, acted):
        timer.set("request-1", 0.2)

        def child():
            timer.set("of the child", 0.4)
            return int(acted.get(timeout=PATIENCE_S) != "of the child")

        assert forked(child) == 0
        assert acted.get(timeout=PATIENCE_S) == "request-1"

    def test_two_threads_may_fork_at_once(self, timer):
        timer.set("request-1", 900)
        thread_of(timer)

        timer._stop()
        timer._stop()
        timer._resume()
        resumed = timer._watch
        timer._resume()

        assert timer._watch is resumed is not None

    def test_there_is_no_thread_of_ours_at_that_moment_nor_in_the_child(self):
        # In a process of its own: what other tests have loaded has threads, too.
        # What was registered first runs last before the fork: it sees what is forked.
        program = (
            "import os\n"
            "from otel_layer.edge.deadline_timer import DeadlineTimer\n"
            "from otel_layer.edge.log import Log\n"
            "from otel_layer.edge.shield import Shield\n"
            "os.register_at_fork(before=lambda: print(len(os.listdir('/proc/self/task'))))\n"
            "timer = DeadlineTimer(print, Shield(Log(as_json=False)))\n"
            "for number in range(20):\n"
            "    timer.set(f'request-{number}', 900 - number)\n"
            "    if os.fork() == 0: os._exit(len(os.listdir('/proc/self/task')))\n"
            "    print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        )

        finished = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            check=False,
            capture_output=True,
            text=True,
        )
        assert (finished.stdout.split(), finished.stderr) == (["1"] * 40, "")
