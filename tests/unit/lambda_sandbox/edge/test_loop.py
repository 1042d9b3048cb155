"""One thread waits for files, other threads and the time."""

from __future__ import annotations

import os
import threading

import pytest

from lambda_sandbox.core.events import InitRequested, RequestReceived, TimeReached
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.loop import READ, Loop


@pytest.fixture
def pipes():
    """Two pipes, both with something to read: their reading ends."""
    ends = [os.pipe() for _ in "ab"]
    for _, write in ends:
        os.write(write, b"!")
    yield [read for read, _ in ends]
    for pair in ends:
        for end in pair:
            os.close(end)


class TestWaiting:
    """For whatever comes first."""

    def test_ends_when_another_thread_posts_an_event(self, loop):
        poster = threading.Thread(target=loop.post, args=(InitRequested(),))
        poster.start()

        _, event = loop.take(clock.now() + 10)

        poster.join()
        assert event == InitRequested()

    def test_ends_when_the_timer_expires(self, loop):
        timer_at = clock.now() + 0.01

        assert loop.take(timer_at) is None
        assert clock.now() >= timer_at

    def test_ends_when_the_loop_is_stopped(self, loop):
        loop.post(None)

        assert loop.take(None) is None
        assert loop.stopped

    def test_what_the_dead_have_asked_for_is_told_nobody(self, loop):
        loop.emit(RequestReceived(1, Request("GET", "/", {}), "uuid"))
        loop.emit(InitRequested(), at=5.0)

        loop.forget_requests()

        assert loop.take(None) == (5.0, InitRequested())

    def test_an_event_keeps_its_order_and_its_instant(self, loop):
        loop.emit(InitRequested(), at=5.0)
        loop.emit(TimeReached(), at=6.0)

        assert [loop.take(None), loop.take(None)] == [(5.0, InitRequested()), (6.0, TimeReached())]

    def test_ends_with_the_timer_before_what_happened_after_it(self, loop):
        loop.emit(InitRequested(), at=5.0)

        assert loop.take(4.0) == (5.0, TimeReached())
        assert loop.take(5.0) == (5.0, InitRequested())

    def test_what_is_posted_to_a_closed_loop_goes_nowhere(self):
        loop = Loop()
        loop.close()

        loop.post(InitRequested())


class TestACall:
    """Is made when its instant has come."""

    def test_is_made_once_and_ends_no_waiting(self, loop):
        calls = []
        at, timer_at = clock.now() + 0.01, clock.now() + 0.02

        loop.call_at(at, lambda: calls.append(clock.now()))

        assert loop.take(timer_at) is None
        assert clock.now() >= timer_at
        assert len(calls) == 1
        assert calls[0] >= at

    def test_may_say_that_something_happened(self, loop):
        loop.call_at(clock.now() + 0.01, lambda: loop.emit(InitRequested(), at=5.0))

        assert loop.take(None) == (5.0, InitRequested())

    def test_may_ask_for_the_next_one(self, loop):
        calls = []

        def call():
            calls.append("")
            if len(calls) == 3:
                loop.emit(InitRequested())
            loop.call_at(clock.now(), call)

        call()

        assert loop.take(None) is not None
        assert len(calls) == 3

    def test_is_not_made_before_its_time(self, loop):
        calls = []
        loop.call_at(clock.now() + 100, lambda: calls.append(""))

        assert loop.take(clock.now() + 0.01) is None
        assert calls == []


class TestAFile:
    """Is called when it is ready, and not once it was forgotten."""

    def test_that_was_forgotten_by_the_one_before_is_not_called(self, loop, pipes):
        called = []

        def ready(index):
            called.append(index)
            for pipe in pipes:
                loop.forget(pipe)

        for index, pipe in enumerate(pipes):
            loop.watch(pipe, READ, lambda index=index: ready(index))
        loop.take(clock.now() + 0.01)

        assert len(called) == 1
