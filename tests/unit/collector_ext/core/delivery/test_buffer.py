"""Payloads in waiting."""

from __future__ import annotations

from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.otlp import LOGS, METRICS, PROTOBUF, TRACES
from tests.fakes.payloads import payload_of

A, B, C = (payload_of(TRACES, PROTOBUF, body) for body in (b"aaaa", b"bbbb", b"cccc"))
LOG = payload_of(LOGS, PROTOBUF, b"llll")
LARGE = payload_of(TRACES, PROTOBUF, b"larger than the bound")


def buffer_with(*payloads):
    """A buffer with room for two that has taken these."""
    buffer = Buffer(size_bytes_max=8)
    for payload in payloads:
        buffer.append(payload)
    return buffer


class TestWithinTheBound:
    """Nothing is lost, and the order is kept."""

    def test_what_came_first_is_taken_first(self):
        assert buffer_with(A, B).take_all() == (A, B)

    def test_what_was_taken_is_gone(self):
        buffer = buffer_with(A, B)
        buffer.take_all()

        assert not buffer
        assert buffer.take_all() == ()

    def test_what_is_put_back_is_first_again(self):
        buffer = buffer_with(B)

        assert buffer.put_back([A]) == ()
        assert buffer.take_all() == (A, B)

    def test_what_it_holds_can_be_looked_at(self):
        buffer = buffer_with(A, LOG)

        assert buffer.content == (A, LOG)
        assert buffer.signals == {TRACES, LOGS}
        assert buffer.take_all() == (A, LOG)

    def test_of_nothing_there_is_no_signal(self):
        assert buffer_with().signals == set()


class TestSomeSignals:
    """They are taken, and the others stay where they are."""

    def test_are_taken_in_their_order(self):
        buffer = Buffer(size_bytes_max=100)
        for payload in (A, LOG, B, C):
            buffer.append(payload)

        assert buffer.take({TRACES}) == (A, B, C)
        assert buffer.content == (LOG,)
        assert buffer.signals == {LOGS}

    def test_are_all_there_is(self):
        buffer = buffer_with(A, LOG)

        assert buffer.take({TRACES, LOGS, METRICS}) == (A, LOG)
        assert not buffer

    def test_are_not_there(self):
        buffer = buffer_with(A)

        assert buffer.take({LOGS}) == ()
        assert buffer.content == (A,)

    def test_leave_the_room_that_they_took(self):
        buffer = buffer_with(A, LOG)
        buffer.take({TRACES})

        assert buffer.append(B) == ()
        assert buffer.append(C) == (LOG,)

    def test_that_made_room_are_held_no_more(self):
        buffer = buffer_with(LOG, A)
        buffer.append(B)

        assert buffer.signals == {TRACES}


class TestBeyondTheBound:
    """The oldest makes room, and the caller is told."""

    def test_for_a_new_one(self):
        buffer = buffer_with(A, B)

        assert buffer.append(C) == (A,)
        assert buffer.take_all() == (B, C)

    def test_what_is_put_back_is_the_oldest(self):
        buffer = buffer_with(C)

        assert buffer.put_back([A, B]) == (A,)
        assert buffer.take_all() == (B, C)

    def test_the_newest_is_kept_whatever_its_size(self):
        buffer = buffer_with(A, B)

        assert buffer.append(LARGE) == (A, B)
        assert buffer.take_all() == (LARGE,)

    def test_room_is_counted_again_after_all_was_taken(self):
        buffer = buffer_with(A, B)
        buffer.take_all()

        assert (buffer.append(A), buffer.append(B)) == ((), ())
