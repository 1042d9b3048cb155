"""Who is told what, and when."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.actions import AbandonDelivery, Deliver, Record
from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.telemetry import telemetry_api
from lambda_sandbox.core.telemetry.subscriber import DELIVERY_TIMEOUT_S, RETRY_FIRST_S, weighed
from lambda_sandbox.core.telemetry.subscription import (
    ALREADY_SUBSCRIBED,
    CLOSED,
    NOT_SUPPORTED,
    Subscription,
)
from lambda_sandbox.core.telemetry.telemetry_api import TelemetryApi

NOW = 50.0
TIME = "2026-11-23T00:00:00.000Z"
URI = "http://sandbox.localdomain:4243/telemetry"
WANTED = {
    "schemaVersion": "2025-01-29",
    "types": ["platform"],
    "buffering": {"timeoutMs": 25},
    "destination": {"protocol": "HTTP", "URI": URI},
}
DUE = NOW + 0.025


def event(number=0, kind="platform.start"):
    """The ``number``-th event."""
    return {"time": TIME, "type": kind, "record": {"requestId": f"r-{number}"}}


def body(**changes):
    return json.dumps({**WANTED, **changes}).encode()


def subscribed(*events, **changes):
    """An API with the subscriber ``listener``, and ``events`` published after it."""
    api = TelemetryApi(supported=True)
    assert isinstance(api.subscribe("listener", body(**changes), NOW), Subscription)
    for published in events:
        api.publish(published, NOW)
    return api


def delivered(api, now=DUE):
    """What is sent now, by subscriber."""
    actions = api.deliver(TIME, now, begin=True)
    return {a.subscriber: list(a.events) for a in actions if isinstance(a, Deliver)}


class TestSubscribing:
    """From registration until initialisation has ended, once."""

    def test_without_telemetry_is_answered_202_whatever_is_asked(self):
        assert TelemetryApi(supported=False).subscribe("listener", b"", NOW) is NOT_SUPPORTED

    def test_with_a_wrong_body_is_refused(self):
        answer = TelemetryApi(supported=True).subscribe("listener", b"", NOW)

        assert isinstance(answer, Reply)
        assert answer.status == 400

    def test_after_initialisation_is_refused_unless_it_is_wrong_anyway(self):
        api = TelemetryApi(supported=True)
        api.close()

        assert api.subscribe("listener", body(), NOW) is CLOSED
        answer = api.subscribe("listener", b"", NOW)
        assert isinstance(answer, Reply)
        assert answer.status == 400

    def test_again_is_refused_and_changes_nothing(self):
        api = subscribed()

        assert api.subscribe("listener", body(types=["function"]), NOW) is ALREADY_SUBSCRIBED
        api.publish(event(1), NOW)
        assert delivered(api) == {"listener": [event(1)]}

    def test_late_brings_what_happened_before(self):
        api = TelemetryApi(supported=True)
        api.publish(event(1), NOW)
        api.publish(event(2, kind="function"), NOW)

        api.subscribe("listener", body(), NOW)

        assert delivered(api) == {"listener": [event(1)]}

    def test_in_time_brings_what_happens_after_initialisation_too(self):
        api = subscribed()
        api.close()

        api.publish(event(1), NOW)

        assert delivered(api) == {"listener": [event(1)]}

    @pytest.mark.parametrize(
        ("name", "limit"), [("PAST_MAX", 2), ("PAST_BYTES_MAX", 2 * weighed(event()).size_bytes)]
    )
    def test_late_counts_what_the_past_had_no_room_for(self, name, limit, monkeypatch):
        monkeypatch.setattr(telemetry_api, name, limit)
        api = TelemetryApi(supported=True)
        for number in range(3):
            api.publish(event(number), NOW)

        api.subscribe("platform", body(), NOW)
        api.subscribe("function", body(types=["function"]), NOW)

        (told,) = delivered(api).values()
        assert told[:2] == [event(1), event(2)]
        assert told[2]["record"]["droppedRecords"] == 1
        assert told[2]["record"]["droppedBytes"] == weighed(event(0)).size_bytes


OBJECT = event(1, kind="function")
PLAIN = {**OBJECT, "record": '{"requestId": "r-1"}'}


class TestALine:
    """An object, or plain, as the subscriber's schema has it."""

    @pytest.mark.parametrize(
        ("version", "expected"),
        [("2022-07-01", PLAIN), ("2022-12-13", OBJECT), ("2025-01-29", OBJECT)],
    )
    @pytest.mark.parametrize("late", [True, False])
    def test_is_delivered_as_the_schema_has_it(self, version, expected, late):
        api = TelemetryApi(supported=True)
        if late:
            api.publish(OBJECT, NOW, PLAIN)
        api.subscribe("listener", body(schemaVersion=version, types=["function"]), NOW)
        if not late:
            api.publish(OBJECT, NOW, PLAIN)

        assert delivered(api) == {"listener": [expected]}


class TestADelivery:
    """Begun when it is due, given up when it takes too long."""

    def test_is_begun_when_it_is_due(self):
        api = subscribed(event(1))

        assert api.timer_at(begin=True) == DUE
        assert delivered(api, DUE - 0.001) == {}
        assert delivered(api) == {"listener": [event(1)]}
        assert api.under_way

    def test_is_not_begun_while_others_are_waited_for(self):
        api = subscribed(event(1))

        assert api.timer_at(begin=False) is None
        assert api.deliver(TIME, DUE, begin=False) == []

    def test_is_there_only_for_those_who_want_something(self):
        api = subscribed(event(1, kind="extension"))

        api.hurry()

        assert delivered(api) == {}
        assert api.timer_at(begin=True) is None

    def test_is_over_with_the_answer(self):
        api = subscribed(event(1))
        delivered(api)

        api.finish("listener", DUE, accepted=True)

        assert not api.under_way
        assert api.timer_at(begin=True) is None

    def test_is_given_up_after_a_while_even_if_none_may_be_begun(self):
        api = subscribed(event(1))
        delivered(api)
        late = DUE + DELIVERY_TIMEOUT_S

        assert api.timer_at(begin=False) == late
        assert api.deliver(TIME, late - 0.001, begin=False) == []
        assert api.deliver(TIME, late, begin=False) == [AbandonDelivery("listener")]
        assert not api.under_way
        assert api.timer_at(begin=True) == late + RETRY_FIRST_S

    def test_an_answer_of_nobody_changes_nothing(self):
        api = subscribed(event(1))

        api.finish("nobody", NOW, accepted=False)

        assert delivered(api) == {"listener": [event(1)]}


class TestTheEnd:
    """Everything is due, and what is not taken is counted aloud."""

    def test_makes_everything_due(self):
        api = subscribed(event(1))

        api.hurry()

        assert delivered(api, NOW) == {"listener": [event(1)]}

    def test_shows_what_was_not_taken(self):
        api = subscribed(event(1))
        api.hurry()
        delivered(api, NOW)
        api.finish("listener", NOW, accepted=False)

        (shown,) = api.deliver(TIME, NOW, begin=True)

        assert isinstance(shown, Record)
        assert shown.event["record"]["droppedRecords"] == 1
        assert api.deliver(TIME, NOW, begin=True) == []
