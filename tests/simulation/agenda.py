"""Virtual time: what is to happen, and when; nothing else in a simulated day knows the time."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

START_AT = 1_700_000_000.0

_THAW_S = 0.01
"""After a thaw, what should have happened before comes within this, in any order."""


class Agenda:
    """Let things happen in their order.

    Args:
        chance: Of the day.

    Attributes:
        elapsed_s: Since the day began, as it really is.
    """

    def __init__(self, chance: Random) -> None:
        self.elapsed_s = 0.0
        self._chance = chance
        self._offset_s = START_AT
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    @property
    def now(self) -> float:
        """What the environment's clock shows, in seconds since the epoch."""
        return self.elapsed_s + self._offset_s

    def jump(self, by_s: float) -> None:
        """Set the environment's clock; nothing is woken by it, as in `poll`."""
        self._offset_s += by_s

    def after(self, delay_s: float, happen: Callable[[], None]) -> None:
        """Let something happen in so many seconds."""
        heapq.heappush(self._entries, (self.elapsed_s + delay_s, next(self._numbers), happen))

    def next_at(self) -> float | None:
        """Return when the next thing happens, as elapsed seconds; None if nothing will."""
        return self._entries[0][0] if self._entries else None

    def happen(self) -> None:
        """Go on to the next thing, and let it happen."""
        at, _, happen = heapq.heappop(self._entries)
        self.elapsed_s = max(self.elapsed_s, at)
        happen()

    def freeze(self, freeze_s: float) -> None:
        """Let time pass, and nothing happen in it."""
        thaw_at = self.elapsed_s + freeze_s
        self._entries = [
            (at if at >= thaw_at else thaw_at + _THAW_S * self._chance.random(), number, happen)
            for at, number, happen in sorted(self._entries, key=lambda entry: entry[:2])
        ]
        heapq.heapify(self._entries)
        self.elapsed_s = thaw_at

    def clear(self) -> None:
        """Forget all that was to happen: the environment's processes are gone."""
        self._entries = []
