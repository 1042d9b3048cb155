"""One pass over what waits for export: first tries, retries, what comes late; within a budget."""

from __future__ import annotations

from collector_ext.core.actions import Action

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.delivery.pipelines import Pipelines

OUTCOME_GRACE_S = 0.05
"""After the end of a flush's budget, for the exporters to say that they gave up, and why."""


class Flush:
    """Order exports until nothing waits that may be sent in time.

    Args:
        pipelines: What is flushed.
    """

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines
        self._started_at = self._until = 0.0

    def start(self, now: float, until: float, urgency: int) -> None:
        """Begin anew.

        Args:
            now: Seconds since the epoch.
            until: The end of its budget, likewise; nothing is ordered after it.
            urgency: ALONE, AWAITED or LAST.
        """
        self._started_at, self._until = now, until
        self._pipelines.start_flush(now, urgency)

    def close(self) -> None:
        """Let nothing in any more but what is tried again."""
        self._pipelines.close_flush()

    def shorten(self, until: float) -> None:
        """End it earlier: what is under way is awaited until then, at most."""
        self._until = min(self._until, until)

    def stop(self) -> None:
        """End it; what is under way goes on, and nobody waits for it."""
        self._until = self._started_at

    def orders(self, now: float, *, is_over: bool) -> list[Action]:
        """Return what is to be exported now, and what is to be said of it.

        Args:
            now: Seconds since the epoch.
            is_over: Whether no more of the same invocation is to come.
        """
        if not self.has_time(now):
            return []
        return [*self._pipelines.take(now, self._until, is_over=is_over)]

    def is_going_on(self, now: float) -> bool:
        """Whether an export is under way that may still have an outcome, or one is to come."""
        return self.timer_at(now) is not None

    def timer_at(self, now: float) -> float | None:
        """Return when to look at it again if no export finishes before; None when it is over."""
        if now < self._started_at:
            # The clock went back: nobody knows how long it has been going on.
            return None
        times = []
        awaited_until = self._pipelines.in_flight_until(now - OUTCOME_GRACE_S)
        if awaited_until is not None:
            awaited_until = min(awaited_until, self._until) + OUTCOME_GRACE_S
            if awaited_until > now:
                times.append(awaited_until)
        try_at = self._pipelines.try_at(now)
        if try_at is not None and try_at < self._until and self.has_time(now):
            times.append(try_at)
        return min(times, default=None)

    def has_time(self, now: float) -> bool:
        """Whether its budget is not spent."""
        return self._started_at <= now < self._until
