"""What waits to be sent of a signal, and when it is.

A span goes out when it ends, a log record when it is made, so that a crash loses almost
nothing; unless many have gone out moments ago, so that a busy function does not pay a system
call for each of them. What waits goes with the end of its invocation at the latest; where there
is no invocation, nothing waits.
"""

from __future__ import annotations

from otel_layer.core.otlp import EncodedItem

INTERVAL_S = 0.010
"""Between two requests, if there are many of them: a thousand spans in a second are a hundred
system calls, not a thousand."""

BURST_COUNT = 8
"""Requests that need not wait for each other, before that: most invocations have no more spans.
What waits dies with the process, and may wait long: a function that computes for minutes ends no
span meanwhile. One costs the function some 15 µs on a 2-core machine, so these 0.1 ms."""

REQUEST_BYTES_MAX = 256 * 1024
"""Of one request: the kernel has to hold it whole while the collector is busy. When as much
waits, there is no point in waiting longer."""

SIZE_BYTES_MAX = 1024 * 1024
"""What may wait while the collector does not read: memory of the function. Some thousand
spans; beyond that the oldest are lost, and counted."""


class Outbox:
    """Keeps the items of one signal by the invocation they belong to."""

    def __init__(self) -> None:
        self.lost_count = 0
        self._waiting: dict[str | None, list[EncodedItem]] = {}
        self._sizes_bytes: dict[str | None, int] = {}
        self._size_bytes = 0
        self._paid_until = float("-inf")  # as if requests had been sent at even intervals

    def put(self, request_id: str | None, span: EncodedItem) -> None:
        """Keep a span; where that is too much, lose the oldest.

        Args:
            request_id: Of its invocation; None if it belongs to none.
            span: The span, serialised.
        """
        self._waiting.setdefault(request_id, []).append(span)
        self._resize(request_id, span.size_bytes)
        # The one just put may be larger than everything allowed: it is sent before another.
        while self._size_bytes > SIZE_BYTES_MAX and self._lose_one_but(span):
            self.lost_count += 1

    def is_due(self, request_id: str | None, now: float) -> bool:
        """Return whether it is time for another request of an invocation.

        Args:
            request_id: Of the invocation. What waits of others would not go with it.
            now: Seconds, of the same clock as in ``sent``.
        """
        size_bytes = self._sizes_bytes.get(request_id, 0)
        is_early = self._paid_until - now > (BURST_COUNT - 1) * INTERVAL_S
        return not is_early or size_bytes >= REQUEST_BYTES_MAX

    def request_ids(self) -> list[str | None]:
        """Return the invocations of which spans wait."""
        return list(self._waiting)

    def take(self, request_id: str | None) -> list[EncodedItem]:
        """Give out the spans of an invocation, oldest first."""
        self._size_bytes -= self._sizes_bytes.pop(request_id, 0)
        return self._waiting.pop(request_id, [])

    def put_back(self, request_id: str | None, spans: list[EncodedItem]) -> None:
        """Keep spans again that could not be sent, before those that came later."""
        later = self.take(request_id)
        for span in spans + later:
            self.put(request_id, span)

    def sent(self, now: float) -> None:
        """Take note that a request was sent."""
        self._paid_until = max(self._paid_until, now) + INTERVAL_S

    def _lose_one_but(self, newest: EncodedItem) -> bool:
        for request_id, spans in self._waiting.items():
            if spans[0] is newest:
                continue
            self._resize(request_id, -spans.pop(0).size_bytes)
            if not spans:
                self.take(request_id)
            return True
        return False

    def _resize(self, request_id: str | None, by_bytes: int) -> None:
        self._sizes_bytes[request_id] = self._sizes_bytes.get(request_id, 0) + by_bytes
        self._size_bytes += by_bytes
