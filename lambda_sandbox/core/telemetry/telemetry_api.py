"""The Telemetry API of one environment: its subscribers, and the past for those who come late.

Promise: everybody gets what they want of all that happened since initialisation began; what
the past had no room for is counted as dropped.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import AbandonDelivery, Action, PlatformEvent
from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.telemetry.subscriber import (
    DELIVERY_TIMEOUT_S,
    NOTHING,
    WAITING_BYTES_MAX,
    WAITING_MAX,
    Item,
    Loss,
    Subscriber,
    weighed,
)
from lambda_sandbox.core.telemetry.subscription import (
    ALREADY_SUBSCRIBED,
    CLOSED,
    NOT_SUPPORTED,
    Subscription,
    category,
    read_subscription,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

PAST_MAX, PAST_BYTES_MAX = WAITING_MAX, WAITING_BYTES_MAX
"""What is kept of the past: as much as can wait for a subscriber."""


class TelemetryApi:
    """Who is told what, and when.

    Args:
        supported: Whether the API is there; local emulators answer 202 without it.
        managed: Whether this is a managed instance, which knows the newest schema only.
    """

    def __init__(self, *, supported: bool, managed: bool = False) -> None:
        self.closed = not supported
        self._supported = supported
        self._managed = managed
        self._past: deque[tuple[Item, Item]] = deque()  # as objects, and as plain text
        self._past_bytes = 0
        self._past_losses: defaultdict[str, Loss] = defaultdict(Loss)
        self._subscribers: dict[str, Subscriber] = {}

    @property
    def under_way(self) -> bool:
        """Whether a subscriber has a batch that it did not answer."""
        return any(subscriber.sent_at is not None for subscriber in self._subscribers.values())

    def timer_at(self, *, begin: bool) -> float | None:
        """When ``deliver`` has something to do, if nothing else happens.

        Args:
            begin: Whether it may begin batches.
        """
        return min(self._instants(begin=begin), default=None)

    def _instants(self, *, begin: bool) -> Iterable[float]:
        for subscriber in self._subscribers.values():
            if subscriber.sent_at is not None:
                yield subscriber.sent_at + DELIVERY_TIMEOUT_S
            elif begin and subscriber.due_at is not None:
                yield subscriber.due_at

    def subscribe(self, name: str, body: bytes, now: float) -> Subscription | Reply:
        """Take a subscription, and replay what happened since initialisation began.

        Returns:
            The subscription; or the answer that refuses it.
        """
        if not self._supported:
            return NOT_SUPPORTED
        subscription = read_subscription(body, managed=self._managed)
        if isinstance(subscription, Reply):
            return subscription
        if self.closed:
            return CLOSED
        if name in self._subscribers:
            return ALREADY_SUBSCRIBED
        subscriber = self._subscribers[name] = Subscriber(name, subscription)
        missed = sum((self._past_losses[wanted] for wanted in subscription.types), NOTHING)
        if missed != NOTHING:
            subscriber.lose(missed, now)
        for items in self._past:
            _offer(subscriber, items, now)
        return subscription

    def close(self) -> None:
        """End the time for subscriptions: from now on the past is forgotten."""
        self.closed = True
        self._past.clear()

    def publish(self, event: PlatformEvent, now: float, plain: PlatformEvent | None = None) -> None:
        """Keep an event for everyone who wants it.

        Args:
            event: What happened.
            now: Monotonic seconds.
            plain: The same for subscribers that do not know objects, if it is not the same.
        """
        if self.closed and not self._subscribers:
            return  # nobody can receive it any more
        item = weighed(event)
        items = item, (weighed(plain) if plain else item)
        if not self.closed:
            self._remember(items)
        for subscriber in self._subscribers.values():
            _offer(subscriber, items, now)

    def _remember(self, items: tuple[Item, Item]) -> None:
        self._past.append(items)
        self._past_bytes += items[0].size_bytes
        while len(self._past) > PAST_MAX or self._past_bytes > PAST_BYTES_MAX:
            forgotten, _ = self._past.popleft()
            self._past_bytes -= forgotten.size_bytes
            self._past_losses[category(forgotten.event)] += Loss(1, forgotten.size_bytes)

    def hurry(self) -> None:
        """Make everything due, once: the environment is about to end."""
        for subscriber in self._subscribers.values():
            subscriber.hurry()

    def finish(self, name: str, now: float, *, accepted: bool) -> None:
        """Take the answer of a subscriber into account, or its absence."""
        if name in self._subscribers:
            self._subscribers[name].finish(now, accepted=accepted)

    def deliver(self, time: str, now: float, *, begin: bool) -> list[Action]:
        """Send what is due, and give up on what was not answered in time.

        Args:
            time: ``now`` as telemetry writes it.
            now: Monotonic seconds.
            begin: Whether batches may be begun: not while the freeze waits for those under way.
        """
        actions: list[Action] = []
        for subscriber in self._subscribers.values():
            sent_at = subscriber.sent_at
            if sent_at is not None and sent_at + DELIVERY_TIMEOUT_S <= now:
                subscriber.finish(now, accepted=False)
                actions.append(AbandonDelivery(subscriber.name))
            due_at = subscriber.due_at
            if begin and due_at is not None and due_at <= now:
                actions += subscriber.take_batch(time, now)
            elif subscriber.given_up:
                actions += subscriber.record_loss(time)
        return actions


def _offer(subscriber: Subscriber, items: tuple[Item, Item], now: float) -> None:
    objects, plain = items
    if subscriber.subscription.wants(objects.event):
        subscriber.offer(objects if subscriber.subscription.knows_objects else plain, now)
