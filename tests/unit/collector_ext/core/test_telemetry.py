"""What is read of the platform's telemetry."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest

from collector_ext.core.events import InitDone, InitStarted, RuntimeDone
from collector_ext.core.telemetry import ends_in, entries_in, epoch_s, events_in

NOW = 5_000.0
DONE = {
    "time": "2026-11-23T07:10:41.800Z",
    "type": "platform.runtimeDone",
    "record": {"requestId": "r-1", "status": "error", "errorType": "Runtime.ExitError"},
}


def events(*records):
    """What a batch of these records says."""
    return events_in(json.dumps(records).encode(), NOW)


class TestTheEndOfAnInvocation:
    """It says which one, and how."""

    def test_it_says_which_and_how_and_when(self):
        assert events(DONE) == [RuntimeDone("r-1", "error", "Runtime.ExitError", 1_795_417_841.8)]

    def test_there_may_be_no_error(self):
        record = {"requestId": "r-1", "status": "success", "errorType": None}

        assert events({**DONE, "record": record})[0].error_type == ""

    def test_a_report_says_the_same(self):
        assert events({**DONE, "type": "platform.report"}) == events(DONE)

    @pytest.mark.parametrize(
        "time",
        [
            None,
            "yesterday",
            "2026-11-23 07:10:41.800",
            "2026-11-23T07:10:infZ",
            "2026-11-23T07:10:nanZ",
            "2026-11-23T07:10:1e99Z",
        ],
    )
    def test_a_time_that_cannot_be_read_is_now(self, time):
        assert events({**DONE, "time": time})[0].at == NOW


class TestAnInitialisation:
    """An invocation may fail with it, before anybody was invoked."""

    STARTED = MappingProxyType(
        {"time": DONE["time"], "type": "platform.initStart", "record": {"phase": "invoke"}}
    )

    def test_it_says_when_it_began_and_whether_for_an_invocation(self):
        alone = {**self.STARTED, "record": {"phase": "init"}}

        assert events(dict(self.STARTED), alone) == [
            InitStarted(is_part_of_invocation=True, at=1_795_417_841.8),
            InitStarted(is_part_of_invocation=False, at=1_795_417_841.8),
        ]

    @pytest.mark.parametrize(
        ("record", "status"), [({"status": "error"}, "error"), ({"phase": "init"}, "")]
    )
    def test_its_report_says_how_it_ended(self, record, status):
        assert events({**self.STARTED, "type": "platform.initReport", "record": record}) == [
            InitDone(status, at=1_795_417_841.8)
        ]


class TestAnythingElse:
    """It is passed over; refused, it would only come again."""

    @pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b"[1]", b"[{}]", b"null"])
    def test_a_batch_of_another_shape(self, body):
        assert events_in(body, NOW) == []

    @pytest.mark.parametrize("record", [None, "text", {}, {"requestId": 1}])
    def test_a_record_of_another_shape(self, record):
        assert events({**DONE, "record": record}, DONE) == events(DONE)

    def test_other_types(self):
        assert events({**DONE, "type": "platform.start"}, {"type": "new"}) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2000-02-29T12:00:00.5Z", 951_825_600.5),
        ("2024-12-31T23:59:59.999Z", 1_735_689_599.999),
        ("2100-03-01T00:00:00Z", 4_107_542_400.0),
    ],
)
def test_a_time_is_seconds_since_the_epoch(text, seconds):
    assert epoch_s(text) == seconds


class TestTheEntriesOfABatch:
    """They are read once, whoever wants to know what."""

    def test_are_of_any_shape(self):
        assert entries_in(b'[1, {"type": "new"}]') == [1, {"type": "new"}]

    @pytest.mark.parametrize("body", [b"", b"nonsense", b"{}"])
    def test_are_none_of_what_is_no_batch(self, body):
        assert entries_in(body) == []

    def test_tell_the_same_as_the_batch(self):
        assert ends_in([1, DONE], NOW) == events(DONE)
