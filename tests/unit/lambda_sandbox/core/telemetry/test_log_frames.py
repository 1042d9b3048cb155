"""Where one record of a log ends and the next begins."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_sandbox.core.telemetry.log_frames import MAGIC, RECORD_BYTES_MAX, Frames, Lines


def frame(message, *, length=None, kind=3):
    size = len(message) if length is None else length
    return MAGIC + bytes([kind]) + size.to_bytes(4, "big") + bytes(8) + message


def read(reader, *written):
    return [record for part in written for record in reader.feed(part)] + reader.finish()


class TestLines:
    """End with a line break."""

    def test_are_told_when_they_are_complete(self):
        reader = Lines()

        assert reader.feed(b"one\ntw") == ["one"]
        assert reader.feed(b"o\n\n") == ["two", ""]
        assert reader.finish() == []

    def test_the_last_one_needs_no_end(self):
        reader = Lines()

        assert read(reader, b"one\ntwo") == ["one", "two"]
        assert reader.finish() == []

    def test_that_are_too_long_are_cut(self):
        assert read(Lines(8), b"123456789\n", b"12345678\n") == ["12345678", "9", "12345678"]

    def test_that_never_end_do_not_pile_up(self):
        reader = Lines(8)

        assert reader.feed(b"x" * 20) == ["x" * 8, "x" * 8]

    def test_that_are_no_text_are_shown_all_the_same(self):
        assert read(Lines(), b"\xff\n") == ["\N{REPLACEMENT CHARACTER}"]


class TestFrames:
    """Say how long they are."""

    def test_may_hold_several_lines(self):
        assert read(Frames(), frame(b"one\ntwo")) == ["one\ntwo"]

    def test_lose_the_line_break_at_their_end_and_no_other(self):
        assert read(Frames(), frame(b"one\n"), frame(b"two\n\n")) == ["one", "two\n"]

    @pytest.mark.parametrize("kind", [0x01, 0x02, 0x03, 0x0E, 0x1A])
    def test_are_known_in_every_format_and_level(self, kind):
        assert read(Frames(), frame(b"one", kind=kind)) == ["one"]

    def test_may_be_empty(self):
        assert read(Frames(), frame(b""), frame(b"one")) == ["", "one"]

    def test_are_told_when_they_are_complete(self):
        reader = Frames()
        written = frame(b"one")

        assert [reader.feed(bytes([byte])) for byte in written[:-1]] == [[]] * (len(written) - 1)
        assert reader.feed(written[-1:] + written) == ["one", "one"]

    def test_that_are_too_long_are_cut(self):
        assert read(Frames(8), frame(b"123456789\n")) == ["12345678", "9"]

    def test_that_are_cut_keep_their_line_breaks(self):
        assert read(Frames(8), frame(b"12345678a\nb\n")) == ["12345678", "a\nb"]

    def test_that_promise_too_much_do_not_pile_up(self):
        reader = Frames(8)

        assert reader.feed(frame(b"x" * 20, length=0xFFFFFFFF)) == ["x" * 8, "x" * 8]
        assert reader.finish() == ["xxxx"]

    def test_that_were_torn_are_told_as_far_as_they_came(self):
        reader = Frames()

        assert read(reader, frame(b"one\none", length=1 << 24)) == ["one\none"]
        assert read(reader, frame(b"two")) == ["two"]

    @pytest.mark.parametrize("size", range(3, 16))
    def test_without_a_message_yet_have_nothing_to_tell(self, size):
        assert read(Frames(), frame(b"")[:size]) == []


class TestBetweenFrames:
    """Whatever is there is read as lines."""

    def test_text_is_told_line_by_line(self):
        assert read(Frames(), b"one\ntwo\n", frame(b"three")) == ["one", "two", "three"]

    def test_a_frame_ends_a_line(self):
        assert read(Frames(), b"one" + frame(b"two") + b"three") == ["one", "two", "three"]

    def test_a_line_before_a_frame_that_is_not_complete_is_told(self):
        assert Frames().feed(b"one" + MAGIC) == ["one"]

    def test_lines_that_are_too_long_are_cut(self):
        assert read(Frames(8), b"123456789\n" + frame(b"one")) == ["12345678", "9", "one"]

    def test_a_line_as_long_as_can_be_may_end_with_a_frame(self):
        reader = Frames(8)

        assert reader.feed(b"x" * 7 + MAGIC[:2]) == []
        assert reader.feed(frame(b"one")[2:]) == ["x" * 7, "one"]
        assert read(Frames(8), b"x" * 10) == ["x" * 8, "xx"]

    def test_lines_that_never_end_do_not_pile_up(self):
        assert Frames(8).feed(b"x" * 20) == ["x" * 8, "x" * 8]


class TestHoweverTheBytesAreCut:
    """The records are the same, and none is too long."""

    PARTS = st.lists(
        st.one_of(
            st.sampled_from([b"\n", MAGIC, MAGIC[:1], MAGIC[:2], frame(b""), frame(b"a\nb\n")]),
            st.builds(frame, st.binary(max_size=40)),
            st.builds(frame, st.binary(max_size=5), length=st.integers(0, 2**32 - 1)),
            st.binary(max_size=20),
        ),
        max_size=8,
    )

    @pytest.mark.parametrize("reader", [Lines, Frames])
    @given(parts=PARTS, data=st.data())
    def test_on_their_way(self, reader, parts, data):
        written = b"".join(parts)
        cuts = data.draw(st.lists(st.integers(0, len(written)), max_size=6).map(sorted))
        pieces = [written[start:end] for start, end in pairwise([0, *cuts, len(written)])]

        records = read(reader(8), *pieces)

        assert records == read(reader(8), written)
        assert all(len(record) <= 8 for record in records)

    def test_a_record_is_as_long_as_one_of_cloudwatch_at_most(self):
        longest = b"x" * RECORD_BYTES_MAX

        for reader, written in ((Lines(), longest + b"\n"), (Frames(), frame(longest))):
            assert read(reader, written) == [longest.decode()]
