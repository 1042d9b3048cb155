"""Attribute values, checked against the real protobuf library."""

from __future__ import annotations

import math

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from collector_ext.core.processors.any_value import (
    DEPTH_MAX,
    INT_MAX,
    INT_MIN,
    as_text,
    double,
    field,
    fixed64,
    key_value,
    read,
    write,
    write_key_value,
)
from collector_ext.core.wire import MalformedError
from tests.fakes.telemetry_requests import any_value

VALUES = [
    None,
    "",
    "é",
    True,
    False,
    0,
    INT_MAX,
    INT_MIN,
    -1,
    1.5,
    -0.0,
    b"",
    b"\xff",
    [],
    ["a", [1, None]],
    {},
    {"a": {"b": [True]}},
]


class TestAValue:
    """It is read as the protobuf library writes it, and written as that reads it."""

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_is_read(self, value):
        found = read(any_value(value).SerializeToString())

        assert (found, type(found)) == (value, type(value))

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_is_written(self, value):
        assert AnyValue.FromString(write(value)) == any_value(value)

    def test_that_is_not_utf_8_survives(self):
        assert write(read(field(1, b"\xff"))) == field(1, b"\xff")

    def test_is_the_last_of_several(self):
        assert read(write(1) + write("x")) == "x"

    def test_of_a_kind_that_is_not_known_is_none(self):
        assert read(field(9, b"x") + b"\x25" + bytes(4)) is None

    def test_is_empty_or_a_list_of_nothing(self):
        assert read(field(5, b"\x10\x01")) == []

    @pytest.mark.parametrize("data", [b"\x0a\x05", b"\xff", b"\x2a\x02\x0a\x07"])
    def test_that_is_cut_is_malformed(self, data):
        with pytest.raises(MalformedError):
            read(data)

    def test_that_is_too_deep_is_malformed(self):
        deep = b""
        for _ in range(DEPTH_MAX + 1):
            deep = field(5, field(1, deep))

        with pytest.raises(MalformedError, match="nested deeper"):
            read(deep)

    @pytest.mark.parametrize(
        "value", [1 << 63, -(1 << 63) - 1, object()], ids=["large", "small", "odd"]
    )
    def test_may_not_be_one(self, value):
        with pytest.raises(ValueError, match="an attribute cannot be"):
            write(value)


class TestAFieldOf64Bits:
    """Its tag has the number and the wire type 1; its content is little-endian."""

    def test_may_be_whole(self):
        assert fixed64(7, 258) == b"\x39\x02\x01" + bytes(6)

    def test_may_have_a_fraction(self):
        assert double(4, 1.5) == b"\x21" + bytes(6) + b"\xf8\x3f"


class TestAPair:
    """A key and its value."""

    def test_is_read_as_it_is_written(self):
        assert key_value(write_key_value("é", write(1))) == ("é", write(1))

    def test_may_lack_either(self):
        assert key_value(b"\x18\x01" + field(3, b"")) == ("", b"")


class TestItsText:
    """As Go writes it."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            ("a", "a"),
            (True, "true"),
            (-7, "-7"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e-5, "0.00001"),
            (1.5e-7, "1.5e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (math.inf, "inf"),
            (b"\1\2", "AQI="),
            ([1, "é", None], '[1,"é",null]'),
            ({"b": 1, "a": [True, b"\1"]}, '{"a":[true,"AQ=="],"b":1}'),
        ],
        ids=repr,
    )
    def test_is_written(self, value, text):
        assert as_text(value) == text
