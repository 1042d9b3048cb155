"""The signals of OpenTelemetry: where their requests go, and what their items are called.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
"""

from __future__ import annotations


class Signal:
    """One of them."""

    __slots__ = ("items", "path")

    def __init__(self, path: bytes, items: str) -> None:
        self.path = path  # of its requests
        self.items = items  # what they hold


TRACES = Signal(b"/v1/traces", "spans")
METRICS = Signal(b"/v1/metrics", "metrics")
LOGS = Signal(b"/v1/logs", "log records")
