"""When an endpoint is worth a try: retries within a flush, and a circuit breaker across flushes.

Closed, it lets everything pass; a failure that may pass quickly is tried again within the same
flush, after a pause. So many failures in a row as their kind allows open it: then nothing is
sent for a while, which doubles each time, and after that one request alone, as a probe. What
is not sent waits in the buffer.
"""

from __future__ import annotations

from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from collector_ext.core.delivery.failures import Failure

_RETRY_JITTER = 0.5
_DELAY_JITTER = 0.1
"""Parts of a pause that are left to chance: environments that failed together must not come
back together, and a retry's pause is short enough to be shortened by half."""

_DOUBLED_COUNT_MAX = 32
"""How often a pause is doubled: more is no number any more, and longer than any process lives."""


class Patience(Value):
    """How often and how soon an endpoint that fails is tried again."""

    retry_count: int  # within a flush, after the first try
    retry_delay_s: float  # before the first of these; doubled for each
    breaker_delay_s: float  # with nothing sent, after the breaker opened; doubled each time
    breaker_delay_s_max: float


class Breaker:
    """One endpoint's.

    Args:
        patience: With it.
        chance: Returns another number from 0 to 1 at each call.

    Attributes:
        is_open: Whether it failed so often that it is left alone, or tried by a probe.
    """

    def __init__(self, patience: Patience, chance: Callable[[], float]) -> None:
        self._patience = patience
        self._chance = chance
        self.is_open = False
        self._failure_count = 0  # in a row
        self._opened_count = 0  # in a row
        self._tries_left = 0  # in this flush
        self._not_before = 0.0  # s since the epoch
        self._failed_at = 0.0

    def start_flush(self, now: float, *, is_last: bool) -> None:
        """Begin a flush, with its own number of tries.

        Args:
            now: Seconds since the epoch.
            is_last: Whether there will be no other: then even what is open is tried.
        """
        if is_last:
            self._not_before = 0.0
        if self.is_open:
            self._tries_left = 0 if self._is_waiting(now) else 1
        else:
            self._tries_left = 1 + self._patience.retry_count

    def try_at(self, now: float) -> float | None:
        """Return when a request may be sent in this flush: now, later, or None for not."""
        if not self._tries_left:
            return None
        return self._not_before if self._is_waiting(now) else now

    def rests_until(self, now: float) -> float:
        """Return when another flush may send a request."""
        return self._not_before if self._is_waiting(now) else now

    def succeeded(self) -> None:
        """Take note that the endpoint answered, and that it is well."""
        if self.is_open:
            self._tries_left = 1 + self._patience.retry_count
        self.is_open = False
        self._failure_count = self._opened_count = 0
        self._not_before = 0.0

    def failed(self, failure: Failure, now: float) -> None:
        """Take note of one failure.

        Args:
            failure: Of a kind that speaks of the endpoint, not of one body.
            now: Seconds since the epoch.
        """
        patience, kind = self._patience, failure.kind
        self._failure_count += 1
        self._failed_at = now
        self._tries_left = max(0, self._tries_left - 1) if kind.is_retried else 0
        pause_s = failure.retry_after_s or 0.0
        # All the retries of a flush that the operator asks for, even if they are more.
        count_max = max(kind.count_max, 1 + patience.retry_count if kind.is_retried else 0)
        if self.is_open or self._failure_count >= count_max:
            self.is_open = True
            self._tries_left = 0
            delay_s = patience.breaker_delay_s * 2**self._opened_count
            self._opened_count = min(self._opened_count + 1, _DOUBLED_COUNT_MAX)
            delay_s = min(self._about(delay_s, _DELAY_JITTER), patience.breaker_delay_s_max)
            pause_s = max(pause_s, delay_s)
        elif not pause_s and kind.is_retried:
            delay_s = patience.retry_delay_s * 2 ** min(self._failure_count - 1, _DOUBLED_COUNT_MAX)
            pause_s = self._about(delay_s, _RETRY_JITTER)
        self._not_before = now + pause_s

    def _is_waiting(self, now: float) -> bool:
        # A clock that went back behind the failure says nothing about how long it was ago.
        return self._failed_at <= now < self._not_before

    def _about(self, delay_s: float, jitter: float) -> float:
        return delay_s * (1 + jitter * (2 * self._chance() - 1))
