"""The wire format, against the examples of its specification."""

from __future__ import annotations

import pytest

from otel_layer.core.protobuf import field, utf8, varint


class TestVarint:
    """Seven bits a byte, least significant first; the eighth says that more follow."""

    @pytest.mark.parametrize(
        ("value", "encoded"),
        [
            (0, b"\x00"),
            (1, b"\x01"),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (150, b"\x96\x01"),
            ((1 << 63) - 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
        ],
    )
    def test_a_value_is_as_long_as_it_needs(self, value, encoded):
        assert varint(value) == encoded

    def test_a_negative_value_is_its_two_s_complement_of_64_bits(self):
        assert varint(-2) == b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"


class TestField:
    """Tag, length, content."""

    def test_a_short_one_has_one_byte_of_length(self):
        assert field(b"\x12", b"testing") == b"\x12\x07testing"

    def test_a_long_one_has_more(self):
        assert field(b"\x12", b"x" * 300) == b"\x12\xac\x02" + b"x" * 300

    def test_an_empty_one_is_there_all_the_same(self):
        assert field(b"\x12", b"") == b"\x12\x00"


class TestUtf8:
    """What a protobuf string may hold."""

    def test_text_is_encoded(self):
        assert utf8("grüße 🦊") == "grüße 🦊".encode()

    def test_half_of_a_surrogate_pair_becomes_a_question_mark(self):
        assert utf8("a\ud83eb") == b"a?b"
