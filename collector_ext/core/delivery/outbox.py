"""What is to be exported by one exporter, what is being exported, and what became of it.

Every payload that was put in is at any time waiting, in flight, delivered or dropped, and only
one of these; what is dropped is counted and said, once until something changes.
"""

from __future__ import annotations

from collector_ext.core.actions import Action, Keep, Say
from collector_ext.core.delivery import account
from collector_ext.core.delivery.account import Account
from collector_ext.core.delivery.breaker import Breaker, Patience
from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.delivery.division import Division
from collector_ext.core.delivery.failures import TIMEOUT
from collector_ext.core.delivery.notices import Notices
from collector_ext.core.events import Delivered, Failed, Outcome
from collector_ext.core.otlp import ExportRequest, Payload, Signal, export_requests, item_count_of
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ALONE = 1
"""A flush that nobody waits for: what waits is exported, and no more."""

AWAITED = 2
"""One that Lambda waits for: once more, what came meanwhile. A thread of the function that goes
on sending must not keep the next invocation waiting."""

LAST = 1_000_000
"""At SHUTDOWN: as often as something comes, while there is time; an endpoint that was left
alone is tried as well."""

FREEZE_S = 1.0
"""So long after its deadline an export has ended by itself, unless nothing moved meanwhile."""


class Limits(Value):
    """What one exporter may hold, and how long it is patient."""

    buffer_bytes_max: int  # of payloads that wait
    request_bytes_max: int  # of a merged request; a single payload may exceed it
    spill_bytes_max: int  # of what is kept for the next process; 0: nothing is
    patience: Patience


