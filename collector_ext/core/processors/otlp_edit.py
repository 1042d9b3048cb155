"""Editing export requests on the wire: what is not touched keeps its bytes.

Shapes, from opentelemetry-proto v1; the three signals have the same outer levels::

    ExportTraceServiceRequest  1: ResourceSpans*
    ResourceSpans              1: Resource  2: ScopeSpans*
    ScopeSpans                 1: InstrumentationScope  2: Span*, Metric* or LogRecord*
    Resource                   1: KeyValue*
    InstrumentationScope       1: name  2: version  3: KeyValue*
    Span                       9: KeyValue*  11: Event*
    Event                      3: KeyValue*
    LogRecord                  6: KeyValue*
    Metric                     5: gauge  7: sum  9: histogram  10: exponential  11: summary
    of these, each             1: data points*

A resource whose telemetry cannot be walked goes on as it came: its judge is the endpoint, and
its neighbours are processed all the same.
"""

from __future__ import annotations

from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.processors.any_value import field, key_value, read, write_key_value
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
    from collections.abc import Callable

    from collector_ext.core.otlp import Signal

    Edit = Callable[[bytes], bytes | None]  # None to take the message out
    ItemEdit = Callable[[bytes, bytes, bytes], bytes | None]  # of resource, scope and item

_RESOURCE, _SCOPES = 1, 2
_SCOPE, _ITEMS = 1, 2
RESOURCE_ATTRIBUTES = 1
SCOPE_ATTRIBUTES = 3
SPAN_EVENTS = 11
EVENT_ATTRIBUTES = 3
ITEM_ATTRIBUTES = {TRACES: 9, LOGS: 6}
POINT_ATTRIBUTES = {5: 7, 7: 7, 9: 9, 10: 1, 11: 7}
"""By the field of a metric that holds the points: where a point has its attributes."""
_POINTS = 1


def edit_messages(
    message: bytes, number: int, edit: Edit, *, may_be_empty: bool = False
) -> bytes | None:
    """Replace each message in field ``number``.

    Args:
        message: That holds them.
        number: Of the field.
        edit: Returns the message as it is to be.
        may_be_empty: What becomes of a message that has lost all of them.

    Returns:
        The new message, the same bytes where nothing changed; ``None`` if it is not to be
        empty, and is.
    """
    parts: list[bytes] = []
    lost = kept = 0
    is_changed = False
    for part in fields(message, 0, len(message)):
        if part.number != number or part.wire_type != LENGTH_DELIMITED:
            parts.append(message[part.tag_at : part.end])
            continue
        content = message[part.value_at : part.end]
        edited = edit(content)
        lost += edited is None
        kept += edited is not None
        if edited == content:
            parts.append(message[part.tag_at : part.end])
        else:
            is_changed = True
            parts.append(field(number, edited) if edited is not None else b"")
    if lost and not kept and not may_be_empty:
        return None
    return b"".join(parts) if is_changed else message


def edit_message(message: bytes, number: int, edit: Callable[[bytes], bytes]) -> bytes:
    """Replace the one message in field ``number``, which need not be there."""
    content = submessage(message, number)
    edited = edit(content)
    if edited == content:
        return message
    return without_field(message, number) + field(number, edited)


def edit_resources(body: bytes, edit: Edit) -> bytes:
    """Replace the telemetry of each resource: a ``ResourceSpans`` or the like."""

    def guarded(message: bytes) -> bytes | None:
        try:
            return edit(message)
        except MalformedError:
            return message

    try:
        return edit_messages(body, 1, guarded, may_be_empty=True) or b""
    except MalformedError:
        return body


def edit_items(body: bytes, edit: ItemEdit) -> bytes:
    """Replace each span, metric or log record; leave no resource without any."""

    def in_resource(group: bytes) -> bytes | None:
        resource = submessage(group, _RESOURCE)

        def in_scope(scoped: bytes) -> bytes | None:
            scope = submessage(scoped, _SCOPE)
            return edit_messages(scoped, _ITEMS, lambda item: edit(resource, scope, item))

        return edit_messages(group, _SCOPES, in_scope)

    return edit_resources(body, in_resource)


def edit_points(metric: bytes, edit: Callable[[int, bytes], bytes | None]) -> bytes | None:
    """Replace each data point of a metric; ``None`` when all of them were taken out.

    Args:
        metric: That holds them.
        edit: Takes the field number of the point's attributes, and the point.
    """
    edited: bytes | None = metric
    for number, attributes in POINT_ATTRIBUTES.items():
        if edited is not None:
            edited = edit_messages(edited, number, _points_of(attributes, edit))
    return edited


def _points_of(attributes: int, edit: Callable[[int, bytes], bytes | None]) -> Edit:
    return lambda data: edit_messages(data, _POINTS, lambda point: edit(attributes, point))


def edit_resource_attributes(body: bytes, edit: Callable[[Attributes], None]) -> bytes:
    """Let ``edit`` change the attributes of each resource."""

    def in_resource(resource: bytes) -> bytes:
        return edited_attributes(resource, RESOURCE_ATTRIBUTES, edit)

    return edit_resources(body, lambda group: edit_message(group, _RESOURCE, in_resource))


