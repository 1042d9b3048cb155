"""How long the function may wait for its collector.

The kernel takes what is sent at once, unless the collector has stopped reading. Then each
request would cost its whole time limit; so the time that may be spent on waiting is a supply.
"""

from __future__ import annotations

SEND_S = 0.1
"""For one request. A collector that is alive reads within a few milliseconds, even on the
fraction of a processor that a function with 128 MB has."""

SUPPLY_S = 0.3
"""What may be spent at once: three requests to a collector that is slow but alive."""

REFILL_PER_S = 0.03
"""How fast it comes back: a function is never slowed down by more than 3 % for long."""


class Patience:
    """The supply of time to wait. The end of an invocation does not ask it: it is sent once."""

    def __init__(self) -> None:
        self._left_s = SUPPLY_S
        self._at = 0.0

    def allows(self, now: float) -> bool:
        """Return whether there is enough for a whole request."""
        self._refill(now)
        return self._left_s >= SEND_S

    def waited(self, seconds: float, now: float) -> None:
        """Take note of time spent on a request that was taken in the end."""
        self._refill(now)
        self._left_s = max(self._left_s - seconds, 0)

    def failed(self, now: float) -> None:
        """Take note of a request that was not taken: the next few would not be either."""
        self._refill(now)
        self._left_s = 0

    def _refill(self, now: float) -> None:
        self._left_s = min(self._left_s + (now - self._at) * REFILL_PER_S, SUPPLY_S)
        self._at = now
