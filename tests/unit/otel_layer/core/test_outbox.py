"""Which spans wait, how long, and which are lost when too many do."""

from __future__ import annotations

from otel_layer.core.otlp import EncodedItem
from otel_layer.core.outbox import (
    BURST_COUNT,
    INTERVAL_S,
    REQUEST_BYTES_MAX,
    SIZE_BYTES_MAX,
    Outbox,
)

SPAN = EncodedItem(b"", b"", b"span")
LATER = EncodedItem(b"", b"", b"later")
QUARTER = SIZE_BYTES_MAX // 4


def busy():
    """One that has sent as much at once as it may."""
    outbox = Outbox()
    for _ in range(BURST_COUNT):
        outbox.sent(5.0)
    return outbox


def large(size_bytes=QUARTER):
    return EncodedItem(b"", b"", b"x" * size_bytes)


class TestWhatWaits:
    """Spans are kept by their invocation, in their order."""

    def test_the_spans_of_an_invocation_come_out_oldest_first(self):
        outbox = Outbox()
        outbox.put("request-1", SPAN)
        outbox.put("request-1", LATER)

        assert outbox.take("request-1") == [SPAN, LATER]
        assert outbox.take("request-1") == []

    def test_those_of_another_one_stay(self):
        outbox = Outbox()
        outbox.put("request-1", SPAN)
        outbox.put(None, LATER)

        assert outbox.take("request-1") == [SPAN]
        assert outbox.take(None) == [LATER]

    def test_what_could_not_be_sent_comes_before_what_came_later(self):
        outbox = Outbox()
        outbox.put("request-1", SPAN)
        unsent = outbox.take("request-1")
        outbox.put("request-1", LATER)

        outbox.put_back("request-1", unsent)

        assert outbox.take("request-1") == [SPAN, LATER]


class TestWhenItIsTime:
    """The first spans do not wait, and hundreds in a second are not a request each."""

    def test_the_first_spans_do_not_wait(self):
        outbox = Outbox()
        waited = []
        for _ in range(BURST_COUNT):
            waited.append(not outbox.is_due("request-1", now=5.0))
            outbox.sent(5.0)

        assert not any(waited)

    def test_nothing_is_due_right_after_so_many(self):
        assert not busy().is_due("request-1", 5.0 + INTERVAL_S / 2)

    def test_it_is_due_when_a_whole_request_waits(self):
        outbox = busy()
        outbox.put("request-1", large(REQUEST_BYTES_MAX))

        assert outbox.is_due("request-1", 5.0)

    def test_what_waits_of_another_invocation_would_not_go_with_it(self):
        outbox = busy()
        outbox.put("request-0", large(REQUEST_BYTES_MAX))
        outbox.put("request-1", SPAN)

        assert not outbox.is_due("request-1", 5.0)

    def test_what_was_taken_or_lost_is_not_there_any_more(self):
        outbox = busy()
        outbox.put("request-1", large(REQUEST_BYTES_MAX))
        outbox.take("request-1")
        outbox.put("request-2", large(REQUEST_BYTES_MAX))
        outbox.put("request-3", large(SIZE_BYTES_MAX))

        assert not outbox.is_due("request-1", 5.0)
        assert not outbox.is_due("request-2", 5.0)
        assert outbox.request_ids() == ["request-3"]

    def test_after_them_one_is_due_in_each_interval(self):
        outbox = busy()
        due = []
        for number in range(1, 5):
            now = 5.0 + number * INTERVAL_S * 1.001
            due.append(outbox.is_due("request-1", now))
            outbox.sent(now)
            due.append(outbox.is_due("request-1", now))

        assert due == [True, False] * 4

    def test_after_a_rest_as_many_do_not_wait_as_at_first(self):
        outbox = busy()
        later = 5.0 + (BURST_COUNT + 1) * INTERVAL_S
        for _ in range(BURST_COUNT - 1):
            outbox.sent(later)
        was_due = outbox.is_due("request-1", later)
        outbox.sent(later)

        assert was_due
        assert not outbox.is_due("request-1", later)


class TestWhenTooMuchWaits:
    """The memory is the function's: the oldest spans are lost, and counted."""

    def test_the_oldest_are_lost(self):
        outbox = Outbox()
        outbox.put("request-1", SPAN)
        for _ in range(4):
            outbox.put("request-1", large())

        assert len(outbox.take("request-1")) == 3
        assert outbox.lost_count == 2

    def test_those_of_an_older_invocation_go_first(self):
        outbox = Outbox()
        outbox.put("request-0", large())
        outbox.put("request-1", large(SIZE_BYTES_MAX - QUARTER))

        assert outbox.take("request-0") == []
        assert outbox.lost_count == 1

    def test_the_newest_is_kept_however_large(self):
        outbox = Outbox()
        outbox.put("request-1", SPAN)
        enormous = large(2 * SIZE_BYTES_MAX)
        outbox.put("request-2", enormous)

        assert outbox.take("request-2") == [enormous]
        assert outbox.lost_count == 1

    def test_what_was_taken_makes_room(self):
        outbox = Outbox()
        for _ in range(3):
            outbox.put("request-1", large())
        outbox.take("request-1")

        for _ in range(3):
            outbox.put("request-2", large())

        assert outbox.lost_count == 0
