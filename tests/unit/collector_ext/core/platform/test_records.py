"""What is read of the platform's telemetry where all of it is wanted."""

from __future__ import annotations

import pytest

from collector_ext.core.events import PlatformReported, RuntimeDone
from collector_ext.core.platform.records import (
    PART_COUNT_MAX,
    Part,
    PlatformRecord,
    events_in,
    record_in,
)
from tests.fakes.platform_entries import (
    MS,
    T0_NS,
    at_s,
    batch,
    entry,
    init,
    record_of,
    report,
    restore,
    runtime_done,
    start,
)

NOW = 5_000.0
DONE = runtime_done("r-1", 100, took_ms=30.5)


def kinds_in(entries):
    return [found.kind for found in map(record_in, entries) if found]


class TestAnInvocation:
    """Its start, its end at the runtime, and its report."""

    def test_the_end_has_durations_and_parts(self):
        assert record_in(DONE) == PlatformRecord(
            kind="runtimeDone",
            at_ns=T0_NS + 130 * MS,
            request_id="r-1",
            status="success",
            error_type="",
            initialization_type="",
            phase="",
            metrics={"durationMs": 30.5, "producedBytes": 101},
            parts=(
                Part("responseLatency", T0_NS + 100 * MS, 29_500_000),
                Part("responseDuration", T0_NS + 129 * MS, 0),
                Part("runtimeOverhead", T0_NS + 129 * MS, 1_000_000),
            ),
        )

    def test_the_report_has_what_is_billed(self):
        found = record_of(report("r-1", 100, 30))

        assert found.metrics == {
            "durationMs": 33.0,
            "billedDurationMs": 33,
            "memorySizeMB": 256,
            "maxMemoryUsedMB": 64,
        }
        assert found.parts == (Part("extensionOverhead", T0_NS + 130 * MS, 3_000_000),)

    def test_the_start_has_its_id(self):
        assert record_of(start("r-1", 7)).request_id == "r-1"

    def test_an_error_has_its_type(self):
        found = record_of(report("r-1", 0, 1, status="error", errorType="Runtime.ExitError"))

        assert (found.status, found.error_type) == ("error", "Runtime.ExitError")


class TestWhatGoesBefore:
    """Initialisation and restore, each with its beginning, its runtime and its end."""

    def test_of_an_initialisation(self):
        entries = init(0, 120)

        assert kinds_in(entries) == ["initStart", "initRuntimeDone", "initReport"]
        found = record_of(entries[-1])
        assert (found.initialization_type, found.phase, found.status) == (
            "on-demand",
            "init",
            "success",
        )
        assert found.metrics == {"durationMs": 120.0}

    def test_of_a_restore(self):
        assert kinds_in(restore(0, 20)) == [
            "restoreStart",
            "restoreRuntimeDone",
            "restoreReport",
        ]


class TestABatch:
    """What is told of an invocation goes before its end, which may order the last flush."""

    def test_is_events_in_its_order(self):
        found = events_in(batch(start("r-1", 100), DONE), NOW)

        assert found == [
            PlatformReported(record_of(start("r-1", 100))),
            PlatformReported(record_of(DONE)),
            RuntimeDone("r-1", "success", "", at_s(130)),
        ]

    def test_without_a_time_the_end_is_told_all_the_same(self):
        found = events_in(batch({**DONE, "time": "yesterday"}), NOW)

        assert found == [RuntimeDone("r-1", "success", "", NOW)]

    @pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b"[1]", b"[{}]", b"null"])
    def test_of_another_shape_is_passed_over(self, body):
        assert events_in(body, NOW) == []


class TestAnythingElse:
    """It is passed over."""

    @pytest.mark.parametrize("kind", ["extension", "telemetrySubscription", "logsDropped", "new"])
    def test_of_another_type(self, kind):
        assert record_in(entry(kind, {"requestId": "r-1"}, 0)) is None

    @pytest.mark.parametrize("record", [None, "text", {}, {"requestId": 1}])
    def test_a_record_without_an_id(self, record):
        assert record_in(entry("report", record, 0)) is None

    @pytest.mark.parametrize(
        "time", [None, "1969-12-31T23:59:59Z", "2026-11-23", "2300-01-01T00:00:00Z"]
    )
    def test_a_record_without_a_time(self, time):
        assert record_in({**DONE, "time": time}) is None

    @pytest.mark.parametrize("value", [-1, True, "1", None, float("nan"), 1e12])
    def test_an_amount_that_is_none(self, value):
        found = record_of(entry("initReport", {"metrics": {"durationMs": value, "x": 1.5}}, 0))

        assert found.metrics == {"x": 1.5}

    def test_text_that_is_no_unicode(self):
        found = record_of(entry("initReport", {"errorType": "E\ud800" + "x" * 200}, 0))

        assert found.error_type == "E?" + "x" * 98

    @pytest.mark.parametrize("metrics", [None, [], 1])
    def test_amounts_of_another_shape(self, metrics):
        assert record_of(entry("initReport", {"metrics": metrics}, 0)).metrics == {}

    @pytest.mark.parametrize(
        "part",
        [
            None,
            {"name": "", "start": DONE["time"], "durationMs": 1},
            {"name": "a", "start": "then", "durationMs": 1},
            {"name": "a", "start": DONE["time"]},
        ],
    )
    def test_a_part_of_another_shape(self, part):
        assert record_of(entry("initReport", {"spans": [part]}, 0)).parts == ()

    def test_parts_of_another_shape(self):
        assert record_of(entry("initReport", {"spans": {}}, 0)).parts == ()

    def test_parts_beyond_the_bound(self):
        part = {"name": "a", "start": DONE["time"], "durationMs": 1}

        found = record_of(entry("initReport", {"spans": [part] * (PART_COUNT_MAX + 1)}, 0))

        assert len(found.parts) == PART_COUNT_MAX
