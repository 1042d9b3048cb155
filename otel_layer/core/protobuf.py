"""The protobuf wire format, as far as OTLP needs it: values in, bytes out.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from struct import Struct

DOUBLE = Struct("<d").pack
FIXED64 = Struct("<Q").pack
FIXED32 = Struct("<I").pack
"""Encode a number of as many bits, without its tag."""

_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))
"""The varints of one byte: nearly every length and tag, looked up instead of computed."""

_UINT64 = (1 << 64) - 1


def varint(value: int) -> bytes:
    """Encode an integer of 64 bits; a negative one as its two's complement (10 bytes)."""
    if 0 <= value < 0x80:  # noqa: PLR2004  # the seven bits of one byte
        return _ONE_BYTE[value]
    value &= _UINT64
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004  # as above
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def field(tag: bytes, payload: bytes) -> bytes:
    """Encode a length-delimited field: a string, bytes or a message.

    Args:
        tag: Field number and wire type 2, already a varint.
        payload: The content.
    """
    size = len(payload)
    if size < 0x80:  # noqa: PLR2004  # one byte of length
        return tag + _ONE_BYTE[size] + payload
    return tag + varint(size) + payload


def utf8(text: str) -> bytes:
    """Encode text as protobuf demands it, valid UTF-8.

    A lone surrogate (from ``surrogateescape``, or JSON with half a pair) becomes ``?``:
    one unreadable character is better than the loss of the span that has it.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
