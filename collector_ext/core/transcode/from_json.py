"""Export requests in OTLP's JSON to protobuf.

Fields that are not known are left out, as the specification demands; ``null`` is an absent
field; names are known as JSON and as protobuf spell them.

Specification: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from collector_ext.core import json_text
from collector_ext.core.transcode.messages import REQUESTS
from collector_ext.core.transcode.schema import DEPTH_MAX, EITHER, MANY, ONE, Message
from collector_ext.core.wire import LENGTH_DELIMITED, varint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.otlp import Signal
    from collector_ext.core.transcode.schema import Field

    Path = tuple["Path", "str | int"] | None  # the last step, after all before it

_JSON_TYPES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class NotOtlpError(ValueError):
    """The text is no export request in OTLP's JSON.

    Its message is one clause that names the place by its path, and never has the value.
    """

    def __init__(self, path: Path, found: str) -> None:
        steps: list[str] = []
        while path is not None:
            path, step = path
            steps.append(f".{step}" if isinstance(step, str) else f"[{step}]")
        place = "".join(reversed(steps)).removeprefix(".") or "the request"
        super().__init__(f"{place} {found}")


def json_to_protobuf(signal: Signal, text: bytes) -> bytes:
    """Return the serialised ``Export*ServiceRequest`` that a text in JSON is.

    Raises:
        NotOtlpError: It has something else where a field of OTLP should be.
        ValueError: It is not JSON.
    """
    return _message(REQUESTS[signal], json_text.parse(text), None, 1)


def _message(message: Message, value: object, path: Path, depth: int) -> bytes:
    if not isinstance(value, dict):
        raise _fault(path, value, "an object")
    if depth > DEPTH_MAX:
        raise NotOtlpError(path, f"is nested deeper than {DEPTH_MAX} messages")
    parts: list[bytes] = []
    chosen: Field | None = None
    for name, content in value.items():
        field = message.by_name.get(name)
        if field is None or content is None:
            continue
        if field.label == EITHER:
            if chosen is not None:
                raise NotOtlpError(path, f"has both {chosen.json_name} and {field.json_name}")
            chosen = field
        place = (path, name)
        parts.append(
            _many(field, content, place, depth)
            if field.label == MANY
            else _one(field, content, place, depth)
        )
    return b"".join(parts)


def _one(field: Field, value: object, path: Path, depth: int) -> bytes:
    raw = _value(field, value, path, depth)
    if field.label == ONE and not isinstance(field.type, Message) and raw == field.type.zero:
        return b""
    return _tagged(field, raw)


def _many(field: Field, values: object, path: Path, depth: int) -> bytes:
    if not isinstance(values, list):
        raise _fault(path, values, "a list")
    parts = [_value(field, value, (path, index), depth) for index, value in enumerate(values)]
    if field.wire_type == LENGTH_DELIMITED:
        return b"".join([_tagged(field, part) for part in parts])
    packed = b"".join(parts)
    return field.tag_packed + varint(len(packed)) + packed if packed else b""


def _value(field: Field, value: object, path: Path, depth: int) -> bytes:
    if isinstance(field.type, Message):
        return _message(field.type, value, path, depth + 1)
    try:
        return field.type.write(value)
    except (ValueError, OverflowError):
        raise _fault(path, value, field.type.expected) from None


def _tagged(field: Field, raw: bytes) -> bytes:
    if field.wire_type == LENGTH_DELIMITED:
        return field.tag + varint(len(raw)) + raw
    return field.tag + raw


def _fault(path: Path, value: object, expected: str) -> NotOtlpError:
    return NotOtlpError(path, f"is {_JSON_TYPES[type(value)]}, not {expected}")
