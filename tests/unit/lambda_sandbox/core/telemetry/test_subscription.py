"""What may be subscribed to, and how the rest is refused."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.telemetry.subscription import (
    ALREADY_SUBSCRIBED,
    CLOSED,
    NOT_SUPPORTED,
    SUBSCRIBED,
    Subscription,
    read_subscription,
)

URI = "http://sandbox.localdomain:4243/telemetry"
WANTED = {
    "schemaVersion": "2025-01-29",
    "types": ["platform"],
    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
    "destination": {"protocol": "HTTP", "URI": URI},
}
LINES = {"protocol": "TCP", "port": 4243}


def body(**changes):
    return json.dumps({**WANTED, **changes}).encode()


def read(**changes):
    """The subscription, which must be valid."""
    subscription = read_subscription(body(**changes))
    assert isinstance(subscription, Subscription), subscription
    return subscription


def problem(text, **kwargs):
    """What a subscription is refused with."""
    answer = read_subscription(text, **kwargs)
    assert isinstance(answer, Reply)
    error = json.loads(answer.body)
    assert (answer.status, error["errorType"]) == (400, "ValidationError")
    return error["errorMessage"]


class TestASubscription:
    """Valid as the schema has it."""

    def test_is_read(self):
        assert read() == Subscription(("platform",), URI, 1000, 262144, 0.025, "2025-01-29")

    @pytest.mark.parametrize("version", ["2022-07-01", "2022-12-13", "2025-01-29"])
    def test_names_one_of_three_schema_versions(self, version):
        subscription = read(schemaVersion=version)

        assert subscription.schema_version == version
        assert subscription.knows_objects is (version != "2022-07-01")

    @pytest.mark.parametrize("buffering", [{}, {"unknown": 1}])
    def test_has_defaults_for_its_buffering(self, buffering):
        wanted = read(buffering=buffering)

        assert (wanted.items_max, wanted.bytes_max, wanted.timeout_s) == (10_000, 262_144, 1.0)

    @pytest.mark.parametrize(
        ("buffering", "limits"),
        [
            ({"maxItems": 10_000, "maxBytes": 262_144, "timeoutMs": 25}, (10_000, 262_144, 0.025)),
            ({"maxItems": 1_000, "maxBytes": 1_048_576, "timeoutMs": 3e4}, (1_000, 1_048_576, 30)),
        ],
    )
    def test_may_go_to_the_limits_of_its_buffering(self, buffering, limits):
        wanted = read(buffering=buffering)

        assert (wanted.items_max, wanted.bytes_max, wanted.timeout_s) == limits

    def test_has_each_of_its_types_once(self):
        assert read(types=["function", "platform", "function"]).types == ("function", "platform")

    @pytest.mark.parametrize(
        "uri",
        [
            "http://sandbox",
            "http://sandbox:8999/",
            "http://SANDBOX.localdomain:1/a?b",
            "http://sandbox:65535?b",
        ],
    )
    def test_may_be_for_any_path_and_port_of_the_sandbox(self, uri):
        assert read(destination={"protocol": "HTTP", "URI": uri}).destination == uri

    def test_may_be_for_lines_over_tcp(self):
        assert read(destination=LINES).destination == "tcp://sandbox.localdomain:4243"

    @pytest.mark.parametrize(
        ("kind", "wanted"),
        [("platform.start", True), ("function", True), ("extension", False)],
    )
    def test_is_for_events_of_its_types(self, kind, wanted):
        subscription = read(types=["platform", "function"])

        assert subscription.wants({"type": kind}) is wanted


class TestAnInvalidSubscription:
    """Refused with the place, the rule and the message of the schema's validator."""

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"buffering": {"timeoutMs": 1}},
                (
                    "schema validation error: jsonschema: '/buffering/timeoutMs' does not validate"
                    " with telemetry-subscription-schema.json"
                    "#/properties/buffering/properties/timeoutMs/minimum: must be >= 25 but found 1"
                ),
            ),
            (
                {"schemaVersion": "2020-08-15"},
                (
                    "schema validation error: jsonschema: '/schemaVersion' does not validate with"
                    " telemetry-subscription-schema.json#/properties/schemaVersion/enum:"
                    ' value must be one of "2022-07-01", "2022-12-13", "2025-01-29"'
                ),
            ),
        ],
    )
    def test_is_told_all_of_it(self, changes, message):
        assert problem(body(**changes)) == message

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"types": []}, "'/types' does"),
            ({"types": ["traces"]}, 'one of "platform", "function", "extension"'),
            ({"types": "platform"}, "expected array, but got string"),
            ({"buffering": []}, "expected object, but got array"),
            ({"buffering": {"timeoutMs": 30_001}}, "must be <= 30000 but found 30001"),
            ({"buffering": {"maxItems": 999}}, "must be >= 1000 but found 999"),
            ({"buffering": {"maxItems": 10_001}}, "must be <= 10000 but found 10001"),
            ({"buffering": {"maxBytes": 262_143}}, "must be >= 262144 but found 262143"),
            ({"buffering": {"maxBytes": 1_048_577}}, "must be <= 1048576 but found 1048577"),
            ({"buffering": {"maxBytes": True}}, "expected integer, but got boolean"),
            ({"destination": None}, "'/destination' does"),
            ({"destination": {"protocol": "HTTP"}}, "missing properties: 'URI'"),
            ({"destination": {**LINES, "port": 0}}, "'/destination' does"),
            ({"destination": {**LINES, "port": 65_536}}, "'/destination' does"),
        ],
    )
    def test_is_told_what_is_wrong(self, changes, message):
        assert message in problem(body(**changes))

    def test_is_told_what_is_missing(self):
        expected = "missing properties: 'schemaVersion', 'types', 'destination'"

        assert problem(b"{}").endswith(expected)

    def test_is_json(self):
        assert problem(b"{").startswith("failed to parse JSON: ")
        assert "expected object, but got array" in problem(b"[]")

    @pytest.mark.parametrize(
        "uri",
        [
            "",
            "https://sandbox:1",
            "http://sandbox:0",
            "http://sandbox:65536",
            "http://sandbox:port",
            "http://sandbox:1/a b",
            "http://sandbox:1/\r\nHost: other",
        ],
    )
    def test_has_a_uri_that_can_be_read(self, uri):
        expected = "Invalid destination: could not parse destination.URI"

        assert problem(body(destination={"protocol": "HTTP", "URI": uri})) == expected

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "sandbox.example"])
    def test_does_not_leave_the_sandbox(self, host):
        expected = "Invalid destination: destination.URI host must be sandbox.localdomain"
        destination = {"protocol": "HTTP", "URI": f"http://{host}:1/"}

        assert problem(body(destination=destination)) == expected

    @pytest.mark.parametrize(
        "destination",
        [
            {"protocol": "HTTP", "URI": "http://sandbox:9001/"},
            {"protocol": "TCP", "port": 9001},
        ],
    )
    def test_does_not_have_the_port_of_the_apis(self, destination):
        expected = "Invalid destination: port 9001 is reserved"

        assert problem(body(destination=destination)) == expected