def edit_scope_attributes(body: bytes, edit: Callable[[Attributes], None]) -> bytes:
    """Let ``edit`` change the attributes of each scope that is named."""

    def in_scope(scope: bytes) -> bytes:
        return edited_attributes(scope, SCOPE_ATTRIBUTES, edit) if scope else scope

    def in_resource(group: bytes) -> bytes | None:
        return edit_messages(group, _SCOPES, lambda scoped: edit_message(scoped, _SCOPE, in_scope))

    return edit_resources(body, in_resource)


def edit_item_attributes(
    signal: Signal, item: bytes, edit: Callable[[Attributes], None]
) -> bytes | None:
    """Let ``edit`` change the attributes of a span or log record, or of each data point."""
    if signal == METRICS:
        return edit_points(item, lambda number, point: edited_attributes(point, number, edit))
    return edited_attributes(item, ITEM_ATTRIBUTES[signal], edit)


def edited_attributes(message: bytes, number: int, edit: Callable[[Attributes], None]) -> bytes:
    """Let ``edit`` change the attributes in field ``number`` of a message."""
    attributes = Attributes(message, number)
    edit(attributes)
    return attributes.message()


class Attributes:
    """The attributes of one message, in their order.

    A key that is there twice, against the specification, is read as its first; to change it
    is to leave one of it.
    """

    def __init__(self, message: bytes, number: int) -> None:
        self._message = message
        self._number = number
        self._is_read = False
        self._is_changed = False
        # Key, serialised value and field of each; no key once it is taken out.
        self._slots: list[tuple[str | None, bytes, bytes]] = []
        self._rest: list[bytes | None] = []  # the other fields; None where an attribute was

    def _read(self) -> None:
        if self._is_read:
            return
        self._is_read = True
        message = self._message
        for part in fields(message, 0, len(message)):
            raw = message[part.tag_at : part.end]
            if part.number == self._number and part.wire_type == LENGTH_DELIMITED:
                self._slots.append((*key_value(message[part.value_at : part.end]), raw))
                self._rest.append(None)
            else:
                self._rest.append(raw)

    def names(self) -> list[str]:
        """Return all keys, each once."""
        self._read()
        return list(dict.fromkeys(key for key, _, _ in self._slots if key is not None))

    def get(self, key: str) -> bytes | None:
        """Return the serialised value of a key."""
        # Most keys that are asked for are nowhere in the message: this spares the walk.
        if not self._is_read and key.encode("utf-8", "surrogateescape") not in self._message:
            return None
        self._read()
        return next((value for found, value, _ in self._slots if found == key), None)

    def value(self, key: str) -> object:
        """Return the value of a key; ``None`` without one."""
        found = self.get(key)
        return None if found is None else read(found)

    def put(self, key: str, value: bytes) -> None:
        """Set a key to a serialised value, in its place or behind all others."""
        self._read()
        places = [at for at, slot in enumerate(self._slots) if slot[0] == key]
        if len(places) == 1 and self._slots[places[0]][1] == value:
            return
        slot = (key, value, field(self._number, write_key_value(key, value)))
        if places:
            self.remove(key)
            self._slots[places[0]] = slot
        else:
            self._slots.append(slot)
            self._rest.append(None)
        self._is_changed = True

    def remove(self, key: str) -> None:
        """Take a key out, if it is there."""
        self._read()
        for at, slot in enumerate(self._slots):
            if slot[0] == key:
                self._slots[at] = (None, b"", b"")
                self._is_changed = True

    def message(self) -> bytes:
        """Return the message with its attributes as they are now."""
        if not self._is_changed:
            return self._message
        slots = iter(self._slots)
        return b"".join([next(slots)[2] if rest is None else rest for rest in self._rest])


def submessage(message: bytes, number: int) -> bytes:
    """Return the content of field ``number``, merged if it is there more than once."""
    return b"".join(
        [
            message[part.value_at : part.end]
            for part in fields(message, 0, len(message))
            if part.number == number and part.wire_type == LENGTH_DELIMITED
        ]
    )


def last_content(message: bytes, number: int) -> bytes:
    """Return the content of field ``number``, a string or bytes; empty without one."""
    found = b""
    for part in fields(message, 0, len(message)):
        if part.number == number and part.wire_type == LENGTH_DELIMITED:
            found = message[part.value_at : part.end]
    return found


def last_number(message: bytes, number: int) -> int:
    """Return the number in field ``number``, a varint or of fixed length; 0 without one."""
    found = 0
    for part in fields(message, 0, len(message)):
        if part.number != number:
            continue
        if part.wire_type == VARINT:
            found = read_varint(message, part.value_at, part.end)[0]
        elif part.wire_type in {FIXED64, FIXED32}:
            found = int.from_bytes(message[part.value_at : part.end], "little")
    return found


def without_field(message: bytes, number: int) -> bytes:
    """Return the message without field ``number``."""
    parts = fields(message, 0, len(message))
    return b"".join([message[p.tag_at : p.end] for p in parts if p.number != number])
