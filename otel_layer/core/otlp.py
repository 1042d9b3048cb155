"""Spans to OTLP: finished spans in, bodies of ``/v1/traces`` requests out.

It means what the exporters of the OpenTelemetry project make of the same spans (a property
test compares them), without the 30 ms and the 10 MB that importing ``protobuf`` costs.
Two decisions are ours, because there those exporters drop the attribute: a lone surrogate
becomes ``?``, and an integer beyond 64 bits its decimal string, as the specification says.

Source: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otel_layer.core.protobuf import DOUBLE, FIXED32, FIXED64, field, utf8, varint

if TYPE_CHECKING:
    # For the shapes alone: this module runs without the SDK.
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext
    from opentelemetry.trace.status import Status

_ENVELOPES_BYTES = 12
"""Tag and length of ResourceSpans and of ScopeSpans, at most: no request is over 32 GiB."""

KNOWN_KEYS_MAX = 1024
"""Attribute keys whose bytes are kept. Keys come from instrumentation and are few; a program
that makes them up at run time must not fill the memory."""

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1

UNFINISHED = "otel_layer.unfinished"
"""The attribute of a span that is sent though it has not ended."""


_IS_REMOTE_IS_KNOWN = 0x100
_IS_REMOTE = 0x200
"""``SpanFlags`` of trace.proto, bits 8 and 9."""


class EncodedItem:
    """One item of a signal, serialised; what it shares with others is kept apart to be sent once.

    A span, a metric or a log record: the requests of the signals have the same fields.
    """

    __slots__ = ("item", "resource", "scope", "size_bytes")

    def __init__(self, resource: bytes, scope: bytes, item: bytes) -> None:
        self.resource = resource  # fields of ResourceSpans and its like: resource and schema_url
        self.scope = scope  # fields of ScopeSpans and its like: scope and schema_url
        self.item = item  # field of ScopeSpans and its like: one of its items
        # How large a request is that holds this item alone, at most.
        self.size_bytes = len(resource) + len(scope) + len(item) + _ENVELOPES_BYTES


class Encoder:
    """Serialise spans, remembering the bytes that come again: keys, resource, scopes.

    Not thread-safe in its caches' bounds only: two threads may both encode a key.
    """

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self._resource: tuple[Resource | None, bytes] = (None, b"")
        self._scopes: dict[int, tuple[InstrumentationScope | None, bytes]] = {}

    def encode(self, span: ReadableSpan, *, is_unfinished: bool = False) -> EncodedItem:
        """Serialise one span; one that has not ended has no end time in it.

        Args:
            span: Other threads may change it meanwhile.
            is_unfinished: Say so, in an attribute.
        """
        encoded = self._span(span)
        if is_unfinished:
            encoded += field(b"\x4a", self._key(UNFINISHED) + field(b"\x12", b"\x10\x01"))
        return self._item(span.resource, span.instrumentation_scope, encoded)

    def _item(
        self, resource: Resource, scope: InstrumentationScope | None, content: bytes
    ) -> EncodedItem:
        shared = self._resource_fields(resource), self._scope_fields(scope)
        return EncodedItem(*shared, field(b"\x12", content))

    def _span(self, span: ReadableSpan) -> bytes:
        context, parent = span.get_span_context(), span.parent
        assert context is not None, "only a span made by hand has no context"
        parts = [
            b"\x0a\x10",
            context.trace_id.to_bytes(16, "big"),
            b"\x12\x08",
            context.span_id.to_bytes(8, "big"),
        ]
        if context.trace_state:
            pairs = [f"{key}={value}" for key, value in context.trace_state.items()]
            parts.append(field(b"\x1a", utf8(",".join(pairs))))
        if parent:
            parts += b"\x22\x08", parent.span_id.to_bytes(8, "big")
        if span.name:
            parts.append(field(b"\x2a", utf8(span.name)))
        # The SDK counts the kinds from zero, the protocol from one.
        parts += b"\x30", varint(span.kind.value + 1)
        if span.start_time:
            parts += b"\x39", FIXED64(span.start_time)
        if span.end_time:
            parts += b"\x41", FIXED64(span.end_time)
        self._add_lists(span, parts)
        parts += field(b"\x7a", _status(span.status)), b"\x85\x01", _flags(parent)
        return b"".join(parts)

    def _add_lists(self, span: ReadableSpan, parts: list[bytes]) -> None:
        self._add_attributes(b"\x4a", span.attributes, parts)
        _add_count(b"\x50", span.dropped_attributes, parts)
        parts += [field(b"\x5a", self._event(event)) for event in span.events]
        _add_count(b"\x60", span.dropped_events, parts)
        parts += [field(b"\x6a", self._link(link)) for link in span.links]
        _add_count(b"\x70", span.dropped_links, parts)

    def _event(self, event: Event) -> bytes:
        parts = [b"\x09", FIXED64(event.timestamp), field(b"\x12", utf8(event.name))]
        self._add_attributes(b"\x1a", event.attributes, parts)
        _add_count(b"\x20", event.dropped_attributes, parts)
        return b"".join(parts)

    def _link(self, link: Link) -> bytes:
        parts = [
            b"\x0a\x10",
            link.context.trace_id.to_bytes(16, "big"),
            b"\x12\x08",
            link.context.span_id.to_bytes(8, "big"),
        ]
        self._add_attributes(b"\x22", link.attributes, parts)
        _add_count(b"\x28", link.dropped_attributes, parts)
        parts += b"\x35", _flags(link.context)
        return b"".join(parts)

    def _resource_fields(self, resource: Resource) -> bytes:
        known, encoded = self._resource
        if known is not resource:
            parts: list[bytes] = []
            self._add_attributes(b"\x0a", resource.attributes, parts)
            encoded = field(b"\x0a", b"".join(parts)) + _schema_url(resource.schema_url)
            self._resource = (resource, encoded)
        return encoded

    def _scope_fields(self, scope: InstrumentationScope | None) -> bytes:
        # By identity: the hash of a scope is computed in Python, on every use. The entry
        # holds the scope, so that its id is not given to another object.
        known = self._scopes.get(id(scope))
        if known is None:
            if len(self._scopes) >= KNOWN_KEYS_MAX:
                self._scopes.clear()
            known = self._scopes[id(scope)] = (scope, self._scope(scope))
        return known[1]

    def _scope(self, scope: InstrumentationScope | None) -> bytes:
        if scope is None:
            return field(b"\x0a", b"")
        parts = []
        if scope.name:
            parts.append(field(b"\x0a", utf8(scope.name)))
        if scope.version:
            parts.append(field(b"\x12", utf8(scope.version)))
        # The customer's own SDK may be older than the attributes of a scope (1.26).
        self._add_attributes(b"\x1a", getattr(scope, "attributes", None), parts)
        return field(b"\x0a", b"".join(parts)) + _schema_url(scope.schema_url)

    def _add_attributes(
        self, tag: bytes, attributes: Mapping[str, object] | None, parts: list[bytes]
    ) -> None:
        if not attributes:
            return
        for key, value in _items(attributes):
            parts.append(field(tag, self._key(key) + field(b"\x12", self._value(value))))

    def _key(self, key: str) -> bytes:
        encoded = self._keys.get(key)
        if encoded is None:
            if len(self._keys) >= KNOWN_KEYS_MAX:
                self._keys.clear()
            encoded = self._keys[key] = field(b"\x0a", utf8(str(key)))
        return encoded

    def _value(self, value: Any) -> bytes:  # noqa: ANN401  # anything may be an attribute
        # An AnyValue; the exact types first, because nearly all values have one.
        kind = type(value)
        if kind is str:
            return field(b"\x0a", utf8(value))
        if kind is int:
            return _integer(value)
        if kind is bool:
            return b"\x10\x01" if value else b"\x10\x00"
        if value is None:
            return b""
        return self._rarer_value(value)

    def _rarer_value(self, value: object) -> bytes:
        if isinstance(value, float):
            return b"\x21" + DOUBLE(value)
        if isinstance(value, int):
            return _integer(int(value))
        if isinstance(value, bytes):
            return field(b"\x3a", value)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return field(b"\x2a", b"".join([field(b"\x0a", self._value(one)) for one in value]))
        if isinstance(value, Mapping):
            parts: list[bytes] = []
            self._add_attributes(b"\x0a", value, parts)
            return field(b"\x32", b"".join(parts))
        # Of an enumeration of strings the value, not the name; the SDK leaves nothing else.
        return field(b"\x0a", utf8(str.__str__(value) if isinstance(value, str) else str(value)))


def batches(items: Sequence[EncodedItem], size_bytes_max: int) -> list[list[EncodedItem]]:
    """Divide items into requests of a bounded size.

    An item is counted together with its resource and scope, though it may share them with
    its neighbours: requests are never larger than the bound, and somewhat smaller than needed.

    Args:
        items: In the order in which they shall be sent.
        size_bytes_max: The largest request; a single item that is larger goes alone.

    Returns:
        What belongs to each request, none of it empty.
    """
    divided: list[list[EncodedItem]] = []
    free_bytes = 0
    for item in items:
        if not divided or item.size_bytes > free_bytes:
            divided.append([])
            free_bytes = size_bytes_max
        divided[-1].append(item)
        free_bytes -= item.size_bytes
    return divided


def request(items: Sequence[EncodedItem]) -> bytes:
    """Merge items of one signal into one serialised export request; empty for no items."""
    grouped: dict[bytes, dict[bytes, list[bytes]]] = {}
    for item in items:
        scopes = grouped.setdefault(item.resource, {})
        scopes.setdefault(item.scope, [item.scope]).append(item.item)
    return b"".join([_of_resource(*group) for group in grouped.items()])


def _of_resource(resource: bytes, scopes: Mapping[bytes, list[bytes]]) -> bytes:
    of_scopes = [field(b"\x12", b"".join(parts)) for parts in scopes.values()]
    return field(b"\x0a", resource + b"".join(of_scopes))


def _items(attributes: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    # The SDK's attributes are a mapping written in Python; its ``copy`` is a plain dict,
    # three times as fast to walk. A read-only view of a mapping without one raises.
    try:
        return attributes.copy().items()  # type: ignore[attr-defined,no-any-return]  # see above
    except AttributeError:
        return attributes.items()


def _integer(value: int) -> bytes:
    if INT64_MIN <= value <= INT64_MAX:
        return b"\x18" + varint(value)
    try:
        return field(b"\x0a", str(value).encode())
    except ValueError:  # thousands of digits: Python refuses to spell them out in decimal
        return field(b"\x0a", hex(value).encode())


def _status(status: Status) -> bytes:
    encoded = b""
    if status.description:
        encoded = field(b"\x12", utf8(status.description))
    _code: int = status.status_code.value
    return encoded + b"\x18" + varint(_code) if _code else encoded


def _flags(parent: SpanContext | None) -> bytes:
    if parent and parent.is_remote:
        return FIXED32(_IS_REMOTE_IS_KNOWN | _IS_REMOTE)
    return FIXED32(_IS_REMOTE_IS_KNOWN)


def _add_count(tag: bytes, count: int, parts: list[bytes]) -> None:
    if count:
        parts += tag, varint(count)


def _schema_url(url: str | None) -> bytes:
    return field(b"\x1a", utf8(url)) if url else b""
