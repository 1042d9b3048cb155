"""Consistent sampling."""

from __future__ import annotations

import pytest

from collector_ext.core.processors.probability import (
    NEVER,
    TraceState,
    fnv64,
    hashed_randomness,
    hashed_threshold,
    probability_of,
    randomness_of,
    threshold,
    threshold_of,
    threshold_text,
    trace_randomness,
)


class TestThresholds:
    """As the specification of ``th`` has them."""

    @pytest.mark.parametrize(
        ("probability", "digits", "text"),
        [
            (1.0, 4, "0"),
            (0.5, 4, "8"),
            (0.25, 4, "c"),
            (0.1, 4, "e666"),
            (0.01, 4, "fd70a"),
            (0.001, 4, "ffbe77"),
            (1 / 3, 14, "aaaaaaaaaaaaac"),
            (0.15, 4, "d99a"),
        ],
    )
    def test_of_a_probability(self, probability, digits, text):
        assert threshold_text(threshold(probability, digits)) == text

    @pytest.mark.parametrize("probability", [0.0, 2**-57])
    def test_no_number_reaches_that_of_nothing(self, probability):
        assert threshold(probability, 4) == NEVER

    def test_are_probabilities_again(self):
        assert probability_of(threshold(0.25, 4)) == 0.25

    @pytest.mark.parametrize(
        ("text", "found"),
        [("c", 12 << 52), ("0", 0), ("", None), ("C", None), ("x", None), ("0" * 15, None)],
    )
    def test_are_read(self, text, found):
        assert threshold_of(text) == found

    @pytest.mark.parametrize(
        ("percentage", "kept"), [(100, 16384), (200, 16384), (10, 1638), (50, 8192), (0, 0)]
    )
    def test_of_hashes_have_16384_steps(self, percentage, kept):
        assert hashed_threshold(percentage) == (16384 - kept) << 42


class TestRandomness:
    """56 bits."""

    def test_is_the_end_of_a_trace_id(self):
        assert trace_randomness(bytes(8) + b"\xff" + b"\1" * 7) == int("01" * 7, 16)

    @pytest.mark.parametrize(
        ("text", "found"), [("0" * 13 + "a", 10), ("a", None), ("", None), ("g" * 14, None)]
    )
    def test_is_read(self, text, found):
        assert randomness_of(text) == found

    def test_of_a_hash_is_large_where_the_hash_is_small(self):
        # FNV-1a of four zeros and "a", by its published definition.
        hashed = 0x811C9DC5
        for byte in b"\0\0\0\0a":
            hashed = (hashed ^ byte) * 0x01000193 & 0xFFFFFFFF

        assert hashed_randomness(b"a", 0) >> 42 == 16383 - hashed % 16384

    def test_of_a_hash_depends_on_the_seed(self):
        assert hashed_randomness(b"a", 1) != hashed_randomness(b"a", 2)

    def test_of_64_bits_is_the_published_one(self):
        # Source: http://www.isthe.com/chongo/src/fnv/test_fnv.c
        assert (fnv64(b""), fnv64(b"foobar")) == (0xCBF29CE484222325, 0x85944171F73967E8)


class TestATraceState:
    """OpenTelemetry's member goes first when it is written; the others stay."""

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("", "ot=th:c"),
            ("a=1", "ot=th:c,a=1"),
            ("a=1, ot=rv:0;th:8;x:y ,b=2", "ot=rv:0;th:c;x:y,a=1,b=2"),
        ],
    )
    def test_takes_a_threshold(self, text, written):
        state = TraceState(text)

        state.fields["th"] = "c"

        assert state.text() == written

    def test_without_anything_of_ours_has_no_member(self):
        assert TraceState("a=1,ot=").text() == "a=1"
