"""Which spans a snapshot is made of."""

from __future__ import annotations

from typing import Any

import pytest

from otel_layer.core.open_spans import COUNT_MAX, OpenSpans, fitting
from otel_layer.core.otlp import EncodedItem

ROOT: Any = "root"
CALL: Any = "call"
PART: Any = "part of the call"
OTHER: Any = "of another invocation"


@pytest.fixture
def spans():
    """Those of an invocation that has just begun."""
    spans = OpenSpans()
    spans.begin("request-1", ROOT)
    return spans


class TestAnInvocation:
    """Its open spans: the root first, then from the newest to the oldest."""

    def test_at_its_beginning_it_has_its_root(self, spans):
        assert spans.of("request-1") == [ROOT]

    def test_what_has_started_is_open(self, spans):
        spans.start("request-1", 2, CALL)
        spans.start("request-1", 3, PART)

        assert spans.of("request-1") == [ROOT, PART, CALL]

    def test_what_has_ended_is_not(self, spans):
        spans.start("request-1", 2, CALL)
        spans.start("request-1", 3, PART)
        spans.end(3)

        assert spans.of("request-1") == [ROOT, CALL]

    def test_the_end_of_a_span_that_is_not_known_is_no_matter(self, spans):
        spans.end(7)

        assert spans.of("request-1") == [ROOT]

    def test_those_of_another_are_not_its_own(self, spans):
        spans.begin("request-2", OTHER)
        spans.start("request-2", 2, CALL)

        assert spans.of("request-1") == [ROOT]

    def test_once_it_is_over_it_has_none(self, spans):
        spans.start("request-1", 2, CALL)
        spans.finish("request-1")

        assert spans.of("request-1") == []

    def test_what_it_left_open_is_not_the_next_one_s(self, spans):
        spans.start("request-1", 2, CALL)
        spans.finish("request-1")
        spans.begin("request-2", OTHER)
        spans.start("request-1", 3, PART)

        assert spans.of("request-2") == [OTHER]

    def test_a_retry_under_its_id_begins_with_nothing_of_it(self, spans):
        spans.start("request-1", 2, CALL)
        spans.finish("request-1")
        spans.begin("request-1", OTHER)

        assert spans.of("request-1") == [OTHER]

    def test_one_that_never_began_has_none(self, spans):
        spans.start("request-2", 2, CALL)

        assert spans.of("request-2") == []

    def test_the_end_of_another_leaves_its_own(self, spans):
        spans.begin("request-2", OTHER)
        spans.start("request-1", 2, CALL)
        spans.finish("request-2")

        assert spans.of("request-1") == [ROOT, CALL]


class TestTheBound:
    """Spans that nobody ends must not fill the memory, nor hide the call that hangs."""

    def test_beyond_it_the_oldest_are_forgotten_but_the_root(self, spans):
        for number in range(COUNT_MAX + 2):
            spans.start("request-1", number, number)

        kept = spans.of("request-1")
        assert kept == [ROOT, *range(COUNT_MAX + 1, 1, -1)]


def encoded(size_bytes):
    empty = EncodedItem(b"", b"", b"").size_bytes
    return EncodedItem(b"", b"", bytes(size_bytes - empty))


class TestWhatFitsIntoARequest:
    """The first of all, and of the rest what there is room for."""

    def test_all_if_they_fit(self):
        spans = [encoded(40), encoded(30), encoded(30)]

        assert fitting(spans, 100) == spans

    def test_one_that_does_not_fit_leaves_its_room_to_the_next(self):
        spans = [encoded(40), encoded(61), encoded(60)]

        assert fitting(spans, 100) == [spans[0], spans[2]]

    def test_the_first_goes_alone_where_it_is_too_large(self):
        spans = [encoded(101), encoded(40)]

        assert fitting(spans, 100) == [spans[0]]

    def test_of_nothing_nothing(self):
        assert fitting([], 100) == []
