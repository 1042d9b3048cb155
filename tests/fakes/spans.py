"""Spans of the sandbox's trace views, told by what matters to a test."""

from __future__ import annotations

from typing import Any

from lambda_sandbox.core.views.traces import Span

MS = 1_000_000
"""Nanoseconds."""

START_NS = 1_795_438_801_123 * MS
"""2026-11-23 13:00:01.123 UTC."""


def span(
    number: int,
    parent: int | None = None,
    *,
    trace: int = 1,
    start_ms: float = 0,
    took_ms: float | None = 10,
    **fields: Any,
) -> Span:
    """Return a span.

    Args:
        number: Its id.
        parent: The id of its parent; None for a root.
        trace: The id of its trace.
        start_ms: After ``START_NS``.
        took_ms: None for a span that never ended.
        fields: Of ``Span``, in place of the defaults.
    """
    start_ns = START_NS + round(start_ms * MS)
    defaults: dict[str, Any] = {
        "trace_id": f"{trace:032x}",
        "span_id": f"{number:016x}",
        "parent_span_id": "" if parent is None else f"{parent:016x}",
        "name": "hello",
        "kind": "INTERNAL",
        "start_ns": start_ns,
        "end_ns": 0 if took_ms is None else start_ns + round(took_ms * MS),
        "resource": {"service.name": "hello"},
    }
    return Span(**{**defaults, **fields})
