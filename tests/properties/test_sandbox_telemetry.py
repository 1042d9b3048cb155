"""Whatever a subscriber and the clock do, each of its events is accepted, waits, or is counted."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lambda_sandbox.core.actions import AbandonDelivery, Action, Deliver, PlatformEvent, Record
from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.telemetry import subscriber as subscriber_module
from lambda_sandbox.core.telemetry import telemetry_api as api_module
from lambda_sandbox.core.telemetry.schema import type_name
from lambda_sandbox.core.telemetry.subscriber import DELIVERY_TIMEOUT_S, weighed
from lambda_sandbox.core.telemetry.subscription import (
    BUFFERING,
    TYPES,
    Subscription,
    read_subscription,
)
from lambda_sandbox.core.telemetry.telemetry_api import TelemetryApi

SUBSCRIBERS = ("early", "late")
BOUND, BOUND_BYTES = 12, 600_000
"""What waits, and the past, are bounded to so much: not much more than a batch."""

LARGE = 100_000
"""Characters in an event: three of them make a batch full."""


class Listener:
    """What a subscriber got, and what it was told that it did not get."""

    def __init__(self, wanted: Subscription, past: list[PlatformEvent]) -> None:
        self.wanted = wanted
        self.published = [event for event in past if wanted.wants(event)]
        self.under_way: tuple[PlatformEvent, ...] | None = None
        self.accepted: list[PlatformEvent] = []
        self.told = Counter[str]()


class SimulatedSubscribers(RuleBasedStateMachine):
    """Listeners that answer when, and as, they like."""

    def __init__(self) -> None:
        super().__init__()
        self.bounds = (
            subscriber_module.WAITING_MAX,
            subscriber_module.WAITING_BYTES_MAX,
            api_module.PAST_MAX,
            api_module.PAST_BYTES_MAX,
        )
        subscriber_module.WAITING_MAX = api_module.PAST_MAX = BOUND
        subscriber_module.WAITING_BYTES_MAX = api_module.PAST_BYTES_MAX = BOUND_BYTES
        self.api = TelemetryApi(supported=True)
        self.now = 0.0
        self.past: list[PlatformEvent] = []
        self.weights: list[int] = []
        self.listeners: dict[str, Listener] = {}
        self.shown = 0

    def teardown(self) -> None:
        """Put the bounds back."""
        (
            subscriber_module.WAITING_MAX,
            subscriber_module.WAITING_BYTES_MAX,
            api_module.PAST_MAX,
            api_module.PAST_BYTES_MAX,
        ) = self.bounds

    @initialize()
    def somebody_subscribes_early(self) -> None:
        self.subscribe("early", ["platform", "function"])

    @precondition(lambda self: "late" not in self.listeners)
    @rule(types=st.lists(st.sampled_from(TYPES), min_size=1))
    def somebody_subscribes_late(self, types: list[str]) -> None:
        self.subscribe("late", types)

    def subscribe(self, name: str, types: list[str]) -> None:
        body = {
            "schemaVersion": "2025-01-29",
            "types": types,
            "buffering": {"maxItems": 1000, "timeoutMs": 25},
            "destination": {"protocol": "TCP", "port": 1},
        }
        wanted = self.api.subscribe(name, json.dumps(body).encode(), self.now)
        assert isinstance(wanted, Subscription)
        self.listeners[name] = Listener(wanted, self.past)

    @rule(
        kind=st.sampled_from(["platform.start", "function", "extension"]),
        count=st.sampled_from([1, 1, 2, 4, 14]),
        length=st.sampled_from([1, LARGE]),
    )
    def something_happens(self, kind: str, count: int, length: int) -> None:
        for _ in range(count):
            event = {"type": kind, "record": len(self.past), "text": "x" * length}
            self.weights.append(weighed(event).size_bytes)
            self.past.append(event)
            for listener in self.listeners.values():
                if listener.wanted.wants(event):
                    listener.published.append(event)
            self.api.publish(event, self.now)

    @rule(begin=st.sampled_from([True, True, True, False]))
    def it_delivers(self, *, begin: bool) -> None:
        for action in self.api.deliver("now", self.now, begin=begin):
            self.obey(action, begin=begin)
        timer_at = self.api.timer_at(begin=begin)
        assert timer_at is None or timer_at > self.now

    def obey(self, action: Action, *, begin: bool) -> None:
        match action:
            case Deliver():
                listener = self.listeners[action.subscriber]
                assert begin
                assert listener.under_way is None
                listener.under_way = action.events
                self.assert_is_within_limits(action)
            case AbandonDelivery():
                assert self.listeners[action.subscriber].under_way is not None
                self.listeners[action.subscriber].under_way = None
            case Record():
                self.shown += action.event["record"]["droppedRecords"]
            case _:
                raise AssertionError(action)

    def assert_is_within_limits(self, action: Deliver) -> None:
        wanted = self.listeners[action.subscriber].wanted
        events = [event for event in action.events if "text" in event]
        assert self.weight(events[:-1]) < wanted.bytes_max

    def weight(self, events: list[PlatformEvent]) -> int:
        return sum(self.weights[event["record"]] for event in events)

    @precondition(lambda self: any(one.under_way for one in self.listeners.values()))
    @rule(data=st.data(), accepted=st.booleans())
    def somebody_answers(self, data, *, accepted: bool) -> None:
        name = data.draw(
            st.sampled_from([name for name, one in self.listeners.items() if one.under_way])
        )
        listener = self.listeners[name]
        assert listener.under_way
        if accepted:
            self.accept(listener, listener.under_way)
        listener.under_way = None
        self.api.finish(name, self.now, accepted=accepted)

    def accept(self, listener: Listener, events: tuple[PlatformEvent, ...]) -> None:
        for event in events:
            if event["type"] == "platform.logsDropped":
                listener.told["records"] += event["record"]["droppedRecords"]
                listener.told["bytes"] += event["record"]["droppedBytes"]
            else:
                listener.accepted.append(event)

    @rule(dt=st.sampled_from([0.01, 0.03, 0.03, 0.5, DELIVERY_TIMEOUT_S]))
    def time_passes(self, dt: float) -> None:
        self.now += dt

    @precondition(lambda self: len(self.past) > 5)
    @rule()
    def initialisation_ends(self) -> None:
        if len(self.listeners) == len(SUBSCRIBERS):
            self.api.close()

    @precondition(lambda self: len(self.past) > 20)
    @rule(chance=st.integers(0, 4))
    def the_end_is_near(self, chance: int) -> None:
        if chance == 0:
            self.api.hurry()

    # Promises.

    @invariant()
    def nothing_is_lost_uncounted(self) -> None:
        for name, listener in self.listeners.items():
            subscriber = self.api._subscribers[name]
            held = [item for _, item in (*subscriber._under_way, *subscriber._waiting)]
            untold = subscriber.loss + subscriber._told
            counted = len(listener.accepted) + listener.told["records"] + untold.records
            weight = listener.told["bytes"] + untold.size_bytes
            assert counted + len(held) == len(listener.published)
            weight += sum(item.size_bytes for item in held) + self.weight(listener.accepted)
            assert weight == self.weight(listener.published)

    @invariant()
    def nothing_is_out_of_order_or_accepted_twice(self) -> None:
        for listener in self.listeners.values():
            numbers = [event["record"] for event in listener.accepted]
            assert numbers == sorted(set(numbers))

    @invariant()
    def what_waits_is_bounded(self) -> None:
        for name in self.listeners:
            subscriber = self.api._subscribers[name]
            sizes = [item.size_bytes for _, item in subscriber._waiting]
            assert len(sizes) <= BOUND
            assert subscriber._waiting_bytes == sum(sizes) <= BOUND_BYTES

    @invariant()
    def nobody_is_shown_more_than_was_lost(self) -> None:
        lost = sum(
            listener.told["records"]
            + self.api._subscribers[name].loss.records
            + self.api._subscribers[name]._told.records
            for name, listener in self.listeners.items()
        )
        assert (self.shown > 0) <= (lost > 0)


TestSubscribers = SimulatedSubscribers.TestCase
TestSubscribers.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
DESTINATIONS = st.fixed_dictionaries(
    {},
    optional={
        "protocol": st.sampled_from(["HTTP", "TCP", "UDP"]) | JSON,
        "URI": st.from_regex(r"http://[a-z.]{0,3}sandbox(:[0-9]{0,6})?/?", fullmatch=True) | JSON,
        "port": st.integers(-1, 70_000) | JSON,
    },
)
SUBSCRIPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.just("2022-12-13") | JSON,
        "types": st.lists(st.sampled_from(TYPES)) | JSON,
        "destination": DESTINATIONS | JSON,
        "buffering": st.dictionaries(st.sampled_from(sorted(BUFFERING)), st.integers(0, 2_000_000))
        | JSON,
    },
)


class TestAnySubscription:
    """Is read, or refused in words; it never does harm."""

    @given(st.binary(max_size=30) | (SUBSCRIPTIONS | JSON).map(lambda v: json.dumps(v).encode()))
    @settings(max_examples=500)
    def test_is_read_or_refused(self, body: bytes) -> None:
        answer = read_subscription(body)

        if isinstance(answer, Reply):
            assert answer.status == 400
            assert type_name(json.loads(answer.body)["errorMessage"]) == "string"
        else:
            assert 0.025 <= answer.timeout_s <= 30
            assert 1_000 <= answer.items_max <= 10_000
            assert 262_144 <= answer.bytes_max <= 1_048_576
