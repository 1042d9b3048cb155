"""Payloads in waiting."""

from __future__ import annotations

from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.otlp import PROTOBUF, TRACES
from tests.fakes.payloads import payload_of

A, B, C = (payload_of(TRACES, PROTOBUF, body) for body in (b"aaaa", b"bbbb", b"cccc"))
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
