"""Telemetry API: the events of a cold start, their order and their fields."""

from __future__ import annotations

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import (
    LISTEN,
    LOOP,
    REGISTERED,
    UNTIL_DONE,
    Story,
    function,
    kinds,
    layer_of,
    told,
)

TRACE = "Root=1-5b3cc918-939afd635f8891ba6a9e1df7;Parent=c88d77b0aef840e9;Sampled=1"
SUBSCRIBER = [REGISTERED, LISTEN, {"do": "subscribe"}, *UNTIL_DONE, LOOP]
PLANS = {"one": SUBSCRIBER, "other": SUBSCRIBER}

ON_DEMAND = ["initializationType", "phase"]
FIELDS = {
    "platform.initStart": [
        *ON_DEMAND, "functionName", "functionVersion", "runtimeVersion", "runtimeVersionArn",
        "instanceId", "instanceMaxMemory",
    ],
    "platform.telemetrySubscription": ["name", "state", "types"],
    "platform.initRuntimeDone": [*ON_DEMAND, "status"],
    "platform.extension": ["name", "state", "events"],
    "platform.initReport": [*ON_DEMAND, "status", "metrics"],
    "platform.start": ["requestId", "version", "tracing"],
    "platform.runtimeDone": ["requestId", "status", "metrics", "spans", "tracing"],
    "platform.report": ["requestId", "status", "metrics", "spans", "tracing"],
}  # fmt: skip
"""Of a cold start that goes well, in order, with a sampled trace."""


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Two subscribers, two invocations of a sampled trace."""
    layer = layer_of(tmp_path_factory.mktemp("events"), **PLANS)
    with Sandbox(function(layer, memory_mb=512)) as sandbox:
        sandbox.invoke(told("log"), trace_header=TRACE)
        sandbox.invoke(told("answer"), trace_header=TRACE)
    return Story(sandbox)


class TestTheEvents:
    """Of a cold start, in their order, with their fields in theirs."""

    @pytest.mark.rule("§2.3", "A cold start is told in the order of the sequence in §2.3")
    def test_come_in_their_order(self, story):
        received = kinds(story.telemetry("one"))

        first = received[: received.index("platform.report") + 1]
        assert first == [
            "platform.initStart",
            *["platform.telemetrySubscription"] * len(PLANS),
            "platform.initRuntimeDone",
            *["platform.extension"] * len(PLANS),
            "platform.initReport",
            "platform.start",
            "function",
            "function",
            "platform.runtimeDone",
            "platform.report",
        ]

    @pytest.mark.parametrize(
        "kind",
        [
            pytest.param(kind, marks=pytest.mark.rule("§2.3", f"`{kind}` has its fields in order"))
            for kind in FIELDS
        ],
    )
    def test_have_their_fields_in_order(self, story, kind):
        events = [event for event in story.telemetry("one") if event["type"] == kind]

        assert list(events[0]["record"]) == FIELDS[kind]

    @pytest.mark.rule("§2.3", "initStart: on-demand, phase init, function, memory in bytes")
    def test_begin_with_the_function(self, story):
        record = dict(story.records("initStart")[0])

        assert record.pop("runtimeVersionArn").endswith(record.pop("runtimeVersion"))
        assert record.pop("instanceId").endswith(story.sandbox.facts.log_stream)
        assert record == {
            "initializationType": "on-demand",
            "phase": "init",
            "functionName": "story",
            "functionVersion": "$LATEST",
            "instanceMaxMemory": 512 * 1024 * 1024,
        }

    @pytest.mark.rule("§2.3", "`platform.extension` has state Ready and the events asked for")
    def test_tell_of_each_extension(self, story):
        records = {record["name"]: record for record in story.records("extension")}

        assert set(records) == set(PLANS)
        assert records["one"] == {
            "name": "one",
            "state": "Ready",
            "events": ["INVOKE", "SHUTDOWN"],
        }

    @pytest.mark.rule("§2.3", "`tracing` has span id, type and the header of a sampled trace")
    def test_have_the_trace(self, story):
        for kind in ("start", "runtimeDone", "report"):
            assert story.records(kind)[0]["tracing"] == {
                "spanId": "c88d77b0aef840e9",
                "type": "X-Amzn-Trace-Id",
                "value": TRACE,
            }

    @pytest.mark.rule("§2.3", "runtimeDone has durationMs, producedBytes and three spans")
    def test_measure_the_runtime(self, story):
        record = story.records("runtimeDone")[0]

        assert list(record["metrics"]) == ["durationMs", "producedBytes"]
        assert record["metrics"]["producedBytes"] == len("null")
        assert [(span["name"], list(span)) for span in record["spans"]] == [
            (name, ["name", "start", "durationMs"])
            for name in ("responseLatency", "responseDuration", "runtimeOverhead")
        ]

    @pytest.mark.rule("§2.3", "The first report has five metrics, initDurationMs the last")
    def test_measure_the_invocation(self, story):
        first, second = story.records("report")

        of_all = ["durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB"]
        assert list(first["metrics"]) == [*of_all, "initDurationMs"]
        assert list(second["metrics"]) == of_all
        assert [span["name"] for span in first["spans"]] == ["extensionOverhead"]

    @pytest.mark.rule("§4.1", "Init is billed with the first invocation")
    def test_bill_the_initialisation(self, story):
        metrics = story.records("report")[0]["metrics"]

        whole_ms = metrics["durationMs"] + metrics["initDurationMs"]
        assert whole_ms <= metrics["billedDurationMs"] < whole_ms + 1.01  # rounded up