class TestOnAManagedInstance:
    """There is one schema version; everything else is as elsewhere."""

    def test_the_newest_schema_version_is_accepted(self):
        assert read_subscription(body(), managed=True) == read()

    @pytest.mark.parametrize("version", ["2022-07-01", "2022-12-13"])
    def test_an_older_one_is_refused(self, version):
        assert problem(body(schemaVersion=version), managed=True) == (
            "schema validation error: jsonschema: '/schemaVersion' does not validate with"
            " telemetry-subscription-schema.json#/properties/schemaVersion/enum:"
            ' value must be "2025-01-29"'
        )

    def test_the_rest_is_checked_too(self):
        expected = "Invalid destination: port 9001 is reserved"

        assert problem(body(destination={**LINES, "port": 9001}), managed=True) == expected


class TestTheOtherAnswers:
    """As the platform gives them."""

    @pytest.mark.parametrize(
        ("answer", "status", "text"),
        [
            (SUBSCRIBED, 200, b'"OK"'),
            (
                NOT_SUPPORTED,
                202,
                (
                    b'{"errorMessage":"Telemetry API is not supported",'
                    b'"errorType":"Telemetry.NotSupported"}'
                ),
            ),
            (
                CLOSED,
                403,
                (
                    b'{"errorMessage":"Telemetry API subscription is closed",'
                    b'"errorType":"Telemetry.SubscriptionClosed"}'
                ),
            ),
            (
                ALREADY_SUBSCRIBED,
                500,
                (b'{"errorMessage":"Internal Server Error","errorType":"InternalServerError"}'),
            ),
        ],
    )
    def test_have_a_status_and_a_body(self, answer, status, text):
        assert (answer.status, answer.body) == (status, text)
