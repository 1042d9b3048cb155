"""The root span of an invocation, as far as spans of ours have to know it.

Shapes, field numbers from opentelemetry-proto v1 (trace/v1/trace.proto)::

    ResourceSpans  1: Resource  2: ScopeSpans*  3: schema_url
    ScopeSpans     2: Span*
    Span           1: trace_id  2: span_id  3: trace_state  7: start
"""

from __future__ import annotations

from collector_ext.core.value import Value
from collector_ext.core.wire import (
    FIXED64,
    LENGTH_DELIMITED,
    MalformedError,
    contents,
    fields,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_RESOURCE_SPANS, _SCOPE_SPANS, _SPANS = 1, 2, 2
_RESOURCE, _SCHEMA_URL = 1, 3  # of ResourceSpans
_TRACE_ID, _SPAN_ID, _TRACE_STATE, _START_TIME = 1, 2, 3, 7

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8


class Root(Value):
    """What its children share with it, or begin from."""

    trace_id: bytes
    span_id: bytes
    trace_state: bytes
    start_ns: int  # since the epoch
    resource: bytes  # fields of ResourceSpans, with their tags: the resource and its schema_url


def root_in(body: bytes) -> Root | None:
    """Return the one span of a request; None where it has no ids, or cannot be walked to."""
    try:
        for outer, start, end in _spans(body):
            root = _root(body, start, end, _resource(body, *outer))
            has_ids = (len(root.trace_id), len(root.span_id)) == (_TRACE_ID_BYTES, _SPAN_ID_BYTES)
            return root if has_ids else None
    except MalformedError:
        pass
    return None


def _root(body: bytes, start: int, end: int, resource: bytes) -> Root:
    texts = {_TRACE_ID: b"", _SPAN_ID: b"", _TRACE_STATE: b""}
    start_ns = 0
    for field in fields(body, start, end):
        content = body[field.value_at : field.end]
        if field.number in texts and field.wire_type == LENGTH_DELIMITED:
            texts[field.number] = content
        elif field.number == _START_TIME and field.wire_type == FIXED64:
            start_ns = int.from_bytes(content, "little")
    return Root(texts[_TRACE_ID], texts[_SPAN_ID], texts[_TRACE_STATE], start_ns, resource)


def _resource(body: bytes, start: int, end: int) -> bytes:
    shared = [f for f in fields(body, start, end) if f.number in {_RESOURCE, _SCHEMA_URL}]
    return b"".join([body[field.tag_at : field.end] for field in shared])


def _spans(body: bytes) -> Iterator[tuple[tuple[int, int], int, int]]:
    """Yield where the ResourceSpans of each span lies, and the span."""
    for outer in contents(body, (_RESOURCE_SPANS,), 0, len(body)):
        for scope_start, scope_end in contents(body, (_SCOPE_SPANS,), *outer):
            for start, end in contents(body, (_SPANS,), scope_start, scope_end):
                yield outer, start, end
