"""The spans of running invocations that have started and not ended, for a snapshot of them.

Any thread starts and ends spans, also in a signal handler that interrupts another start; the
timer's thread reads. So there is no lock: each step is one operation of a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from otel_layer.core.otlp import EncodedItem

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

COUNT_MAX = 256
"""Spans besides the roots: a request holds no more of them, at 1 kB each. Beyond that the oldest
are forgotten: a call that hangs is one of the newest, and spans that nobody ever ends pile up as
the oldest."""


class OpenSpans:
    """Know which spans are open, by invocation."""

    def __init__(self) -> None:
        self._roots: dict[str, ReadableSpan] = {}
        self._spans: dict[int, tuple[str, ReadableSpan]] = {}  # by span id, oldest first

    def begin(self, request_id: str, root: ReadableSpan) -> None:
        """Take note of an invocation; from now on its spans are."""
        self._roots[request_id] = root

    def start(self, request_id: str, span_id: int, span: ReadableSpan) -> None:
        """Take note of a span that has started, unless its invocation does not run.

        Args:
            request_id: Of its invocation.
            span_id: Of the span.
            span: The span itself, which goes on changing.
        """
        if request_id not in self._roots:
            return
        if len(self._spans) >= COUNT_MAX:
            self._spans.pop(next(iter(self._spans.copy())), None)
        self._spans[span_id] = (request_id, span)

    def end(self, span_id: int) -> None:
        """Take note that a span has ended; it need not be one that is known."""
        self._spans.pop(span_id, None)

    def finish(self, request_id: str) -> None:
        """Forget an invocation, and what was never ended of it."""
        self._roots.pop(request_id, None)
        for span_id, (owner, _) in self._spans.copy().items():
            if owner == request_id:
                self._spans.pop(span_id, None)

    def of(self, request_id: str) -> list[ReadableSpan]:
        """Return what is open of an invocation: its root, then the others, newest first."""
        root = self._roots.get(request_id)
        if root is None:
            return []
        spans = [span for owner, span in self._spans.copy().values() if owner == request_id]
        return [root, *reversed(spans)]


def fitting(spans: Iterable[EncodedItem], size_bytes_max: int) -> list[EncodedItem]:
    """Choose what fits into one request: a second snapshot would replace the first.

    Args:
        spans: The most important first, which is taken whatever its size.
        size_bytes_max: Of all that is chosen.
    """
    chosen: list[EncodedItem] = []
    free_bytes = size_bytes_max
    for span in spans:
        if span.size_bytes <= free_bytes or not chosen:
            chosen.append(span)
            free_bytes -= span.size_bytes
    return chosen
