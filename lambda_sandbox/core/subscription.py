"""Telemetry subscriptions: what may be asked for, and what waits to be delivered.

Promises: an event is delivered once or counted as dropped; a subscriber has one batch under
way at a time; a batch is due when it is full, or when its oldest event is ``timeoutMs`` old.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_sandbox.core.actions import AbandonDelivery, Action, Deliver, PlatformEvent
from lambda_sandbox.core.api import Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSIONS = ("2022-07-01", "2022-12-13", "2025-01-29")
TYPES = ("platform", "function", "extension")

BUFFERING: dict[str, tuple[int, int, int]] = {
    "maxItems": (1_000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1_000),
}
"""Smallest, largest and default value of each field, from the API's reference."""

DELIVERY_TIMEOUT_S = 1.0
"""How long a subscriber may take to answer: the freeze, and SHUTDOWN, wait for it."""

WAITING_MAX = 20_000
"""Events that wait for one subscriber: two of its largest batches; the oldest go first."""

NOT_SUPPORTED = refusal(202, "Telemetry.NotSupported", "Telemetry API is not supported")
CLOSED = refusal(403, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
SUBSCRIBED = Reply(200, b"OK", (("Content-Type", "text/plain"),))


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a subscriber asked for, checked."""

    types: tuple[str, ...]
    destination: str  # URL, or "tcp://host:port"
    items_max: int
    bytes_max: int
    timeout_s: float

    def wants(self, event: PlatformEvent) -> bool:
        """Whether an event is of the types asked for."""
        return str(event["type"]).partition(".")[0] in self.types


def read_subscription(body: bytes) -> Subscription | Reply:
    """Check a subscription against the API's schema.

    Returns:
        The subscription; or the 400 that names what is wrong with it.
    """
    try:
        wanted = json.loads(body)
    except ValueError as error:
        return _invalid(f"not JSON: {error}")
    if not isinstance(wanted, dict):
        return _invalid("'' does not validate: expected object")
    for problem in (_version_problem(wanted), _types_problem(wanted), _buffering_problem(wanted)):
        if problem:
            return _invalid(problem)
    destination = _destination(wanted.get("destination"))
    if destination is None:
        return _invalid("'/destination' does not validate: expected HTTP and URI, or TCP and port")
    limits = {name: default for name, (_, _, default) in BUFFERING.items()}
    limits.update(wanted.get("buffering", {}))
    return Subscription(
        types=tuple(wanted["types"]),
        destination=destination,
        items_max=limits["maxItems"],
        bytes_max=limits["maxBytes"],
        timeout_s=limits["timeoutMs"] / 1000,
    )


def _invalid(problem: str) -> Reply:
    return refusal(400, "ValidationError", f"schema validation error: jsonschema: {problem}")


def _version_problem(wanted: dict[str, Any]) -> str | None:
    if wanted.get("schemaVersion") in SCHEMA_VERSIONS:
        return None
    return f"'/schemaVersion' does not validate: value must be one of {', '.join(SCHEMA_VERSIONS)}"


def _types_problem(wanted: dict[str, Any]) -> str | None:
    types = wanted.get("types")
    if isinstance(types, list) and types and all(name in TYPES for name in types):
        return None
    return f"'/types' does not validate: expected one or more of {', '.join(TYPES)}"


def _buffering_problem(wanted: dict[str, Any]) -> str | None:
    buffering = wanted.get("buffering", {})
    if not isinstance(buffering, dict):
        return "'/buffering' does not validate: expected object"
    for name, value in buffering.items():
        if name not in BUFFERING:
            return f"'/buffering' does not validate: additionalProperties '{name}' not allowed"
        if not isinstance(value, int) or isinstance(value, bool):
            return f"'/buffering/{name}' does not validate: expected integer"
        least, most, _ = BUFFERING[name]
        if value < least:
            return f"'/buffering/{name}' does not validate: must be >= {least} but found {value}"
        if value > most:
            return f"'/buffering/{name}' does not validate: must be <= {most} but found {value}"
    return None


def _destination(wanted: object) -> str | None:
    match wanted:
        case {"protocol": "HTTP", "URI": str(uri)} if uri.startswith("http://"):
            return uri
        case {"protocol": "TCP", "port": int(port)}:
            return f"tcp://sandbox.localdomain:{port}"
        case _:
            return None


@dataclass(slots=True)
class Subscriber:
    """One subscription with what waits for it."""

    name: str
    subscription: Subscription
    waiting: list[tuple[PlatformEvent, int]] = field(default_factory=list)  # with its bytes
    waiting_bytes: int = 0
    due_at: float | None = None  # None: nothing waits
    sent_at: float | None = None  # None: nothing is under way
    under_way: int = 0  # events
    under_way_bytes: int = 0
    dropped: int = 0
    dropped_bytes: int = 0

    def offer(self, event: PlatformEvent, size_bytes: int, now: float) -> None:
        """Keep an event for the next batch."""
        self.waiting.append((event, size_bytes))
        self.waiting_bytes += size_bytes
        if len(self.waiting) > WAITING_MAX:
            oldest_bytes = self.waiting.pop(0)[1]
            self.waiting_bytes -= oldest_bytes
            self._drop(1, oldest_bytes)
        if self.due_at is None:
            self.due_at = now + self.subscription.timeout_s
        if self._full:
            self.due_at = now

    @property
    def _full(self) -> bool:
        return (
            len(self.waiting) >= self.subscription.items_max
            or self.waiting_bytes >= self.subscription.bytes_max
        )

    def _drop(self, count: int, size_bytes: int) -> None:
        self.dropped += count
        self.dropped_bytes += size_bytes

    def take_batch(self, time: str, now: float) -> Deliver:
        """Send everything that waits, with a word on what was dropped before."""
        events = [event for event, _ in self.waiting]
        if self.dropped:
            record = {
                "reason": "subscriber did not take a batch",
                "droppedRecords": self.dropped,
                "droppedBytes": self.dropped_bytes,
            }
            events.append({"time": time, "type": "platform.logsDropped", "record": record})
            self.dropped = self.dropped_bytes = 0
        self.under_way, self.under_way_bytes = len(events), self.waiting_bytes
        self.waiting, self.waiting_bytes = [], 0
        self.due_at, self.sent_at = None, now
        return Deliver(self.name, self.subscription.destination, tuple(events))

    def finish(self, *, accepted: bool) -> None:
        """Take the end of the batch under way into account."""
        if self.sent_at is not None and not accepted:
            self._drop(self.under_way, self.under_way_bytes)
        self.sent_at = None


class Telemetry:
    """All subscribers of one environment, and the past for those who come late.

    Args:
        supported: Whether the API is there; local emulators answer 202 without it.
    """

    def __init__(self, *, supported: bool) -> None:
        self.closed = False
        self._supported = supported
        self._history: deque[tuple[PlatformEvent, int]] = deque(maxlen=WAITING_MAX)
        self._subscribers: dict[str, Subscriber] = {}

    @property
    def under_way(self) -> bool:
        """Whether a subscriber has a batch that it did not answer."""
        return any(subscriber.sent_at is not None for subscriber in self._subscribers.values())

    @property
    def timer_at(self) -> float | None:
        """When ``deliver`` has something to do, if nothing else happens."""
        return min(self._instants(), default=None)

    def _instants(self) -> Iterable[float]:
        for subscriber in self._subscribers.values():
            if subscriber.sent_at is not None:
                yield subscriber.sent_at + DELIVERY_TIMEOUT_S
            elif subscriber.due_at is not None:
                yield subscriber.due_at

    def subscribe(self, name: str, body: bytes, now: float) -> Subscription | Reply:
        """Take a subscription, and replay what happened since initialisation began.

        Returns:
            The subscription; or the answer that refuses it.
        """
        if not self._supported:
            return NOT_SUPPORTED
        if self.closed:
            return CLOSED
        subscription = read_subscription(body)
        if isinstance(subscription, Reply):
            return subscription
        if name in self._subscribers:
            # Once more by the same extension: it knows the past, and a batch may be under way.
            self._subscribers[name].subscription = subscription
            return subscription
        subscriber = self._subscribers[name] = Subscriber(name, subscription)
        for event, size_bytes in self._history:
            if subscription.wants(event):
                subscriber.offer(event, size_bytes, now)
        return subscription

    def close(self) -> None:
        """End the time for subscriptions: from now on the past is forgotten."""
        self.closed = True
        self._history.clear()

    def publish(self, event: PlatformEvent, now: float) -> None:
        """Keep an event for everyone who wants it."""
        size_bytes = len(json.dumps(event))
        if not self.closed:
            self._history.append((event, size_bytes))
        for subscriber in self._subscribers.values():
            if subscriber.subscription.wants(event):
                subscriber.offer(event, size_bytes, now)

    def hurry(self, now: float) -> None:
        """Make everything due: the environment is about to end."""
        for subscriber in self._subscribers.values():
            if subscriber.waiting:
                subscriber.due_at = now

    def finish(self, name: str, *, accepted: bool) -> None:
        """Take the answer of a subscriber into account, or its absence."""
        if name in self._subscribers:
            self._subscribers[name].finish(accepted=accepted)

    def deliver(self, time: str, now: float) -> list[Action]:
        """Send what is due, and give up on what was not answered in time.

        Args:
            time: ``now`` as telemetry writes it.
            now: Monotonic seconds.
        """
        actions: list[Action] = []
        for subscriber in self._subscribers.values():
            sent_at = subscriber.sent_at
            if sent_at is not None and sent_at + DELIVERY_TIMEOUT_S <= now:
                subscriber.finish(accepted=False)
                actions.append(AbandonDelivery(subscriber.name))
            due_at = subscriber.due_at
            if subscriber.sent_at is None and due_at is not None and due_at <= now:
                actions.append(subscriber.take_batch(time, now))
        return actions
