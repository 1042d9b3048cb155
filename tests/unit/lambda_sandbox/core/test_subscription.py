"""What may be subscribed to, and when a batch is due."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core import subscription
from lambda_sandbox.core.actions import AbandonDelivery, Deliver
from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.subscription import (
    CLOSED,
    DELIVERY_TIMEOUT_S,
    NOT_SUPPORTED,
    Subscription,
    Telemetry,
    read_subscription,
)

NOW = 50.0
TIME = "2026-11-23T00:00:00.000Z"
URI = "http://sandbox.localdomain:4243/telemetry"
WANTED = {
    "schemaVersion": "2025-01-29",
    "types": ["platform"],
    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
    "destination": {"protocol": "HTTP", "URI": URI},
}
DUE = NOW + 0.025


def event(number=0, kind="platform.start", **record):
    """The ``number``-th event."""
    return {"time": TIME, "type": kind, "record": {"requestId": f"r-{number}", **record}}


def body(**changes):
    return json.dumps({**WANTED, **changes}).encode()


def subscribed(*events, **changes):
    """Telemetry with the subscriber ``listener``, and ``events`` published after it."""
    telemetry = Telemetry(supported=True)
    assert isinstance(telemetry.subscribe("listener", body(**changes), NOW), Subscription)
    for published in events:
        telemetry.publish(published, NOW)
    return telemetry


class TestASubscription:
    """Checked against the schema."""

    def test_is_read(self):
        assert read_subscription(body()) == Subscription(("platform",), URI, 1000, 262144, 0.025)

    def test_has_defaults_for_its_buffering(self):
        wanted = read_subscription(body(buffering={}))

        assert isinstance(wanted, Subscription)
        assert (wanted.items_max, wanted.bytes_max, wanted.timeout_s) == (10_000, 262_144, 1.0)

    def test_may_be_for_lines_over_tcp(self):
        wanted = read_subscription(body(destination={"protocol": "TCP", "port": 4243}))

        assert isinstance(wanted, Subscription)
        assert wanted.destination == "tcp://sandbox.localdomain:4243"

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"schemaVersion": "2020-01-01"}, "'/schemaVersion'"),
            ({"types": []}, "'/types'"),
            ({"types": ["traces"]}, "'/types'"),
            ({"types": "platform"}, "'/types'"),
            ({"buffering": []}, "'/buffering'"),
            ({"buffering": {"timeoutMs": 1}}, "must be >= 25 but found 1"),
            ({"buffering": {"maxItems": 10_001}}, "must be <= 10000 but found 10001"),
            ({"buffering": {"maxBytes": True}}, "expected integer"),
            ({"buffering": {"maxTime": 1}}, "'maxTime' not allowed"),
            ({"destination": None}, "'/destination'"),
            ({"destination": {"protocol": "HTTP", "URI": "ftp://sandbox"}}, "'/destination'"),
        ],
    )
    def test_is_refused_with_what_is_wrong(self, changes, problem):
        answer = read_subscription(body(**changes))

        assert isinstance(answer, Reply)
        error = json.loads(answer.body)
        assert (answer.status, error["errorType"]) == (400, "ValidationError")
        assert problem in error["errorMessage"]

    @pytest.mark.parametrize("text", [b"{", b"[]"])
    def test_is_a_json_object(self, text):
        answer = read_subscription(text)

        assert isinstance(answer, Reply)
        assert answer.status == 400


class TestSubscribing:
    """From registration until initialisation has ended."""

    def test_without_telemetry_is_answered_202(self):
        telemetry = Telemetry(supported=False)

        assert telemetry.subscribe("listener", body(), NOW) is NOT_SUPPORTED
        assert NOT_SUPPORTED.status == 202

    def test_after_initialisation_is_refused(self):
        telemetry = Telemetry(supported=True)
        telemetry.close()

        assert telemetry.subscribe("listener", body(), NOW) is CLOSED

    def test_with_a_wrong_body_is_refused(self):
        assert isinstance(Telemetry(supported=True).subscribe("listener", b"", NOW), Reply)

    def test_late_brings_what_happened_before(self):
        telemetry = Telemetry(supported=True)
        telemetry.publish(event(1), NOW)
        telemetry.publish(event(2, kind="function"), NOW)

        telemetry.subscribe("listener", body(), NOW)

        assert telemetry.deliver(TIME, DUE) == [Deliver("listener", URI, (event(1),))]

    def test_in_time_brings_what_happens_after_initialisation_too(self):
        telemetry = subscribed()
        telemetry.close()

        telemetry.publish(event(1), NOW)

        assert telemetry.deliver(TIME, DUE) == [Deliver("listener", URI, (event(1),))]

    def test_again_changes_the_terms_and_repeats_nothing(self):
        telemetry = subscribed(event(1))
        telemetry.deliver(TIME, DUE)

        telemetry.subscribe("listener", body(types=["function"]), NOW)
        telemetry.publish(event(2), NOW)
        telemetry.publish(event(3, kind="function"), NOW)

        assert telemetry.under_way
        telemetry.finish("listener", accepted=True)
        assert telemetry.deliver(TIME, DUE) == [
            Deliver("listener", URI, (event(3, kind="function"),))
        ]


class TestABatch:
    """Due when it is full or old enough, one at a time."""

    def test_waits_for_its_time(self):
        telemetry = subscribed(event(1))
        telemetry.publish(event(2), NOW + 0.02)

        assert telemetry.timer_at == DUE
        assert telemetry.deliver(TIME, DUE - 0.001) == []
        assert telemetry.deliver(TIME, DUE) == [Deliver("listener", URI, (event(1), event(2)))]

    def test_is_due_when_it_has_enough_events(self):
        telemetry = subscribed(*map(event, range(999)))
        assert telemetry.deliver(TIME, NOW) == []

        telemetry.publish(event(999), NOW)

        (order,) = telemetry.deliver(TIME, NOW)
        assert len(order.events) == 1000

    def test_is_due_when_it_is_large_enough(self):
        telemetry = subscribed(event(1, text="x" * 262_144))

        assert len(telemetry.deliver(TIME, NOW)) == 1

    def test_is_due_at_once_when_the_end_is_near(self):
        telemetry = subscribed(event(1))

        telemetry.hurry(NOW)

        assert len(telemetry.deliver(TIME, NOW)) == 1

    def test_there_is_none_without_events(self):
        telemetry = subscribed(event(1, kind="extension"))

        telemetry.hurry(NOW)

        assert telemetry.deliver(TIME, NOW + 9) == []
        assert telemetry.timer_at is None

    def test_the_next_waits_for_the_answer_to_the_last(self):
        telemetry = subscribed(event(1))
        telemetry.deliver(TIME, DUE)
        telemetry.publish(event(2), DUE)

        assert telemetry.deliver(TIME, DUE + 0.1) == []
        telemetry.finish("listener", accepted=True)
        assert telemetry.deliver(TIME, DUE + 0.1) == [Deliver("listener", URI, (event(2),))]


class TestABatchThatIsNotTaken:
    """It is dropped, and the subscriber is told of it with the next one."""

    def test_is_counted(self):
        telemetry = subscribed(event(1))
        telemetry.deliver(TIME, DUE)
        telemetry.finish("listener", accepted=False)
        telemetry.publish(event(2), DUE)

        (order,) = telemetry.deliver(TIME, DUE + 1)

        dropped = {
            "reason": "subscriber did not take a batch",
            "droppedRecords": 1,
            "droppedBytes": len(json.dumps(event(1))),
        }
        assert order.events == (
            event(2),
            {"time": TIME, "type": "platform.logsDropped", "record": dropped},
        )

    def test_is_given_up_after_a_while(self):
        telemetry = subscribed(event(1))
        telemetry.deliver(TIME, DUE)

        assert telemetry.timer_at == DUE + DELIVERY_TIMEOUT_S
        assert telemetry.deliver(TIME, DUE + DELIVERY_TIMEOUT_S) == [AbandonDelivery("listener")]
        assert not telemetry.under_way

    def test_an_answer_that_comes_too_late_changes_nothing(self):
        telemetry = subscribed(event(1))

        telemetry.finish("listener", accepted=False)
        telemetry.finish("nobody", accepted=False)

        assert telemetry.deliver(TIME, DUE) == [Deliver("listener", URI, (event(1),))]

    def test_what_waits_is_bounded_and_the_oldest_go_first(self, monkeypatch):
        monkeypatch.setattr(subscription, "WAITING_MAX", 2)
        telemetry = subscribed(event(1), event(2), event(3))

        (order,) = telemetry.deliver(TIME, DUE)

        assert order.events[:2] == (event(2), event(3))
        assert order.events[2]["record"]["droppedRecords"] == 1
