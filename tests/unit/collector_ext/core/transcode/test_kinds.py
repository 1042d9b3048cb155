"""Each type, as the wire and as JSON write it."""

from __future__ import annotations

import struct

import pytest

from collector_ext.core.transcode import kinds
from collector_ext.core.transcode.kinds import (
    BOOL,
    BYTES,
    DOUBLE,
    FIXED_32,
    FIXED_64,
    ID,
    INT32,
    INT64,
    SFIXED_64,
    SINT32,
    STRING,
    UINT32,
    UINT64,
)

COLOR = kinds.enum("COLOR_NONE", "COLOR_RED", "COLOR_BLUE")
ALL_ONES = b"\xff" * 9 + b"\x01"  # -1 of any size: negative numbers have 64 bits

SAME = [
    (STRING, "é", "é".encode()),
    (STRING, "", b""),
    (BYTES, "+/8=", b"\xfb\xff"),
    (BYTES, "", b""),
    (ID, "00ff", b"\x00\xff"),
    (BOOL, True, b"\1"),
    (BOOL, False, b"\0"),
    (DOUBLE, 0.1, struct.pack("<d", 0.1)),
    (DOUBLE, "NaN", struct.pack("<d", float("nan"))),
    (DOUBLE, "Infinity", struct.pack("<d", float("inf"))),
    (DOUBLE, "-Infinity", struct.pack("<d", float("-inf"))),
    (INT32, -1, ALL_ONES),
    (INT32, 2**31 - 1, b"\xff\xff\xff\xff\x07"),
    (UINT32, 2**32 - 1, b"\xff\xff\xff\xff\x0f"),
    (SINT32, -1, b"\x01"),
    (SINT32, 1, b"\x02"),
    (SINT32, -(2**31), b"\xff\xff\xff\xff\x0f"),
    (INT64, "-1", ALL_ONES),
    (INT64, str(2**63 - 1), b"\xff" * 8 + b"\x7f"),
    (UINT64, str(2**64 - 1), ALL_ONES),
    (FIXED_32, 1, b"\1\0\0\0"),
    (FIXED_64, str(2**64 - 1), b"\xff" * 8),
    (SFIXED_64, "-1", b"\xff" * 8),
    (COLOR, 2, b"\2"),
    (COLOR, -1, ALL_ONES),
    (COLOR, 77, b"\x4d"),
]

ACCEPTED = [
    (BYTES, "-_8", b"\xfb\xff"),
    (BYTES, "-_8=", b"\xfb\xff"),
    (ID, "00FF", b"\x00\xff"),
    (INT64, 5, b"\5"),
    (INT64, 5.0, b"\5"),
    (INT64, "5e0", b"\5"),
    (INT64, "5.0", b"\5"),
    (FIXED_64, 2**64 - 1, b"\xff" * 8),
    (UINT32, "5", b"\5"),
    (DOUBLE, 1, struct.pack("<d", 1)),
    (DOUBLE, "1e3", struct.pack("<d", 1000)),
    (DOUBLE, "-0.0", struct.pack("<d", -0.0)),
    (COLOR, "COLOR_BLUE", b"\2"),
    (COLOR, "2", b"\2"),
]

REFUSED = [
    (STRING, 1),
    (BYTES, 1),
    (BYTES, "a b"),
    (BYTES, "é"),
    (BYTES, "A"),
    (ID, 1),
    (ID, "0"),
    (ID, "0g"),
    (ID, "00 ff"),
    (ID, "EjRWeJCrze8="),
    (BOOL, 1),
    (BOOL, "true"),
    (DOUBLE, True),
    (DOUBLE, "nan"),
    (DOUBLE, "inf"),
    (DOUBLE, ""),
    (DOUBLE, "1e400"),
    (DOUBLE, float("inf")),  # as Python reads the number 1e400
    (DOUBLE, 10**400),
    (DOUBLE, []),
    (INT64, True),
    (INT64, ""),
    (INT64, " 1"),
    (INT64, "1_0"),
    (INT64, "٣"),
    (INT64, "0x10"),
    (INT64, 1.5),
    (INT64, "1.5"),
    (INT64, float("inf")),
    (INT64, "1e400"),
    (INT64, 2**63),
    (INT64, "9" * 5000),
    (INT64, {}),
    (UINT64, -1),
    (FIXED_64, "-1"),
    (FIXED_32, 2**32),
    (SINT32, 2**31),
    (COLOR, 1.5),
    (COLOR, ""),
    (COLOR, None),
]


class TestAValue:
    """What OTLP's JSON has, and nothing else, comes out; more is understood."""

    @pytest.mark.parametrize(("kind", "in_json", "on_the_wire"), SAME)
    def test_it_is_read_from_the_wire(self, kind, in_json, on_the_wire):
        assert kind.read(b"\x09" + on_the_wire + b"\x09", 1, 1 + len(on_the_wire)) == in_json

    @pytest.mark.parametrize(("kind", "in_json", "on_the_wire"), SAME + ACCEPTED)
    def test_it_is_written_to_the_wire(self, kind, in_json, on_the_wire):
        assert kind.write(in_json) == on_the_wire

    @pytest.mark.parametrize(("kind", "in_json"), REFUSED)
    def test_anything_else_is_refused(self, kind, in_json):
        with pytest.raises((ValueError, OverflowError)):
            kind.write(in_json)

    def test_it_says_what_it_expects(self):
        assert INT32.expected == "a whole number from -2147483648 to 2147483647"
        assert COLOR.expected == f"{INT32.expected} or a name"


class TestWhatIsNotQuiteRight:
    """It costs the value, not the request."""

    def test_a_text_that_is_not_utf_8_is_mended(self):
        assert STRING.read(b"a\xffb", 0, 3) == "a\ufffdb"

    def test_half_of_a_surrogate_pair_is_replaced(self):
        assert STRING.write("a\ud800b") == b"a?b"

    def test_a_name_that_an_enum_does_not_know_is_its_default(self):
        assert COLOR.write("COLOR_OF_A_LATER_VERSION") == b"\0"

    def test_bits_beyond_the_type_are_cut_off(self):
        seventy_bits = b"\xff" * 9 + b"\x7f"

        assert UINT64.read(seventy_bits, 0, 10) == str(2**64 - 1)
        assert UINT32.read(seventy_bits, 0, 10) == 2**32 - 1
        assert INT32.read(seventy_bits, 0, 10) == -1
