"""The way from a process of the function to the collector: what is sent arrives, late at times."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from collector_ext.core.events import END, ORDINARY, START, ClientGone, PayloadReceived
from collector_ext.core.otlp import PROTOBUF, TRACES, Payload
from tests.simulation.bodies import ids_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from collector_ext.core.events import Event
    from tests.simulation.agenda import Agenda
    from tests.simulation.ledger import Sent

LAGS_S = (0.0, 0.0, 0.01, 0.3, 3.0)
"""The longest that something is under way."""


class Faults(NamedTuple):
    """Of one day."""

    lag_share: float  # of requests that do not arrive at once
    loss_share: float  # of requests that the kernel does not take
    reset_share: float  # of processes whose end takes with it what was not read


class Connection:
    """Bring requests to the collector in their order.

    Args:
        agenda: Of the day.
        chance: Likewise.
        faults: Likewise.
        sent: Where it is noted what has arrived.
        feed: Takes what the receiver makes of it.
    """

    def __init__(
        self,
        agenda: Agenda,
        chance: Random,
        faults: Faults,
        sent: Sent,
        feed: Callable[[Event], None],
    ) -> None:
        self._agenda = agenda
        self._chance = chance
        self._faults = faults
        self._sent = sent
        self._feed = feed
        self._queue: deque[Event] = deque()
        self._arrives_at = 0.0
        self._announced = ""  # the request id whose start was sent on it, and no end

    def send(self, request_id: str, phase: str, body: bytes) -> bool:
        """Hand a request to the kernel; return whether it took it."""
        if self._chance.random() < self._faults.loss_share:
            self._close()
            return False
        payload = Payload(TRACES, PROTOBUF, body, len(ids_in(body)), False)  # noqa: FBT003 - as in the core
        if phase == START:
            self._announced = request_id
        elif phase == END:
            self._announced = ""
        self._bring(PayloadReceived(payload, request_id, phase))
        return True

    def took_s(self, longest_s: float) -> float:
        """Return how long the kernel took for the last request."""
        return longest_s * self._chance.random() if self._chance.random() < 0.03 else 0.0

    def die(self) -> None:
        """Let it be closed by the kernel, perhaps with what was not read."""
        if self._chance.random() < self._faults.reset_share:
            self._queue = deque(each for each in self._queue if isinstance(each, ClientGone))
        self._close()

    def _close(self) -> None:
        request_id, self._announced = self._announced, ""
        if request_id:
            self._bring(ClientGone(request_id))

    def _bring(self, event: Event) -> None:
        now = self._agenda.elapsed_s
        if self._chance.random() < self._faults.lag_share:
            lag_s = self._chance.choice(LAGS_S) * self._chance.random()
            self._arrives_at = max(self._arrives_at, now + lag_s)
        if not self._queue and self._arrives_at <= now:
            self._arrive(event)
            return
        self._queue.append(event)
        self._agenda.after(max(0.0, self._arrives_at - now), self._read)

    def _read(self) -> None:
        """Read the first of what has come, if it was not taken away with the process."""
        if self._queue:
            self._arrive(self._queue.popleft())

    def _arrive(self, event: Event) -> None:
        if isinstance(event, PayloadReceived) and event.phase in {ORDINARY, END}:
            self._sent.ended[TRACES].update(dict.fromkeys(ids_in(event.payload.body)))
        self._feed(event)
