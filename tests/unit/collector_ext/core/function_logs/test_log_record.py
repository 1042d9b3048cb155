"""What every record has, whatever format it was written in."""

from __future__ import annotations

import pytest

from collector_ext.core.function_logs.log_record import (
    TraceContext,
    ns_of,
    request_id_in,
    severity_number,
    trace_context,
)

TRACE_ID, SPAN_ID = "72fd7c8e21a2c1a04d11f9b2ea46d2b8", "1f0a2c49d6b7c11e"
TRACE_BYTES, SPAN_BYTES = bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID)


class TestASeverity:
    """Has the number that OpenTelemetry gives the words of Lambda and of Python."""

    @pytest.mark.parametrize(
        ("word", "number"),
        [
            ("TRACE", 1),
            ("DEBUG", 5),
            ("INFO", 9),
            ("WARN", 13),
            ("WARNING", 13),
            ("ERROR", 17),
            ("FATAL", 21),
            ("CRITICAL", 21),
            ("info", 9),
            ("NOTSET", 0),
            ("Level 25", 0),
            ("", 0),
        ],
    )
    def test_it_is_known_by_its_word(self, word, number):
        assert severity_number(word) == number


class TestATraceContext:
    """Is one only if its trace id is."""

    def test_it_is_two_ids_and_flags(self):
        assert trace_context(TRACE_ID, SPAN_ID, 0x103) == TraceContext(TRACE_BYTES, SPAN_BYTES, 3)

    @pytest.mark.parametrize("span_id", [None, 1, "", "0" * 16, SPAN_ID.upper(), SPAN_ID + "0"])
    def test_it_may_lack_a_span(self, span_id):
        assert trace_context(TRACE_ID, span_id, 1) == TraceContext(TRACE_BYTES, b"", 1)

    @pytest.mark.parametrize(
        "trace_id", [None, 7, "", "0", "0" * 32, TRACE_ID.upper(), TRACE_ID[1:], "x" * 32]
    )
    def test_without_a_trace_id_it_is_none(self, trace_id):
        assert trace_context(trace_id, SPAN_ID, 1) is None


class TestAnInstant:
    """Is in nanoseconds, exact to a microsecond; 0 is none."""

    @pytest.mark.parametrize(
        ("text", "at_ns"),
        [
            ("2026-11-23T07:10:41.800Z", 1_795_417_841_800_000_000),
            ("2026-11-23T07:10:41.800123Z", 1_795_417_841_800_123_000),
            ("2026-11-23T07:10:41Z", 1_795_417_841_000_000_000),
            ("2026-11-23 07:10:41", 0),
            ("2999-11-23T07:10:41Z", 0),
            ("1969-12-31T23:59:59Z", 0),
            ("", 0),
            (None, 0),
            (1_795_417_841, 0),
        ],
    )
    def test_it_is_read_or_not(self, text, at_ns):
        assert ns_of(text) == at_ns


@pytest.mark.parametrize(("found", "read"), [("r-1", "r-1"), (None, ""), (1, ""), ("r" * 101, "")])
def test_a_request_id_is_a_short_text(found, read):
    assert request_id_in(found) == read
