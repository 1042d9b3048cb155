"""Telemetry API: the past for who comes late, and the size of a batch."""

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

PAST_KIB = 5000
"""More than the sandbox keeps of the past: 4 MiB."""


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """A subscriber that comes when the function has said more than is kept."""
    folder = tmp_path_factory.mktemp("late")
    printed = str(folder / "printed")
    late = [REGISTERED, LISTEN, {"do": "wait_for", "file": printed}, {"do": "subscribe"}]
    layer = layer_of(folder, late=[*late, *UNTIL_DONE, LOOP])
    environ = {"PRINT_KIB_AT_INIT": str(PAST_KIB), "TOUCH_AT_INIT": printed}
    with Sandbox(function(layer, environ=environ, memory_mb=512)) as sandbox:
        sandbox.invoke(told("answer"))
    return Story(sandbox)


LINES = 1500
"""More than the 1000 events that the subscriber wants in one batch."""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """A subscriber that comes when the function has said more than fits into one batch."""
    folder = tmp_path_factory.mktemp("replayed")
    printed = str(folder / "printed")
    late = [REGISTERED, LISTEN, {"do": "wait_for", "file": printed}, {"do": "subscribe"}]
    layer = layer_of(folder, late=[*late, *UNTIL_DONE, LOOP])
    environ = {"PRINT_LINES_AT_INIT": str(LINES), "TOUCH_AT_INIT": printed}
    with Sandbox(function(layer, environ=environ)) as sandbox:
        sandbox.invoke(told("answer"))
    return Story(sandbox)


class TestALateSubscriber:
    """Hears of the past."""

    @pytest.mark.rule("§2.2", "Events since the start of init are replayed to a late subscriber")
    def test_receives_what_happened_before(self, replayed):
        received = replayed.telemetry("late")

        first = kinds(received)[: LINES + 2]
        assert first == [
            "platform.initStart",
            *["function"] * LINES,
            "platform.telemetrySubscription",
        ]
        lines = [event["record"] for event in received if event["type"] == "function"]
        assert lines == [str(number) for number in range(LINES)]

    @pytest.mark.rule("§2.2", "Of more than can be kept, the oldest is dropped")
    def test_does_not_receive_the_oldest(self, late):
        assert "platform.initStart" not in kinds(late.telemetry("late"))

    @pytest.mark.rule("§2.2", "What was dropped is told: `platform.logsDropped`, counted")
    def test_is_told_what_was_dropped(self, late):
        received = late.telemetry("late")

        (dropped,) = (event for event in received if event["type"] == "platform.logsDropped")
        assert list(dropped["record"]) == ["reason", "droppedRecords", "droppedBytes"]
        lines = [event for event in received if event["type"] == "function"]
        # One more was dropped than lines: initStart, the oldest of all.
        assert dropped["record"]["droppedRecords"] == PAST_KIB - len(lines) + 1

    @pytest.mark.rule("§2.1", "A batch has at most maxItems events")
    def test_receives_batches_of_so_many_events(self, replayed):
        sizes = [len(what["batch"]) for what in replayed.batches("late")]

        assert max(sizes) == sizes[0] == 1000

    @pytest.mark.rule("§2.1", "A batch has at most 2 × maxBytes and metadata")
    def test_receives_batches_of_bounded_bytes(self, late):
        lines = [
            sum(event["type"] == "function" for event in what["batch"])
            for what in late.batches("late")
        ]

        assert 0 < max(lines) * 1024 <= 2 * 262_144
