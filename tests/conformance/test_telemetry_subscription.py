"""Telemetry API: what may be subscribed to, and how a subscription is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import (
    LOOP,
    ME,
    REGISTERED,
    Step,
    Story,
    call,
    function,
    layer_of,
    told,
)

TELEMETRY_API = "/2022-07-01/telemetry"

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/"}


def subscribe(label: str, **changes: Any) -> Step:
    """Return the step of a subscription that is right but for these changes."""
    return {"do": "subscribe", "label": label, "destination": HTTP} | changes


def wrong(rule, pointer, message, **changes):
    """One row: a subscription that does not fit the schema, and what is wrong there."""
    mark = pytest.mark.rule("§2.1", f"Refused with 400 ValidationError: {rule}")
    label = rule.replace("`", "")
    return pytest.param(label, changes, pointer, message, id=label, marks=mark)


def bound(name, rule, value, message):
    """One row: a field of ``buffering`` beyond its bound."""
    text = f"`{name}` {rule}"
    return wrong(text, f"/buffering/{name}", message, buffering={name: value})


WRONG = [
    bound("maxItems", "under 1000", 999, "must be >= 1000 but found 999"),
    bound("maxItems", "over 10 000", 10_001, "must be <= 10000 but found 10001"),
    bound("maxBytes", "under 262 144", 262_143, "must be >= 262144 but found 262143"),
    bound("maxBytes", "over 1 048 576", 1_048_577, "must be <= 1048576 but found 1048577"),
    bound("timeoutMs", "under 25", 1, "must be >= 25 but found 1"),
    bound("timeoutMs", "over 30 000", 30_001, "must be <= 30000 but found 30001"),
    wrong("no types", "/types", "minimum 1 items required, but found 0 items", types=[]),
    wrong(
        "a type that there is not", "/types/0",
        'value must be one of "platform", "function", "extension"', types=["traces"],
    ),
    wrong(
        "a schema version that there is not", "/schemaVersion",
        'value must be one of "2022-07-01", "2022-12-13", "2025-01-29"',
        schemaVersion="2021-03-18",
    ),
]  # fmt: skip

DESTINATIONS = {
    "a host that is not the sandbox": {"protocol": "HTTP", "URI": "http://example.com:80/"},
    "port 9001 over HTTP": {"protocol": "HTTP", "URI": "http://sandbox:9001/"},
    "port 9001 over TCP": {"protocol": "TCP", "port": 9001},
    "a protocol that there is not": {"protocol": "UDP", "port": 4243},
}


def accepted(name, **changes):
    """One row: a subscription that is right."""
    mark = pytest.mark.rule("§2.1", f'Accepted with 200 "OK": {name}')
    return pytest.param(name, changes, id=name, marks=mark)


SMALLEST = {"maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 25}
LARGEST = {"maxItems": 10_000, "maxBytes": 1_048_576, "timeoutMs": 30_000}
ACCEPTED = [
    accepted("the smallest bounds of buffering", buffering=SMALLEST),
    accepted("the largest bounds of buffering", buffering=LARGEST),
    accepted("no bounds of buffering", buffering={}),
    accepted("all three types", types=["platform", "function", "extension"]),
]


def subscriber(steps):
    """Return the plan of an extension that makes these subscriptions."""
    return [REGISTERED, *steps, {"do": "next"}]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """One extension that is refused often, and one for each subscription that is right."""
    refused = [subscribe(row.values[0], **row.values[1]) for row in WRONG]
    refused += [subscribe(name, destination=value) for name, value in DESTINATIONS.items()]
    stranger = call("nobody", "PUT", TELEMETRY_API)
    not_json = call("not JSON", "PUT", TELEMETRY_API, ME, "{")
    late = [subscribe("second"), {"do": "next"}, subscribe("late"), LOOP]
    right = {
        f"right_{number}": [REGISTERED, subscribe("right", **row.values[1]), LOOP]
        for number, row in enumerate(ACCEPTED)
    }
    plans: dict[str, Any] = {
        "wrong": [stranger, REGISTERED, not_json, *refused, subscribe("made good"), *late],
        **right,
    }
    layer = layer_of(tmp_path_factory.mktemp("subscriptions"), **plans)
    with Sandbox(function(layer, memory_mb=512)) as sandbox:
        sandbox.invoke(told("answer"))
        sandbox.wait_frozen()
        sandbox.close()  # nobody listens: there is nothing to deliver at the end
    return Story(sandbox)


class TestASubscriptionThatIsRight:
    """Is confirmed."""

    @pytest.mark.parametrize(("name", "changes"), ACCEPTED)
    def test_is_accepted(self, story, name, changes):
        number = [row.id for row in ACCEPTED].index(name)
        answer = story.answer(f"right_{number}", "right")

        assert (answer.status, answer.text) == (200, '"OK"'), changes

    @pytest.mark.rule("§2.1", "After refused subscriptions one that is right is accepted")
    def test_may_follow_others_that_were_not(self, story):
        answer = story.answer("wrong", "made good")

        assert (answer.status, answer.text) == (200, '"OK"')

    @pytest.mark.rule("§2.3", "`platform.telemetrySubscription` names subscriber, state and types")
    def test_is_an_event(self, story):
        records = {record["name"]: record for record in story.records("telemetrySubscription")}

        assert records["right_3"] == {
            "name": "right_3",
            "state": "Subscribed",
            "types": ["platform", "function", "extension"],
        }


class TestASubscriptionThatIsWrong:
    """Is refused in the words of a schema's validator."""

    @pytest.mark.parametrize(("label", "changes", "pointer", "message"), WRONG)
    def test_says_what_does_not_fit_the_schema(self, story, label, changes, pointer, message):
        status, error_type, text = story.answer("wrong", label).error

        assert (status, error_type) == (400, "ValidationError"), changes
        start = f"schema validation error: jsonschema: '{pointer}' does not validate with "
        assert text.startswith(start)
        assert text.endswith(f": {message}")

    @pytest.mark.parametrize(
        "label",
        [
            pytest.param(
                name,
                marks=pytest.mark.rule("§2.1", f"Refused with 400 ValidationError: {name}"),
            )
            for name in [*DESTINATIONS, "not JSON"]
        ],
    )
    def test_has_a_destination_or_a_body_that_cannot_be(self, story, label):
        status, error_type, text = story.answer("wrong", label).error

        assert (status, error_type) == (400, "ValidationError")
        assert text

    @pytest.mark.rule("§2.1", "Refused with 403: a subscription without an identifier")
    def test_comes_from_nobody(self, story):
        status, error_type, _ = story.answer("wrong", "nobody").error

        assert (status, error_type) == (403, "Extension.MissingExtensionIdentifier")

    @pytest.mark.rule("§2.1", "A second subscription of the same extension: 500")
    def test_is_the_second(self, story):
        assert story.answer("wrong", "second").status == 500

    @pytest.mark.rule("§2.1", "After initialisation: 403 Telemetry.SubscriptionClosed")
    def test_comes_after_initialisation(self, story):
        assert story.answer("wrong", "late").error == (
            403,
            "Telemetry.SubscriptionClosed",
            "Telemetry API subscription is closed",
        )


class TestWithoutTheTelemetryApi:
    """As local emulators answer."""

    @pytest.mark.rule("§2.1", "Where it is not supported: 202 Telemetry.NotSupported")
    def test_a_subscription_is_answered_202(self, tmp_path):
        layer = layer_of(tmp_path, external=[REGISTERED, subscribe("subscribed"), LOOP])
        with Sandbox(function(layer), telemetry=False) as sandbox:
            outcome = sandbox.invoke(told("answer"))

        answer = Story(sandbox).answer("external", "subscribed")
        assert answer.error == (
            202,
            "Telemetry.NotSupported",
            "Telemetry API is not supported",
        )
        assert outcome.status == "success"