class Outbox:
    """Account for the payloads of one exporter from their arrival to their end.

    Args:
        exporter: Its id in the configuration.
        endpoint_names: Where each signal goes, as people are told; none without an endpoint.
        limits: Of what it holds and does.
        chance: Returns another number from 0 to 1 at each call.

    Attributes:
        accounts: What became of the items of each signal that has an endpoint.
    """

    def __init__(
        self,
        exporter: str,
        endpoint_names: Mapping[Signal, str],
        limits: Limits,
        chance: Callable[[], float],
    ) -> None:
        self.exporter = exporter
        self.accounts = {signal: Account() for signal in endpoint_names}
        self._endpoint_names = endpoint_names
        self._limits = limits
        self._breakers = {s: Breaker(limits.patience, chance) for s in endpoint_names}
        self._buffer = Buffer(limits.buffer_bytes_max)
        self._in_flight: tuple[ExportRequest, ...] = ()
        self._in_flight_until = 0.0  # s since the epoch
        self._rounds_left = 0  # exports of what waits, in this flush
        self._again: set[Signal] = set()  # sent beside these: what failed, or was refused in part
        self._division = Division()
        self._is_kept = False  # whether the next process would find something
        self._is_changed = False  # since it was last written what it would find
        self._notices = Notices(exporter, endpoint_names)

    @property
    def in_flight_until(self) -> float | None:
        """The deadline of the export in flight, in seconds since the epoch; None without one."""
        return self._in_flight_until if self._in_flight else None

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to export."""
        return bool(self._buffer)

    def put(self, payloads: Iterable[Payload]) -> list[Say]:
        """Add payloads, oldest first. Those of a signal without an endpoint are let go."""
        said: list[Say] = []
        for payload in payloads:
            if payload.body and payload.signal in self._endpoint_names:
                self._is_changed = True
                self.accounts[payload.signal].received += payload.item_count
                said += self._drop(self._buffer.append(payload))
        return said

    def start_flush(self, now: float, urgency: int) -> None:
        """Begin a flush.

        Args:
            now: Seconds since the epoch.
            urgency: ALONE, AWAITED or LAST: how many exports it may order, beside retries.
        """
        self._rounds_left = urgency
        self._again.clear()
        for breaker in self._breakers.values():
            breaker.start_flush(now, is_last=urgency == LAST)

    def close_flush(self) -> None:
        """Send nothing more in this flush but what is tried again, or could not go at once.

        The exporter was busy, or its endpoint in the pause before another try.
        """
        self._again |= self._buffer.signals
        self._rounds_left = 0

    def try_at(self, now: float) -> float | None:
        """Return when there is something to send in this flush; None for not at all."""
        return min(self._tries(now).values(), default=None)

    def _tries(self, now: float) -> dict[Signal, float]:
        """Return when each signal may be sent in this flush, if it may."""
        if self._in_flight or not (self._rounds_left or self._again):
            return {}
        waiting = self._buffer.signals
        signals = waiting if self._rounds_left else waiting & self._again
        times = {signal: self._breakers[signal].try_at(now) for signal in signals}
        return {signal: at for signal, at in times.items() if at is not None}

    def rests_until(self, now: float) -> float | None:
        """Return when another flush would have something to send; None if nothing waits."""
        if self._in_flight:
            return None
        times = [self._breakers[signal].rests_until(now) for signal in self._buffer.signals]
        return min(times, default=None)

    def take(self, now: float, until: float) -> tuple[ExportRequest, ...]:
        """Return what waits and may be sent now, as requests; it is in flight from now on.

        Args:
            now: Seconds since the epoch.
            until: By when it has to be delivered, likewise.

        Returns:
            None at all while an export is in flight.
        """
        ready = {signal for signal, at in self._tries(now).items() if at <= now}
        if not ready:
            return ()
        requests = export_requests(
            self.exporter,
            self._buffer.take(ready),
            size_bytes_max=self._limits.request_bytes_max,
            suspect_count_max=self._division.suspect_count_max,
        )
        self._in_flight = self._without_all_but_probes(requests)
        self._buffer.taken_bytes = sum(request.size_bytes for request in self._in_flight)
        self._in_flight_until = until
        self._rounds_left -= not ready <= self._again
        self._again -= ready
        return self._in_flight

    def _without_all_but_probes(
        self, requests: tuple[ExportRequest, ...]
    ) -> tuple[ExportRequest, ...]:
        """Keep back all but the first request to an endpoint that may still be away."""
        sent: dict[Signal, list[ExportRequest]] = {}
        kept: list[Payload] = []
        for request in requests:
            of_signal = sent.setdefault(request.signal, [])
            if of_signal and self._breakers[request.signal].is_open:
                kept += request.payloads
            else:
                of_signal.append(request)
        self._buffer.put_back(kept)
        return tuple(request for of_signal in sent.values() for request in of_signal)

    def settle(self, outcomes: Sequence[Outcome], now: float) -> list[Say]:
        """Take into account what became of the export in flight."""
        assert tuple(outcome.request for outcome in outcomes) == self._in_flight
        self._in_flight = ()
        self._buffer.taken_bytes = 0
        self._is_changed = True
        # Those of one signal go to one endpoint, one after the other: the last one counts.
        last = {outcome.request.signal: outcome for outcome in outcomes}
        # The parts of a request, and what is tried again, are still the same export.
        self._again |= {signal for signal, outcome in last.items() if self._judge(outcome, now)}
        said: list[Say] = []
        kept: list[Payload] = []
        divided_count_max = 0
        for outcome in outcomes:
            if isinstance(outcome, Delivered):
                said += self._delivered(outcome)
            elif isinstance(outcome, Failed):
                kept += outcome.request.payloads
                is_again = outcome.request.signal in self._again
                if not is_again and not self._is_of_a_freeze(outcome, now):
                    said += self._notices.failed(outcome.request, outcome.failure)
            elif parts := self._division.parts(outcome):
                kept += parts
                divided_count_max = max(divided_count_max, len(outcome.request.payloads))
                self._again.add(outcome.request.signal)
            else:
                self._count(outcome.request.payloads, outcome.failure.kind.name)
                said += self._notices.refused(outcome.request, outcome.failure)
        if divided_count_max:
            self._division.divided(divided_count_max)
        return said + self._drop(self._buffer.put_back(kept))

    def _judge(self, outcome: Outcome, now: float) -> bool:
        """Tell the breaker; return whether more is to be sent because of it."""
        breaker = self._breakers[outcome.request.signal]
        if self._is_of_a_freeze(outcome, now):
            return False
        if isinstance(outcome, Delivered) or not outcome.failure.kind.count_max:
            was_probe = breaker.is_open
            breaker.succeeded()
            return was_probe
        breaker.failed(outcome.failure, now)
        try_at = breaker.try_at(now)
        return isinstance(outcome, Failed) and try_at is not None and try_at < self._in_flight_until

    def _is_of_a_freeze(self, outcome: Outcome, now: float) -> bool:
        """Whether the environment was frozen while an answer was awaited.

        Then that there was none in time says nothing about the endpoint.
        """
        is_timeout = isinstance(outcome, Failed) and outcome.failure.kind is TIMEOUT
        return is_timeout and now > self._in_flight_until + FREEZE_S

    @property
    def undelivered(self) -> tuple[Payload, ...]:
        """What is in flight, and what waits; each oldest first."""
        in_flight = [payload for request in self._in_flight for payload in request.payloads]
        return (*in_flight, *self._buffer.content)

    def restore(self, payloads: Sequence[Payload]) -> list[Say]:
        """Take what an earlier process of the environment has kept."""
        self._is_kept = True
        return self.put(payloads)

    def keep(self) -> list[Action]:
        """Order that the next process finds what is not delivered, if it would find something else.

        Lambda may kill this one without a word.
        """
        is_changed, self._is_changed = self._is_changed, False
        undelivered = self.undelivered if self._limits.spill_bytes_max else ()
        if not is_changed or not (undelivered or self._is_kept):
            return []
        self._is_kept = bool(undelivered)
        return [Keep(self.exporter, undelivered)]

    def release(self) -> list[Action]:
        """Order that the next process does not find what has been delivered since."""
        return self.keep() if self._is_kept else []

    def leave(self, why: str, *, is_reset: bool) -> list[Action]:
        """Give up all that waits or is in flight, unless the next process can go on with it.

        Args:
            why: And when, in words.
            is_reset: Whether there will be one, in the same environment.
        """
        discarded = self.undelivered
        kept: tuple[Payload, ...] = ()
        self._buffer.take_all()
        self._in_flight = ()
        if is_reset and self._limits.spill_bytes_max:
            kept = _newest(discarded, self._limits.spill_bytes_max)
            discarded = discarded[: len(discarded) - len(kept)]
        self._count(discarded, account.SHUTDOWN)
        order = [Keep(self.exporter, kept)] if kept or self._is_kept else []
        return [*order, *self._notices.left(kept, discarded, why)]

    def _delivered(self, outcome: Delivered) -> list[Say]:
        self._division.taken()
        item_count = item_count_of(outcome.request.payloads)
        rejected_count = min(outcome.rejected_count, item_count)
        counted = self.accounts[outcome.request.signal]
        counted.exported += item_count - rejected_count
        counted.drop(account.REJECTED, rejected_count)
        return self._notices.delivered(outcome, rejected_count)

    def _drop(self, payloads: Sequence[Payload]) -> list[Say]:
        if not payloads:
            return []
        self._count(payloads, account.BUFFER_FULL)
        return self._notices.dropped(payloads, self._limits.buffer_bytes_max)

    def _count(self, payloads: Iterable[Payload], reason: str) -> None:
        for payload in payloads:
            self.accounts[payload.signal].drop(reason, payload.item_count)


def _newest(payloads: Sequence[Payload], size_bytes_max: int) -> tuple[Payload, ...]:
    from collector_ext.core.delivery.spill import newest  # noqa: PLC0415 - where it is configured

    return newest(payloads, size_bytes_max)
