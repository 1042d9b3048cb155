"""When telemetry leaves: the flush strategies.

All but ``end`` overlap: ``next`` is asked for as soon as INVOKE is read, nothing of ours is
waited for, and a freeze may catch an export half-way. Its answer is then read after the thaw;
if none has come the request is sent again, and may arrive twice, as OTLP allows
(https://opentelemetry.io/docs/specs/otlp/#otlphttp-connection).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Strategy(Protocol):
        """When to export."""

        @property
        def is_overlapping(self) -> bool:
            """Whether Lambda may freeze the environment before what has come is exported."""

        def invoked(self, now: float) -> None:
            """Take note of an INVOKE."""

        def leaves_with_invoke(self, now: float) -> bool:
            """Whether what waits is exported now that an INVOKE was read."""

        def export_at(self, waiting_since: float, now: float) -> float | None:
            """Return when to export what has waited since then; None for no time of its own."""

        def exported(self, now: float) -> None:
            """Take note that all that waited was ordered to be exported."""


class End:
    """Everything is exported when its invocation ends, before Lambda may freeze us."""

    is_overlapping = False

    def invoked(self, now: float) -> None:
        """It is all one."""

    def leaves_with_invoke(self, _now: float) -> bool:
        """Return False: it goes with what this invocation sends."""
        return False

    def export_at(self, _waiting_since: float, _now: float) -> float | None:
        """Return None: it is the end that counts."""
        return None

    def exported(self, now: float) -> None:
        """It is all one."""


class Next(End):
    """Everything is exported when the next INVOKE, or SHUTDOWN, is read."""

    is_overlapping = True

    def leaves_with_invoke(self, _now: float) -> bool:
        """Return True."""
        return True


class Periodic:
    """An INVOKE is the occasion once an interval has passed; in a long invocation it is time.

    Args:
        interval_s: Between two exports, at least.
    """

    is_overlapping = True

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._exported_at = self._invoked_at = 0.0

    def invoked(self, now: float) -> None:
        """Take note of an INVOKE."""
        self._invoked_at = now

    def leaves_with_invoke(self, now: float) -> bool:
        """Return whether the interval has passed."""
        return not 0 <= now - self._exported_at < self._interval_s

    def export_at(self, _waiting_since: float, now: float) -> float | None:
        """Return the end of the interval within this invocation."""
        return _end_of(max(self._exported_at, self._invoked_at), self._interval_s, now)

    def exported(self, now: float) -> None:
        """Begin an interval."""
        self._exported_at = now
        self._invoked_at = min(self._invoked_at, now)  # unless the clock went back


class Continuous(End):
    """Everything is exported soon after it came, whether the function runs or not.

    Args:
        interval_s: From the first of what waits to its export: so long it is collected.
    """

    is_overlapping = True

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s

    def export_at(self, waiting_since: float, now: float) -> float | None:
        """Return the end of the interval."""
        return _end_of(waiting_since, self._interval_s, now)


class Adaptive:
    """As ``end`` while invocations are rare, as another strategy while they are frequent.

    They are frequent while the last of them came, on average, at most a gap apart. The average
    goes over the time since the one ``invocation_count`` before, this one's gap included: so a
    single long pause ends it, and it takes as many invocations again to begin.

    Args:
        busy: The strategy while they are frequent.
        invocation_count: Over how many gaps the average goes.
        gap_s: The longest average gap that is frequent.
    """

    def __init__(self, busy: Strategy, *, invocation_count: int, gap_s: float) -> None:
        self._rare: Strategy = End()
        self._busy = busy
        self._count = invocation_count
        self._gap_s = gap_s
        self._invoked: list[float] = []  # s since the epoch; one more than there are gaps

    @property
    def is_overlapping(self) -> bool:
        """Whether invocations are frequent."""
        return self._current().is_overlapping

    def invoked(self, now: float) -> None:
        """Take note of an INVOKE."""
        if self._invoked and now < self._invoked[-1]:
            self._invoked = []  # The clock went back: the gaps mean nothing.
        self._invoked.append(now)
        del self._invoked[: -self._count - 1]
        self._busy.invoked(now)

    def leaves_with_invoke(self, now: float) -> bool:
        """As the strategy of the moment."""
        return self._current().leaves_with_invoke(now)

    def export_at(self, waiting_since: float, now: float) -> float | None:
        """As the strategy of the moment."""
        return self._current().export_at(waiting_since, now)

    def exported(self, now: float) -> None:
        """Begin an interval."""
        self._busy.exported(now)

    def _current(self) -> Strategy:
        if len(self._invoked) <= self._count:
            return self._rare
        is_frequent = self._invoked[-1] - self._invoked[0] <= self._gap_s * self._count
        return self._busy if is_frequent else self._rare


def _end_of(began_at: float, interval_s: float, now: float) -> float:
    # A clock that went back says nothing about how long ago it began.
    return now if now < began_at else began_at + interval_s
