"""Export requests in protobuf to OTLP's JSON.

Fields that are not known are left out, as are default values; texts that are not UTF-8 are
mended. What protobuf says of repetition holds: of a scalar the last counts, messages merge.

Specification: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from collector_ext.core.otlp import JSON
from collector_ext.core.transcode.kinds import Kind
from collector_ext.core.transcode.messages import REQUESTS
from collector_ext.core.transcode.schema import DEPTH_MAX, EITHER, MANY, ONE, Message
from collector_ext.core.wire import (
    FIXED32,
    FIXED64,
    LENGTH_DELIMITED,
    VARINT,
    MalformedError,
    fields,
    read_varint,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from collector_ext.core import wire
    from collector_ext.core.otlp import ExportRequest, Signal
    from collector_ext.core.transcode.schema import Field

_SIZES = {FIXED64: 8, FIXED32: 4}


def protobuf_to_json(signal: Signal, body: bytes) -> dict[str, Any]:
    """Return an export request as ``json.loads`` would return OTLP's JSON.

    Args:
        signal: Of the request.
        body: A serialised ``Export*ServiceRequest``.

    Raises:
        MalformedError: It is none, or nested deeper than ``DEPTH_MAX``.
    """
    return _Reader(REQUESTS[signal]).read(body, 1)


def to_json(request: ExportRequest) -> bytes:
    """Return the body of a request in OTLP's JSON, whichever encoding its payloads have.

    Raises:
        MalformedError: As ``protobuf_to_json``.
    """
    import json  # noqa: PLC0415 - 8 ms: only to write JSON

    body = request.merged()
    if request.content_type == JSON:
        return body
    content = protobuf_to_json(request.signal, body)
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


class _Reader:
    """Reads one message.

    Args:
        message: What it is.
    """

    __slots__ = ("_chosen", "_content", "_message", "_parts")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._content: dict[str, Any] = {}
        self._parts: dict[Field, list[bytes]] = {}  # of messages that are to be merged
        self._chosen: Field | None = None  # of the `oneof`

    def read(self, data: bytes, depth: int) -> dict[str, Any]:
        """Return the message in JSON.

        Args:
            data: All of it.
            depth: How many messages it is in, itself included.
        """
        if depth > DEPTH_MAX:
            message = f"messages nested deeper than {DEPTH_MAX}"
            raise MalformedError(message)
        for found in fields(data, 0, len(data)):
            field = self._message.by_number.get(found.number)
            if field is None:
                continue
            if field.label == MANY:
                self._take_many(field, found, data, depth)
            elif found.wire_type == field.wire_type:
                self._take_one(field, found, data)
        for field, parts in self._parts.items():
            assert isinstance(field.type, Message)
            content = _Reader(field.type).read(b"".join(parts), depth + 1)
            self._content[field.json_name] = content
        return self._content

    def _take_one(self, field: Field, found: wire.Field, data: bytes) -> None:
        if field.label == EITHER:
            self._choose(field)
        if isinstance(field.type, Message):
            self._content.setdefault(field.json_name, {})  # its place among the others
            self._parts.setdefault(field, []).append(data[found.value_at : found.end])
        elif field.label == ONE and data[found.value_at : found.end] == field.type.zero:
            self._content.pop(field.json_name, None)
        else:
            self._content[field.json_name] = field.type.read(data, found.value_at, found.end)

    def _choose(self, field: Field) -> None:
        chosen, self._chosen = self._chosen, field
        if chosen is not None and chosen is not field:
            self._content.pop(chosen.json_name, None)
            self._parts.pop(chosen, None)

    def _take_many(self, field: Field, found: wire.Field, data: bytes, depth: int) -> None:
        elements: list[Any]
        if found.wire_type == field.wire_type:
            if isinstance(field.type, Message):
                part = data[found.value_at : found.end]
                elements = [_Reader(field.type).read(part, depth + 1)]
            else:
                elements = [field.type.read(data, found.value_at, found.end)]
        elif found.wire_type == LENGTH_DELIMITED and isinstance(field.type, Kind):
            elements = list(_packed(field.type, data, found.value_at, found.end))
        else:
            return
        if elements:
            self._content.setdefault(field.json_name, []).extend(elements)


def _packed(kind: Kind, data: bytes, at: int, end: int) -> Iterator[object]:
    while at < end:
        stop = (
            read_varint(data, at, end)[1]
            if kind.wire_type == VARINT
            else at + _SIZES[kind.wire_type]
        )
        if stop > end:
            message = f"a packed number at byte {at} that ends beyond its list"
            raise MalformedError(message)
        yield kind.read(data, at, stop)
        at = stop
