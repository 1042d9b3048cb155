"""What waits for one telemetry subscriber, and when it is sent.

Promises, whatever the subscriber does (see tests/properties):

- What it wants is accepted by it, or waits, or is under way, or is counted as dropped. What it
  answers too late, or not with 2xx, it may get once more.
- It has one batch under way at a time, and gets them in the order of the events.
- What waits is bounded: the oldest events go first.
- Counted losses are told with the next batch that it accepts.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass

from lambda_sandbox.core.actions import Action, Deliver, PlatformEvent, Record
from lambda_sandbox.core.telemetry.subscription import Subscription

DELIVERY_TIMEOUT_S = 1.0
"""How long a subscriber may take to answer: the freeze, and SHUTDOWN, wait for it."""

RETRY_FIRST_S = 0.05
RETRY_MAX_S = 1.0
ATTEMPTS_MAX = 8
"""Lambda retries with back-off; how, it does not say. Here a listener has 3.5 s to appear: the
back-off doubles from the first to the longest, and after so many attempts a batch is dropped."""

WAITING_MAX = 20_000
WAITING_BYTES_MAX = 4 * 1_048_576
"""What waits for one subscriber: two of the largest batches, in events and in bytes."""

REASON = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
"""The documentation's example, and the only reason there is."""

_LONG_AGO = float("-inf")


@dataclass(frozen=True, slots=True)
class Item:
    """An event and what it weighs.

    Attributes:
        event: As it is delivered.
        size_bytes: Of its JSON, as it is delivered.
    """

    event: PlatformEvent
    size_bytes: int


def weighed(event: PlatformEvent) -> Item:
    """Return an event with its weight."""
    return Item(event, len(json.dumps(event, separators=(",", ":"))))


@dataclass(frozen=True, slots=True)
class Loss:
    """What was dropped."""

    records: int = 0
    size_bytes: int = 0

    def __add__(self, other: Loss) -> Loss:
        """Return both together."""
        return Loss(self.records + other.records, self.size_bytes + other.size_bytes)

    def event(self, time: str) -> PlatformEvent:
        """Return ``platform.logsDropped``."""
        record = {
            "reason": REASON,
            "droppedRecords": self.records,
            "droppedBytes": self.size_bytes,
        }
        return {"time": time, "type": "platform.logsDropped", "record": record}


NOTHING = Loss()


class Subscriber:
    """One subscription with what waits for it.

    Args:
        name: The extension's.
        subscription: What it asked for.

    Attributes:
        sent_at: When the batch under way was sent; None if there is none.
        loss: What was dropped and not yet told.
        given_up: Whether it will get nothing more: it did not take a batch when the end was near.
    """

    def __init__(self, name: str, subscription: Subscription) -> None:
        self.name = name
        self.subscription = subscription
        self.sent_at: float | None = None
        self.loss = NOTHING
        self._waiting: deque[tuple[float, Item]] = deque()  # with the instant it was offered
        self._waiting_bytes = 0
        self._under_way: list[tuple[float, Item]] = []
        self._told = NOTHING  # by the batch under way
        self._lost_at = _LONG_AGO
        self._is_recorded = True  # the loss, for whoever watches
        self._attempts = 0  # to deliver what waits first
        self._retry_at = _LONG_AGO
        self._hurried = False  # the end is near: at once or never
        self.given_up = False

    def offer(self, item: Item, now: float) -> None:
        """Keep an event for the next batch."""
        self._waiting.append((now, item))
        self._waiting_bytes += item.size_bytes
        self._make_room(now)

    def _make_room(self, now: float) -> None:
        while len(self._waiting) > WAITING_MAX or self._waiting_bytes > WAITING_BYTES_MAX:
            self.lose(Loss(1, self._pop()[1].size_bytes), now)

    def _pop(self) -> tuple[float, Item]:
        first = self._waiting.popleft()
        self._waiting_bytes -= first[1].size_bytes
        return first

    def lose(self, loss: Loss, now: float) -> None:
        """Count what was dropped; the subscriber will hear of it."""
        self.loss += loss
        self._lost_at = now
        self._is_recorded = False

    @property
    def due_at(self) -> float | None:
        """When the next batch is to be sent; None if there is nothing, or one is under way."""
        since = self._waiting[0][0] if self._waiting else self._lost_at
        nothing = not self._waiting and self.loss == NOTHING
        if nothing or self.sent_at is not None or self.given_up:
            return None
        if self._hurried:
            return since
        wait_s = 0.0 if self._is_full else self.subscription.timeout_s
        return max(since + wait_s, self._retry_at)

    @property
    def _is_full(self) -> bool:
        return (
            len(self._waiting) >= self.subscription.items_max
            or self._waiting_bytes >= self.subscription.bytes_max
        )

    def hurry(self) -> None:
        """Make everything due, once: the environment is about to end."""
        self._hurried = True

    def take_batch(self, time: str, now: float) -> list[Action]:
        """Send the oldest of what waits, with a word on what was dropped.

        The event that makes a batch full is the last in it: so it may have, as documented,
        ``2 * maxBytes`` and what the platform adds.

        Args:
            time: ``now`` as telemetry writes it.
            now: Monotonic seconds.
        """
        size_bytes = 0
        limits = self.subscription
        while (
            self._waiting
            and len(self._under_way) < limits.items_max
            and size_bytes < limits.bytes_max
        ):
            first = self._pop()
            self._under_way.append(first)
            size_bytes += first[1].size_bytes
        events = [item.event for _, item in self._under_way]
        actions = self.record_loss(time)
        if self.loss != NOTHING:
            events.append(self.loss.event(time))
        self._told, self.loss = self.loss, NOTHING
        self.sent_at = now
        return [*actions, Deliver(self.name, limits.destination, tuple(events))]

    def record_loss(self, time: str) -> list[Action]:
        """Tell whoever watches what was dropped, once."""
        if self._is_recorded:
            return []
        self._is_recorded = True
        return [Record(self.loss.event(time))]

    def finish(self, now: float, *, accepted: bool) -> None:
        """Take the end of the batch under way into account."""
        if self.sent_at is None:
            return
        batch, self._under_way, self.sent_at = self._under_way, [], None
        told, self._told = self._told, NOTHING
        if accepted:
            self._attempts, self._retry_at = 0, _LONG_AGO
            return
        self.loss += told
        self._attempts += 1
        if self._hurried:
            self._give_up(batch, now)
        elif self._attempts == ATTEMPTS_MAX:
            self._attempts, self._retry_at = 0, now + RETRY_MAX_S
            self._drop(batch, now)
        else:
            backoff_s = RETRY_FIRST_S * 2 ** (self._attempts - 1)
            self._retry_at = now + min(RETRY_MAX_S, backoff_s)
            self._put_back(batch, now)

    def _put_back(self, batch: list[tuple[float, Item]], now: float) -> None:
        self._waiting.extendleft(reversed(batch))
        self._waiting_bytes += sum(item.size_bytes for _, item in batch)
        self._make_room(now)

    def _drop(self, batch: list[tuple[float, Item]], now: float) -> None:
        if batch:
            size_bytes = sum(item.size_bytes for _, item in batch)
            self.lose(Loss(len(batch), size_bytes), now)

    def _give_up(self, batch: list[tuple[float, Item]], now: float) -> None:
        # SHUTDOWN waits for what is under way: one batch that is not taken is enough.
        self.given_up = True
        self._drop([*batch, *self._waiting], now)
        self._waiting.clear()
        self._waiting_bytes = 0
