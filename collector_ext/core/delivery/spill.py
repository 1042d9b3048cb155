"""Payloads as the content of a file, for the next process of a reset environment.

Shape: a line that names the format, its version and the CRC-32 of all that follows, in hex;
then each payload, oldest first, as a line of its signal, content type, number of items, whether
it is suspect and its length in bytes, and its body::

    otel-layer-spill 1 3610a686
    traces application/x-protobuf 12 0 4711
    ...

Loaded when spilling is configured.
"""

from __future__ import annotations

import zlib

from collector_ext.core.otlp import JSON, PROTOBUF, SIGNALS, Payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = b"otel-layer-spill 1 "
_CHECK = b"%08x\n"
_HEAD_BYTES = len(_FORMAT) + len(_CHECK % 0)

_SIGNALS_BY_NAME = {signal.name.encode(): signal for signal in SIGNALS}
_CONTENT_TYPES = {content_type.encode(): content_type for content_type in (PROTOBUF, JSON)}
_FLAGS = {b"0": False, b"1": True}


def newest(payloads: Sequence[Payload], size_bytes_max: int) -> tuple[Payload, ...]:
    """Return as many of the last payloads as ``encode`` puts into so many bytes."""
    size_bytes = _HEAD_BYTES
    first = len(payloads)
    while first:
        payload = payloads[first - 1]
        size_bytes += len(_line(payload)) + len(payload.body)
        if size_bytes > size_bytes_max:
            break
        first -= 1
    return tuple(payloads[first:])


def encode(payloads: Sequence[Payload]) -> bytes:
    """Return the content of a file of these payloads, oldest first."""
    records = b"".join([part for payload in payloads for part in (_line(payload), payload.body)])
    return _FORMAT + _CHECK % zlib.crc32(records) + records


def decode(content: bytes) -> tuple[Payload, ...]:
    """Return the payloads in a file, oldest first.

    Raises:
        ValueError: It is not what ``encode`` wrote, all of it; the message is a clause.
    """
    if not content.startswith(_FORMAT):
        message = "it is no spill of this version"
        raise ValueError(message)
    check = _CHECK % zlib.crc32(memoryview(content)[_HEAD_BYTES:])
    if content[len(_FORMAT) : _HEAD_BYTES] != check:
        message = "it is not whole"
        raise ValueError(message)
    payloads: list[Payload] = []
    at = _HEAD_BYTES
    while at < len(content):
        payload, at = _payload_at(content, at)
        payloads.append(payload)
    return tuple(payloads)


def _line(payload: Payload) -> bytes:
    words = (
        payload.signal.name,
        payload.content_type,
        payload.item_count,
        int(payload.is_suspect),
        len(payload.body),
    )
    return " ".join(map(str, words)).encode() + b"\n"


def _payload_at(content: bytes, at: int) -> tuple[Payload, int]:
    """Return the payload whose line begins at ``at``, and the position behind it."""
    # The check was right: what is found here is no accident, but another idea of this format.
    try:
        body_at = content.index(b"\n", at) + 1
        name, content_type, item_count, is_suspect, size = content[at : body_at - 1].split(b" ")
        signal = _SIGNALS_BY_NAME[name]
        media_type = _CONTENT_TYPES[content_type]
        count, suspicion, end = int(item_count), _FLAGS[is_suspect], body_at + int(size)
    except (KeyError, ValueError):
        raise _no_payload(at) from None
    if count < 0 or not body_at <= end <= len(content):
        raise _no_payload(at)
    return Payload(signal, media_type, content[body_at:end], count, is_suspect=suspicion), end


def _no_payload(at: int) -> ValueError:
    return ValueError(f"there is no payload at byte {at}")
