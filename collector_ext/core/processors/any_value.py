"""Attribute values: an ``AnyValue`` of the wire as a value of Python, and back.

Shape, from opentelemetry-proto v1 (common/v1/transport.proto)::

    AnyValue      one of  1: string  2: bool  3: int  4: double
                          5: ArrayValue  6: KeyValueList  7: bytes
    ArrayValue            1: AnyValue*
    KeyValueList          1: KeyValue*
    KeyValue              1: key  2: AnyValue

Text that is not UTF-8 survives: its bytes become lone surrogates, and bytes again.
"""

from __future__ import annotations

import struct

from collector_ext.core.wire import (
    FIXED64,
    LENGTH_DELIMITED,
    VARINT,
    MalformedError,
    fields,
    read_varint,
    varint,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.wire import Field

DEPTH_MAX = 64
"""Of lists in lists. Protobuf's parsers stop at 100 messages in messages, and a list is two."""

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
_UINT64 = (1 << 64) - 1

_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _MAP, _BYTES = range(1, 8)


def text(data: bytes) -> str:
    """Return the text of a string field."""
    return data.decode("utf-8", "surrogateescape")


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field, its tag included."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(len(content)) + content


def fixed64(number: int, value: int) -> bytes:
    """Return a field of 64 bits with a number that is not negative, its tag included."""
    return bytes([number << 3 | FIXED64]) + value.to_bytes(8, "little")


def double(number: int, value: float) -> bytes:
    """Return a field of 64 bits with a number that may have a fraction, its tag included."""
    return bytes([number << 3 | FIXED64]) + struct.pack("<d", value)


def key_value(data: bytes) -> tuple[str, bytes]:
    """Return the key and the serialised value of a ``KeyValue``."""
    key, value = "", b""
    for part in fields(data, 0, len(data)):
        if part.wire_type == LENGTH_DELIMITED:
            content = data[part.value_at : part.end]
            if part.number == 1:
                key = text(content)
            elif part.number == 2:  # noqa: PLR2004 - the value, see above
                value += content  # messages merge by concatenation
    return key, value


def read(data: bytes, depth: int = 0) -> object:
    """Return what an ``AnyValue`` holds.

    Returns:
        ``str``, ``bool``, ``int``, ``float``, ``bytes``, a list or a dictionary of them, or
        ``None`` for a value that is empty.

    Raises:
        MalformedError: It is no ``AnyValue``, or lists are nested deeper than ``DEPTH_MAX``.
    """
    if depth > DEPTH_MAX:
        message = f"values nested deeper than {DEPTH_MAX}"
        raise MalformedError(message)
    value: object = None
    for part in fields(data, 0, len(data)):
        if part.wire_type == LENGTH_DELIMITED:
            value = _read_content(part.number, data[part.value_at : part.end], depth, value)
        else:
            value = _read_number(part, data, value)
    return value


def _read_content(number: int, content: bytes, depth: int, otherwise: object) -> object:
    if number == _STRING:
        return text(content)
    if number == _BYTES:
        return content
    if number == _ARRAY:
        return [read(element, depth + 1) for element in _messages(content)]
    if number == _MAP:
        pairs = [key_value(element) for element in _messages(content)]
        return {key: read(value, depth + 1) for key, value in pairs}
    return otherwise


def _read_number(part: Field, data: bytes, otherwise: object) -> object:
    if part.wire_type == FIXED64 and part.number == _DOUBLE:
        return struct.unpack("<d", data[part.value_at : part.end])[0]
    if part.wire_type == VARINT and part.number in {_BOOL, _INT}:
        number = read_varint(data, part.value_at, part.end)[0] & _UINT64
        if part.number == _BOOL:
            return bool(number)
        return number - (1 << 64) if number > INT_MAX else number
    return otherwise


def _messages(data: bytes) -> list[bytes]:
    return [
        data[part.value_at : part.end]
        for part in fields(data, 0, len(data))
        if part.number == 1 and part.wire_type == LENGTH_DELIMITED
    ]


def write(value: object) -> bytes:
    """Return the ``AnyValue`` that ``read`` makes this of.

    Raises:
        ValueError: There is none, as for a date or an integer of more than 64 bits.
    """
    if value is None:
        return b""
    if isinstance(value, bool):
        return bytes([_BOOL << 3 | VARINT, value])
    if isinstance(value, int) and INT_MIN <= value <= INT_MAX:
        return bytes([_INT << 3 | VARINT]) + varint(value & _UINT64)
    if isinstance(value, float):
        return double(_DOUBLE, value)
    return _write_content(value)


def _write_content(value: object) -> bytes:
    if isinstance(value, str):
        return field(_STRING, value.encode("utf-8", "surrogateescape"))
    if isinstance(value, bytes):
        return field(_BYTES, value)
    if isinstance(value, list):
        return field(_ARRAY, b"".join([field(1, write(element)) for element in value]))
    if isinstance(value, dict):
        pairs = [write_key_value(str(key), write(element)) for key, element in value.items()]
        return field(_MAP, b"".join([field(1, pair) for pair in pairs]))
    message = f"an attribute cannot be {value!r}"
    raise ValueError(message)


def write_key_value(key: str, value: bytes) -> bytes:
    """Return a ``KeyValue`` of a key and a serialised value."""
    return field(1, key.encode("utf-8", "surrogateescape")) + field(2, value)


def as_text(value: object) -> str:
    """Return a value as the Collector writes it where text is wanted: ``true``, ``1.5``, JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        import base64  # noqa: PLC0415 - rarely needed

        return base64.b64encode(value).decode()
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, (list, dict)):
        import json  # noqa: PLC0415 - rarely needed

        return json.dumps(
            value, separators=(",", ":"), sort_keys=True, ensure_ascii=False, default=as_text
        )
    return str(value).lower()


def _float_text(value: float) -> str:
    """Write a number as Go's JSON does: without ``.0``, with an exponent where it is long."""
    found = repr(value)
    if "e" not in found:
        return found.removesuffix(".0")
    if 1e-6 <= abs(value) < 1e21:  # noqa: PLR2004 - the range in which Go writes no exponent
        import decimal  # noqa: PLC0415 - rarely needed

        return format(decimal.Decimal(found), "f")
    return found.replace("e-0", "e-")
