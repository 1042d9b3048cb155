"""Protobuf's scalar types, each as the wire and as OTLP's JSON write it.

JSON out: integers of 64 bits are strings, bytes are base64, ids are hex, enums are integers,
what is no finite number is a string. JSON in: what protobuf's mapping accepts beside that;
numbers as strings and the reverse, names of enums, URL-safe or unpadded base64.

Sources: https://protobuf.dev/programming-guides/json/
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import binascii
import math
import struct

from collector_ext.core.value import Value
from collector_ext.core.wire import (
    FIXED32,
    FIXED64,
    LENGTH_DELIMITED,
    VARINT,
    read_varint,
    varint,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[bytes, int, int], object]
    Write = Callable[[object], bytes]

_BITS_32 = 2**32 - 1
_BITS_64 = 2**64 - 1

_NUMERIC = frozenset("0123456789+-.eE")
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE64_STANDARD = str.maketrans("-_", "+/")


class Kind:
    """One scalar type.

    Attributes:
        expected: What its JSON has to be, in messages.
        wire_type: Of a single value.
        zero: The default value on the wire.
        read: ``(data, at, end)`` of a value on the wire to JSON.
        write: JSON to the wire, without a length; ValueError when it is not ``expected``.
    """

    __slots__ = ("expected", "read", "wire_type", "write", "zero")

    def __init__(
        self, expected: str, wire_type: int, zero: bytes, read: Read, write: Write
    ) -> None:
        self.expected = expected
        self.wire_type = wire_type
        self.zero = zero
        self.read = read
        self.write = write


class Range(Value):
    """The integers of one type."""

    low: int
    high: int

    def whole(self, value: object) -> int:
        """Return the integer that a JSON value is, as a number or a string.

        Raises:
            ValueError: It is none, or not one of these.
        """
        number = _number(value)
        whole = int(number)
        if whole != number or not self.low <= whole <= self.high:
            raise ValueError
        return whole

    def __str__(self) -> str:
        return f"a whole number from {self.low} to {self.high}"


INT32_RANGE = Range(-(2**31), 2**31 - 1)
UINT32_RANGE = Range(0, _BITS_32)
INT64_RANGE = Range(-(2**63), 2**63 - 1)
UINT64_RANGE = Range(0, _BITS_64)


def enum(*names: str) -> Kind:
    """Return the type of an enum whose values are numbered from 0, in this order.

    A name that is not known is the default, as a field that is not known is none at all.
    """
    numbers = {name: number for number, name in enumerate(names)}

    def write(value: object) -> bytes:
        if isinstance(value, str) and value[:1].isalpha():
            return varint(numbers.get(value, 0))
        return varint(INT32_RANGE.whole(value) & _BITS_64)

    return Kind(f"{INT32_RANGE} or a name", VARINT, b"\0", _read_int32, write)


def _number(value: object) -> int | float:
    if isinstance(value, str):
        if not _NUMERIC.issuperset(value):
            raise ValueError
        value = (
            float(value) if _NUMERIC.difference("0123456789+-").intersection(value) else int(value)
        )
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isinf(value):
        raise ValueError
    return value


def _varint_in(data: bytes, at: int, end: int) -> int:
    return read_varint(data, at, end)[0] & _BITS_64


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _read_string(data: bytes, at: int, end: int) -> str:
    # One text that is not UTF-8 must not cost a whole request.
    return data[at:end].decode("utf-8", "replace")


def _write_string(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - it is the JSON that is wrong
    return value.encode("utf-8", "replace")  # JSON can hold halves of surrogate pairs


def _read_bool(data: bytes, at: int, end: int) -> bool:
    return _varint_in(data, at, end) != 0


def _write_bool(value: object) -> bytes:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - as above
    return b"\1" if value else b"\0"


def _read_bytes(data: bytes, at: int, end: int) -> str:
    return binascii.b2a_base64(data[at:end], newline=False).decode()


def _write_bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - as above
    digits = value.rstrip("=").translate(_BASE64_STANDARD)
    if not _BASE64.issuperset(digits):
        raise ValueError
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))


def _read_hex(data: bytes, at: int, end: int) -> str:
    return data[at:end].hex()


def _write_hex(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - as above
    return binascii.unhexlify(value)


def _read_double(data: bytes, at: int, end: int) -> float | str:
    (number,) = struct.unpack("<d", data[at:end])
    if math.isfinite(number):
        return float(number)
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _write_double(value: object) -> bytes:
    number = float(value) if value in _NOT_FINITE else float(_number(value))
    return struct.pack("<d", number)


def _read_int32(data: bytes, at: int, end: int) -> int:
    return _signed(_varint_in(data, at, end), 32)


def _read_uint32(data: bytes, at: int, end: int) -> int:
    return _varint_in(data, at, end) & _BITS_32


def _read_sint32(data: bytes, at: int, end: int) -> int:
    zigzag = _read_uint32(data, at, end)
    return zigzag >> 1 ^ -(zigzag & 1)


def _read_int64(data: bytes, at: int, end: int) -> str:
    return str(_signed(_varint_in(data, at, end), 64))


def _read_uint64(data: bytes, at: int, end: int) -> str:
    return str(_varint_in(data, at, end))


def _read_fixed32(data: bytes, at: int, end: int) -> int:
    return int.from_bytes(data[at:end], "little")


def _read_fixed64(data: bytes, at: int, end: int) -> str:
    return str(int.from_bytes(data[at:end], "little"))


def _read_sfixed64(data: bytes, at: int, end: int) -> str:
    return str(int.from_bytes(data[at:end], "little", signed=True))


def _as_varint(within: Range, read: Read) -> Kind:
    # Negative numbers are written with all 64 bits, those of 32 too.
    return Kind(
        str(within), VARINT, b"\0", read, lambda value: varint(within.whole(value) & _BITS_64)
    )


def _as_fixed(within: Range, wire_type: int, read: Read) -> Kind:
    size = 8 if wire_type == FIXED64 else 4

    def write(value: object) -> bytes:
        return within.whole(value).to_bytes(size, "little", signed=within.low < 0)

    return Kind(str(within), wire_type, bytes(size), read, write)


def _write_sint32(value: object) -> bytes:
    number = INT32_RANGE.whole(value)
    return varint(number << 1 ^ number >> 31)


STRING = Kind("a string", LENGTH_DELIMITED, b"", _read_string, _write_string)
BYTES = Kind("base64", LENGTH_DELIMITED, b"", _read_bytes, _write_bytes)
ID = Kind("hex digits", LENGTH_DELIMITED, b"", _read_hex, _write_hex)
BOOL = Kind("true or false", VARINT, b"\0", _read_bool, _write_bool)
DOUBLE = Kind("a number", FIXED64, bytes(8), _read_double, _write_double)
INT32 = _as_varint(INT32_RANGE, _read_int32)
UINT32 = _as_varint(UINT32_RANGE, _read_uint32)
SINT32 = Kind(str(INT32_RANGE), VARINT, b"\0", _read_sint32, _write_sint32)
INT64 = _as_varint(INT64_RANGE, _read_int64)
UINT64 = _as_varint(UINT64_RANGE, _read_uint64)
FIXED_32 = _as_fixed(UINT32_RANGE, FIXED32, _read_fixed32)
FIXED_64 = _as_fixed(UINT64_RANGE, FIXED64, _read_fixed64)
SFIXED_64 = _as_fixed(INT64_RANGE, FIXED64, _read_sfixed64)
