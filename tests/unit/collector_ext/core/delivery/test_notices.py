"""What is said of one exporter."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import INFO, WARN, Say
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.delivery.notices import Notices, amount
from collector_ext.core.events import Delivered
from collector_ext.core.otlp import LOGS, PROTOBUF, TRACES, ExportRequest, Payload

NAME = "https://a.example/v1/traces"
SPANS = Payload(TRACES, PROTOBUF, b"spans", 3, is_suspect=False)
RECORD = Payload(LOGS, PROTOBUF, b"log", 1, is_suspect=False)
REQUEST = ExportRequest("otlp", TRACES, (SPANS,))
BUSY = Failure(failures.UNAVAILABLE, "HTTP 503", None)
UNKNOWN = Failure(failures.UNAUTHORISED, "HTTP 401", None)
BAD = Failure(failures.CONTENT, "HTTP 400", None)


@pytest.fixture
def notices():
    return Notices("otlp", {TRACES: NAME})


class TestAFailure:
    """It is said with what follows, once for each reason."""

    def test_names_what_where_and_why(self, notices):
        assert notices.failed(REQUEST, BUSY) == [
            Say(
                WARN,
                f"cannot export 3 spans (5 bytes) to {NAME}: HTTP 503; kept for the next export",
            )
        ]
        assert notices.failed(REQUEST, BUSY) == []

    def test_says_what_to_check(self, notices):
        (said,) = notices.refused(REQUEST, UNKNOWN)

        assert said.text.endswith(f"HTTP 401; dropped; {UNKNOWN.kind.advice}")

    def test_is_over_when_something_is_delivered(self, notices):
        notices.failed(REQUEST, BUSY)

        assert notices.delivered(Delivered(REQUEST, 0, ""), 0) == [
            Say(INFO, f"{NAME} accepts exports again")
        ]
        assert notices.failed(REQUEST, BUSY) != []

    def test_of_one_body_is_none_of_the_endpoint(self, notices):
        notices.refused(REQUEST, BAD)

        assert notices.delivered(Delivered(REQUEST, 0, ""), 0) == []


class TestWhatIsDropped:
    """It is said at once, or counted until something is said again."""

    def test_in_silence_is_told_when_the_endpoint_is_back(self, notices):
        notices.refused(REQUEST, UNKNOWN)
        notices.refused(REQUEST, UNKNOWN)

        (said,) = notices.delivered(Delivered(REQUEST, 0, ""), 0)

        assert said.text.endswith("accepts exports again; 3 more items were dropped until then")

    def test_in_silence_is_told_in_the_end(self, notices):
        notices.dropped([SPANS], 8)
        notices.dropped([SPANS, RECORD], 8)

        assert notices.left((), (), "at shutdown") == [
            Say(WARN, "4 more items were dropped for reasons given above")
        ]
        assert notices.left((), (), "at shutdown") == []

    def test_for_room_is_said_with_the_bound(self, notices):
        (said,) = notices.dropped([SPANS], 8)

        assert said.text == (
            "more than 8 bytes wait for otlp; dropped the oldest: 3 spans (5 bytes)"
        )

    def test_by_the_endpoint_is_said_in_its_words(self, notices):
        assert notices.delivered(Delivered(REQUEST, 2, "too old"), 2) == [
            Say(WARN, f"{NAME} rejected 2 spans: too old; dropped")
        ]


class TestTheEnd:
    """What is left is owned up to."""

    def test_what_is_kept_and_what_is_not(self, notices):
        assert notices.left([SPANS], [RECORD], "at shutdown") == [
            Say(INFO, "kept 3 spans (5 bytes) for otlp at shutdown"),
            Say(WARN, "discarded 1 log record (3 bytes) for otlp at shutdown"),
        ]


class TestAnAmount:
    """It is told signal by signal."""

    def test_of_two_signals(self):
        assert amount([SPANS, RECORD, SPANS]) == "6 spans, 1 log record (13 bytes)"
