"""The protobuf wire format, as far as a pass-through collector has to know it.

A body is walked only to check it on receipt, and when an invocation failed: then spans that
never ended are ended, and spans that were delivered already are taken out.

Shapes, field numbers from opentelemetry-proto v1 (trace/v1/trace.proto)::

    ExportTraceServiceRequest  1: ResourceSpans*
    ResourceSpans              1: Resource  2: ScopeSpans*  3: schema_url
    ScopeSpans                 1: scope     2: Span*        3: schema_url
    Span                       2: span_id  7: start  8: end_time_unix_nano  15: Status
    Status                     2: message  3: code

The metrics and logs requests have the same two outer levels.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
_FIXED64_MAX = 2**64 - 1
_VARINT_BYTES_MAX = 10  # 64 bits in groups of 7

_RESOURCE_SPANS = 1
_SCOPE_SPANS = 2
_SPANS = 2
_SPAN_ID = 2
_START_TIME = 7
_END_TIME_TAG = bytes([8 << 3 | FIXED64])
_STATUS = 15
_STATUS_TAG = bytes([_STATUS << 3 | LENGTH_DELIMITED])
_STATUS_MESSAGE_TAG = bytes([2 << 3 | LENGTH_DELIMITED])
_STATUS_CODE = 3
_STATUS_CODE_ERROR = bytes([_STATUS_CODE << 3 | VARINT, 2])
_SPAN_ID_PREFIX = bytes([_SPAN_ID << 3 | LENGTH_DELIMITED, 8])


class MalformedError(ValueError):
    """The bytes are not a protobuf message of the expected shape."""


class Field:
    """Where one field of a message lies: ``tag_at <= value_at <= end``."""

    __slots__ = ("end", "number", "tag_at", "value_at", "wire_type")

    def __init__(self, number: int, wire_type: int, tag_at: int, value_at: int, end: int) -> None:
        self.number = number
        self.wire_type = wire_type
        self.tag_at = tag_at
        self.value_at = value_at
        self.end = end


def check_export_request(body: bytes) -> None:
    """Make sure that ``body`` can be merged with others without harm to them.

    Two levels deep: an export request is nothing but fields 1 that hold messages, and those
    are whole messages too. Few fields, however many spans.

    Raises:
        MalformedError: It is not an export request of any signal.
    """
    for field in fields(body, 0, len(body)):
        if field.number != _RESOURCE_SPANS or field.wire_type != LENGTH_DELIMITED:
            message = f"field {field.number} of type {field.wire_type} in an export request"
            raise MalformedError(message)
        for _ in fields(body, field.value_at, field.end):
            pass


def top_level_fields(body: bytes) -> Iterator[bytes]:
    """Yield the fields of a message, each with its tag: joined, they are the message again.

    Of an export request each is one by itself: the telemetry of one resource.

    Raises:
        MalformedError: It is no message.
    """
    for field in fields(body, 0, len(body)):
        yield body[field.tag_at : field.end]


def span_ids(body: bytes) -> list[bytes]:
    """Return the ids of all spans in an export request, in their order.

    Raises:
        MalformedError: The request cannot be walked down to its spans.
    """
    return [_span_id(body, start, end) for start, end in _spans(body)]


def start_ns(body: bytes) -> int:
    """Return when the first span of an export request started; 0 without one.

    Raises:
        MalformedError: The request cannot be walked down to that span.
    """
    for start, end in _spans(body):
        return _start_ns(body, start, end)
    return 0


def holds_span(body: bytes, span_id: bytes) -> bool:
    """Return whether the request has a span of this id; no when it cannot be walked."""
    # Others name it as their parent, only itself as its id: this spares nearly every walk.
    if _SPAN_ID_PREFIX + span_id not in body:
        return False
    try:
        return span_id in span_ids(body)
    except MalformedError:
        return False


def holds_failed_span(body: bytes, span_id: bytes) -> bool:
    """Return whether the request has a span of this id, and it is an ERROR; as ``holds_span``."""
    try:
        return any(
            _span_id(body, start, end) == span_id and _is_error(body[start:end])
            for start, end in _spans(body)
        )
    except MalformedError:
        return False


def without_spans(body: bytes, unwanted_ids: Collection[bytes]) -> bytes:
    """Return the request without the spans of these ids; empty when no other is left.

    One that cannot be walked is returned as it is: its judge is the endpoint.
    """
    try:
        return _edit_spans(
            body, lambda span: b"" if _span_id(span, 0, len(span)) in unwanted_ids else span
        )
    except MalformedError:
        return body


def append_to_spans(body: bytes, content: bytes) -> bytes:
    """Return the request with serialised fields at the end of every span.

    Of a repeated singular field the last one counts; a list grows.

    Raises:
        MalformedError: The request cannot be walked down to its spans.
    """
    return _edit_spans(body, lambda span: span + content)


def end_spans(body: bytes, *, end_ns: int, message: str) -> bytes:
    """Return the request with every span ended as an ERROR.

    End time and status are appended to each span: of a repeated singular field the last one
    counts. One that is an ERROR already knows better why, and keeps its status. No span ends
    before it started: the platform's times are cut to milliseconds.

    Args:
        body: A trace export request.
        end_ns: Nanoseconds since the epoch.
        message: The description of the error, e.g. ``timeout``.

    Raises:
        MalformedError: The request cannot be walked down to its spans.
    """
    text = message.encode()
    status = _STATUS_MESSAGE_TAG + varint(len(text)) + text + _STATUS_CODE_ERROR
    ending = _STATUS_TAG + varint(len(status)) + status

    def end(span: bytes) -> bytes:
        at_ns = min(max(end_ns, _start_ns(span, 0, len(span))), _FIXED64_MAX)
        ended = span + _END_TIME_TAG + at_ns.to_bytes(8, "little")
        return ended if _is_error(span) else ended + ending

    return _edit_spans(body, end)


def partial_success(body: bytes) -> tuple[int, str]:
    """Return how many items an export response says were rejected, and why; 0 for none.

    Shape: ``ExportTraceServiceResponse 1: partial_success {1: rejected count, 2: message}``,
    alike for all signals. An answer that cannot be read rejects nothing.
    """
    rejected, message = 0, ""
    try:
        for field in fields(body, 0, len(body)):
            for inner in fields(body, field.value_at, field.end):
                if inner.number == 1 and inner.wire_type == VARINT:
                    rejected = read_varint(body, inner.value_at, inner.end)[0]
                elif inner.wire_type == LENGTH_DELIMITED:
                    message = body[inner.value_at : inner.end].decode("utf-8", "replace")
    except MalformedError:
        return 0, ""
    return rejected, message


def rpc_status(code: int, message: str) -> bytes:
    """Return a serialised ``google.rpc.Status {1: code, 2: message}``."""
    text = message.encode()
    return bytes([1 << 3 | VARINT]) + varint(code) + _STATUS_MESSAGE_TAG + varint(len(text)) + text


def _edit_spans(body: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """Return the request with each span replaced by ``edit(span)``; empty means removed."""
    return _edit_messages(
        body,
        _RESOURCE_SPANS,
        lambda resource_spans: _edit_messages(
            resource_spans,
            _SCOPE_SPANS,
            lambda scope_spans: _edit_messages(scope_spans, _SPANS, edit),
        ),
    )


def _edit_messages(message: bytes, number: int, edit: Callable[[bytes], bytes]) -> bytes:
    """Replace each message in field ``number``; drop those that are edited to nothing.

    Returns:
        The new message, enclosing lengths rewritten; empty when it had such fields and lost
        them all, so that no empty ScopeSpans or ResourceSpans stay behind.
    """
    parts: list[bytes] = []
    lost = kept = 0
    for field in fields(message, 0, len(message)):
        if field.number != number or field.wire_type != LENGTH_DELIMITED:
            parts.append(message[field.tag_at : field.end])
            continue
        edited = edit(message[field.value_at : field.end])
        if edited:
            kept += 1
            parts += (bytes([number << 3 | LENGTH_DELIMITED]), varint(len(edited)), edited)
        else:
            lost += 1
    return b"" if lost and not kept else b"".join(parts)


def _spans(body: bytes) -> Iterator[tuple[int, int]]:
    for resource_start, resource_end in contents(body, (_RESOURCE_SPANS,), 0, len(body)):
        for start, end in contents(body, (_SCOPE_SPANS,), resource_start, resource_end):
            yield from contents(body, (_SPANS,), start, end)


def _span_id(data: bytes, start: int, end: int) -> bytes:
    for field in fields(data, start, end):
        if field.number == _SPAN_ID and field.wire_type == LENGTH_DELIMITED:
            return data[field.value_at : field.end]
    return b""


def _start_ns(data: bytes, start: int, end: int) -> int:
    for field in fields(data, start, end):
        if field.number == _START_TIME and field.wire_type == FIXED64:
            return int.from_bytes(data[field.value_at : field.end], "little")
    return 0


def _is_error(span: bytes) -> bool:
    code = b""
    for status_at, status_end in contents(span, (_STATUS,), 0, len(span)):
        for field in fields(span, status_at, status_end):
            if field.number == _STATUS_CODE:
                code = span[field.tag_at : field.end]
    return code == _STATUS_CODE_ERROR


def fields(data: bytes, start: int, end: int) -> Iterator[Field]:
    """Walk the fields of the message in ``data[start:end]``, which must fill it exactly."""
    at = start
    while at < end:
        tag, value_at = read_varint(data, at, end)
        wire_type = tag & 7
        if wire_type == LENGTH_DELIMITED:
            length, value_at = read_varint(data, value_at, end)
            stop = value_at + length
        elif wire_type == VARINT:
            _, stop = read_varint(data, value_at, end)
        elif wire_type in {FIXED64, FIXED32}:
            stop = value_at + (8 if wire_type == FIXED64 else 4)
        else:
            message = f"wire type {wire_type} at byte {at}"
            raise MalformedError(message)
        if stop > end or tag < 8:  # noqa: PLR2004 - there is no field 0
            raise _beyond(at)
        yield Field(tag >> 3, wire_type, at, value_at, stop)
        at = stop


def contents(
    data: bytes, numbers: tuple[int, ...], start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Yield where the contents of some fields lie: their first byte, and the one behind them.

    What `fields` would tell, in a fifth of its time: a field that holds a message has nearly
    always a tag of one byte and a length of one or two, which are read right here.

    Args:
        data: Whose part ``data[start:end]`` is the message.
        numbers: The fields that are wanted; of these, only what is length-delimited.
        start: Of the message.
        end: Of the message.
    """
    at = start
    while at < end:
        tag = data[at]
        if not 8 <= tag < 0x80 or tag & 7 != LENGTH_DELIMITED or at + 2 >= end:  # noqa: PLR2004 - fields 1 to 15, of which two bytes follow
            field = next(fields(data, at, end))
            number, value_at, stop = field.number, field.value_at, field.end
            is_content = field.wire_type == LENGTH_DELIMITED
        else:
            number, is_content = tag >> 3, True
            length, high = data[at + 1], data[at + 2]
            if length < 0x80:  # noqa: PLR2004 - the bit that says that more follows
                value_at = at + 2
            elif high < 0x80:  # noqa: PLR2004 - the same
                length, value_at = length & 0x7F | high << 7, at + 3
            else:
                length, value_at = read_varint(data, at + 1, end)
            stop = value_at + length
            if stop > end:
                raise _beyond(at)
        if is_content and number in numbers:
            yield value_at, stop
        at = stop


def _beyond(at: int) -> MalformedError:
    return MalformedError(f"a field at byte {at} that ends beyond its message")


def read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the varint at ``at`` and the position after it."""
    value = 0
    for index in range(at, min(at + _VARINT_BYTES_MAX, end)):
        byte = data[index]
        value |= (byte & 0x7F) << 7 * (index - at)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, index + 1
    message = f"no varint at byte {at}"
    raise MalformedError(message)


def varint(value: int) -> bytes:
    """Return the varint of a number that is not negative."""
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits per byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
