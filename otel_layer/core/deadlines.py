"""Which running invocations are about to run out of time, and when to look.

Two threads use it without a lock, so that the handler's never waits: the handler's calls ``set``
and ``unset``, the timer's ``due`` and ``sleep``. Each step is one operation of a dictionary or an
attribute, and their order makes up for the lock:

- ``set`` enters the invocation first and asks then whether the timer sleeps too long;
- ``sleep`` says first that it sleeps without end and looks then for what there is.

So an invocation that ``sleep`` does not see was entered after that, and ``set`` wakes the timer.
"""

from __future__ import annotations

import math

LEAD_S = 0.6
"""Before the deadline. The collector exports what has ended 0.5 s before it, and what goes along
with a snapshot should be there by then; a tenth of a second is what a function with 128 MB may
have to wait for its fourteenth of a processor. Earlier, and the snapshot would miss calls that
begin later."""

LEAD_SHARE = 0.2
"""Of the time there is, at most: with a timeout of 1 s, which is Lambda's shortest, a snapshot
0.6 s before its end would be about its beginning."""

REMAINING_S_MAX = 24 * 60 * 60
"""More than any invocation has: what says so is no context of Lambda's."""

NEVER = math.inf


class Deadlines:
    """Know the running invocations' deadlines. All instants are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[float, float]] = {}  # when it is due, and its deadline
        self._looks_at = NEVER

    def set(self, request_id: str, remaining_s: float, now: float) -> bool:
        """Take note of an invocation.

        Args:
            request_id: Of the invocation.
            remaining_s: Until its deadline; nothing is noted when that has passed, or is none.
            now: The time.

        Returns:
            Whether the timer has to be woken: it would look too late by itself.
        """
        if not 0 < remaining_s <= REMAINING_S_MAX:
            return False
        due_at = now + remaining_s - min(LEAD_S, remaining_s * LEAD_SHARE)
        self._running[request_id] = (due_at, now + remaining_s)
        return due_at < self._looks_at

    def unset(self, request_id: str) -> None:
        """Take note that an invocation is over. The timer may look in vain once."""
        self._running.pop(request_id, None)

    def due(self, now: float) -> list[str]:
        """Give out the invocations that are about to run out of time, each of them once.

        One whose deadline has passed is none of them: the environment was frozen meanwhile, and
        the time now is another invocation's.
        """
        found = []
        for request_id, times in self._running.copy().items():
            due_at, deadline_at = times
            # Only if nobody has ended it since, or begun it anew under the same id.
            if due_at <= now and self._running.get(request_id) is times:
                self._running.pop(request_id, None)
                if now < deadline_at:
                    found.append(request_id)
        return found

    def sleep(self) -> float:
        """Return when the timer has to look again; ``NEVER`` if not before it is woken."""
        self._looks_at = NEVER
        looks_at = min((due_at for due_at, _ in self._running.copy().values()), default=NEVER)
        self._looks_at = looks_at
        return looks_at
