"""What became of the items of one signal: on the way through a pipeline, or to an endpoint.

Promise: what was received is exported, dropped for a reason, or still carried. An item is a
span, a metric's data point or a log record.
"""

from __future__ import annotations

from collector_ext.core.otlp import Signal

BUFFER_FULL = "buffer_full"
REJECTED = "rejected"
SHUTDOWN = "shutdown"
FILTERED = "filtered"
PROCESSOR = "processor"
"""Reasons beside the names of failures."""


class Account:
    """Count items.

    Attributes:
        received: Items that were taken in.
        exported: Items that the endpoint accepted, or that were handed on.
        dropped: Items that were given up, by reason.
    """

    def __init__(self) -> None:
        self.received = 0
        self.exported = 0
        self.dropped: dict[str, int] = {}

    @property
    def dropped_count(self) -> int:
        """All that were given up."""
        return sum(self.dropped.values())

    @property
    def carried(self) -> int:
        """What is neither exported nor dropped."""
        return self.received - self.exported - self.dropped_count

    def drop(self, reason: str, count: int) -> None:
        """Count items as given up."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def text(self, signal: Signal, passed: str) -> str:
        """Return it in words: ``12 spans received, 10 exported, 2 dropped (timeout 2)``.

        Args:
            signal: Whose items are counted.
            passed: What has become of those that were not dropped.
        """
        parts = [f"{signal.amount(self.received)} received", f"{self.exported} {passed}"]
        if self.carried:
            parts.append(f"{self.carried} carried over")
        if self.dropped:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self.dropped.items())
            parts.append(f"{self.dropped_count} dropped ({reasons})")
        return ", ".join(parts)
