"""Telemetry API: what subscribers receive, how, and when."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import (
    LISTEN,
    LOOP,
    REGISTERED,
    UNTIL_DONE,
    Step,
    Story,
    function,
    kinds,
    layer_of,
    told,
)


def subscriber(*, listen: Step, **changes: Any) -> list[Step]:
    """Return the plan of an extension that waits for the end of the first invocation."""
    return [REGISTERED, listen, {"do": "subscribe", **changes}, *UNTIL_DONE, LOOP]


def to(uri: str) -> dict[str, str]:
    """Return an HTTP destination."""
    return {"protocol": "HTTP", "URI": uri}


PLANS = {
    "oldest": subscriber(
        listen=LISTEN, schemaVersion="2022-07-01", destination=to("http://sandbox:{port}")
    ),
    "middle": subscriber(
        listen=LISTEN,
        schemaVersion="2022-12-13",
        destination=to("http://sandbox.localdomain:{port}/a/path?b=c"),
    ),
    "newest": subscriber(
        listen={"do": "listen_for_lines"},
        schemaVersion="2025-01-29",
        destination={"protocol": "TCP", "port": "{port}"},
    ),
    "refusing": subscriber(listen={"do": "listen", "statuses": [500, 404]}),
    "choosy": [
        REGISTERED,
        LISTEN,
        {"do": "subscribe", "types": ["function"]},
        {"do": "next"},
        {"do": "await_telemetry", "type": "function"},
        LOOP,
    ],
}


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Subscribers of every kind, and a function that logs JSON; two invocations."""
    layer = layer_of(tmp_path_factory.mktemp("delivery"), **PLANS)
    environ = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
    with Sandbox(function(layer, environ=environ, memory_mb=512)) as sandbox:
        story = Story(sandbox)
        story.outcomes["init"] = sandbox.init()
        sandbox.invoke(told("log"), request_id="r-1")
        sandbox.wait_frozen()
        story.outcomes["frozen"] = kinds(story.telemetry("middle"))
        story.outcomes["happened"] = kinds(sandbox.events)
        sandbox.invoke(told("answer"), request_id="r-2")
    return story


def function_records(story, who):
    """Return what the function logged, as a subscriber received it."""
    return [event["record"] for event in story.telemetry(who) if event["type"] == "function"]


class TestABatch:
    """Is an array over HTTP, lines over TCP."""

    @pytest.mark.rule("§2.2", "Telemetry is sent as application/json: an array of events")
    def test_is_json(self, story):
        batches = story.batches("middle")

        assert {what["content_type"] for what in batches} == {"application/json"}
        assert all(isinstance(what["batch"], list) for what in batches)

    @pytest.mark.rule("§2.2", "An event has `time`, `type` and `record`, in this order")
    def test_has_events_of_three_fields(self, story):
        fields = {tuple(event) for event in story.telemetry("middle")}

        assert fields == {("time", "type", "record")}

    @pytest.mark.rule("§2.2", "`time` is UTC with milliseconds: 2006-01-02T15:04:05.000Z")
    def test_has_times(self, story):
        time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

        assert all(time.fullmatch(event["time"]) for event in story.telemetry("middle"))

    @pytest.mark.rule("§8", "The path of the destination is kept")
    def test_goes_to_its_path(self, story):
        assert {what["path"] for what in story.batches("middle")} == {"/a/path?b=c"}
        assert {what["path"] for what in story.batches("oldest")} == {"/"}

    @pytest.mark.rule("§2.1", "The host of a destination may be `sandbox.localdomain`")
    def test_goes_to_the_long_name(self, story):
        assert "platform.report" in kinds(story.telemetry("middle"))

    @pytest.mark.rule("§2.1", "The host of a destination may be `sandbox`")
    def test_goes_to_the_short_name(self, story):
        assert "platform.report" in kinds(story.telemetry("oldest"))

    @pytest.mark.rule("§2.1", "Over TCP, telemetry is JSON, one event for each line")
    def test_is_lines_over_tcp(self, story):
        assert {len(what["batch"]) for what in story.batches("newest")} == {1}
        assert "platform.report" in kinds(story.telemetry("newest"))

    @pytest.mark.rule("§2.1", "A subscriber receives the types it asked for, and no others")
    def test_has_what_was_asked_for(self, story):
        assert set(kinds(story.telemetry("choosy"))) == {"function"}

    @pytest.mark.rule("§2.2", "A batch that is not answered 2xx is sent again")
    def test_is_sent_again_if_it_was_refused(self, story):
        first, second, third, *_ = story.batches("refusing")

        assert [what["answered"] for what in (first, second, third)] == [500, 404, 200]
        # What happened meanwhile may come with it.
        assert second["batch"][: len(first["batch"])] == first["batch"]
        assert third["batch"][: len(second["batch"])] == second["batch"]

    @pytest.mark.rule("§2.2", "Every subscriber receives each event once, in order")
    def test_has_each_event_once(self, story):
        wanted = [event for event in story.sandbox.events if event["type"] != "function"]
        for who in ("oldest", "middle", "newest", "refusing"):
            received = [event for event in story.telemetry(who) if event["type"] != "function"]
            assert received == wanted


class TestALine:
    """Of the function's log is an event."""

    @pytest.mark.rule("§2.3", "With schema 2022-07-01 a JSON line of the log is a string")
    def test_is_a_string_in_the_oldest_schema(self, story):
        records = function_records(story, "oldest")

        assert records[0] == "printed"
        assert json.loads(records[1])["message"] == "logged"

    @pytest.mark.parametrize(
        "who",
        [
            pytest.param(
                who,
                marks=pytest.mark.rule(
                    "§2.3", f"With schema {version} a line in JSON log format is an object"
                ),
            )
            for who, version in {"middle": "2022-12-13", "newest": "2025-01-29"}.items()
        ],
    )
    def test_is_an_object_in_the_newer_schemas(self, story, who):
        printed, logged = function_records(story, who)[:2]

        assert printed == "printed"
        assert (logged["message"], logged["requestId"]) == ("logged", "r-1")


class TestTheTime:
    """Of a delivery is the buffer's, while the environment is awake."""

    @pytest.mark.rule("§2.2", "runtimeDone is delivered while the extension has not asked next")
    def test_is_before_the_extension_asks_next(self, story):
        assert story.outcomes["frozen"][-1] == "platform.runtimeDone"

    @pytest.mark.rule("§2.2", "Telemetry is frozen with the environment: report comes thawed")
    def test_is_after_the_thaw_for_the_report(self, story):
        assert story.outcomes["happened"][-1] == "platform.report"
        assert "platform.report" not in story.outcomes["frozen"]

    @pytest.mark.rule("§2.4", "What is left is delivered before SHUTDOWN")
    def test_is_before_the_shutdown_for_the_last(self, story):
        said = story.said("middle")
        last = max(number for number, what in enumerate(said) if "batch" in what)

        (end,) = (
            number
            for number, what in enumerate(said)
            if what.get("event", {}).get("eventType") == "SHUTDOWN"
        )
        assert last < end
