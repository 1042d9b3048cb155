"""What a record of text says."""

from __future__ import annotations

import pytest

from collector_ext.core.function_logs.log_record import LogRecord, TraceContext
from collector_ext.core.function_logs.text_line import record_of

AT_NS = 1_795_417_900_000_000_000
WRITTEN_NS = 1_795_417_841_800_000_000
HEAD = "[WARNING]\t2026-11-23T07:10:41.800Z\tr-1\t"
TRACE_ID, SPAN_ID = "72fd7c8e21a2c1a04d11f9b2ea46d2b8", "1f0a2c49d6b7c11e"
TRACE = TraceContext(bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID), 1)
SHOWN = f"[trace_id={TRACE_ID} span_id={SPAN_ID} resource.service.name=shop trace_sampled=True]\t"
UNSAMPLED = TraceContext(bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID), 0)


def plain(text):
    """A record that is a body and nothing more."""
    return LogRecord(AT_NS, 0, "", text, {}, "", None)


class TestARecordOfLogging:
    """Says when, how severe, and in which invocation it was written."""

    def test_its_columns_are_its_fields(self):
        found = record_of(HEAD + "sold out\n", AT_NS)

        assert found == LogRecord(WRITTEN_NS, 13, "WARNING", "sold out", {}, "r-1", None)

    def test_its_message_may_have_lines_and_tabs(self):
        assert record_of(HEAD + "sold\tout\nof all\n\n", AT_NS).body == "sold\tout\nof all\n"

    def test_a_level_of_the_functions_own_has_no_number(self):
        found = record_of(HEAD.replace("WARNING", "Level 25") + "so", AT_NS)

        assert (found.severity_number, found.severity_text) == (0, "Level 25")

    def test_outside_of_an_invocation_it_has_no_request_id(self):
        assert record_of(HEAD.replace("r-1", "") + "so", AT_NS).request_id == ""

    @pytest.mark.parametrize(
        "head",
        [
            "[WARNING\t2026-11-23T07:10:41.800Z\tr-1\t",
            "[WARNING]\tyesterday\tr-1\t",
            "[WARNING]\t2026-11-23T07:10:41.800Z\t",
            "WARNING]\t2026-11-23T07:10:41.800Z\tr-1\t",
        ],
    )
    def test_what_only_looks_like_one_is_text(self, head):
        assert record_of(head + "sold out", AT_NS) == plain(head + "sold out")


class TestItsTrace:
    """Is in a column of its own, where that is asked for."""

    def test_it_is_taken_out_of_the_message(self):
        found = record_of(HEAD + SHOWN + "sold\tout", AT_NS)

        assert (found.body, found.trace) == ("sold\tout", TRACE)

    def test_it_may_not_be_sampled(self):
        shown = SHOWN.replace("True", "False")

        assert record_of(HEAD + shown + "so", AT_NS).trace == UNSAMPLED

    def test_there_may_be_none_to_show(self):
        shown = SHOWN.replace(TRACE_ID, "0").replace(SPAN_ID, "0")

        found = record_of(HEAD + shown + "so", AT_NS)

        assert (found.body, found.trace) == ("so", None)

    @pytest.mark.parametrize("message", ["[trace_id=x]\tso", "[trace_id=0", "[a]\tso", "a\tb"])
    def test_what_is_no_such_column_stays(self, message):
        found = record_of(HEAD + message, AT_NS)

        assert (found.body, found.trace) == (message, None)


class TestAReportOfAnException:
    """Is what the runtime writes when the handler raised."""

    @pytest.mark.parametrize("line_break", ["\n", "\r"])
    def test_it_has_type_message_and_stack_trace(self, line_break):
        lines = ["[ERROR] ValueError: no: such", "Traceback (most recent call last):", "  File"]

        found = record_of(line_break.join(lines) + "\n", AT_NS)

        attributes = {
            "exception.type": "ValueError",
            "exception.message": "no: such",
            "exception.stacktrace": "Traceback (most recent call last):\n  File",
        }
        assert found == LogRecord(AT_NS, 17, "ERROR", "ValueError: no: such", attributes, "", None)

    def test_it_may_have_no_message(self):
        found = record_of("[ERROR] app.Empty\nTraceback (most recent call last):\n  File", AT_NS)

        assert found.body == "app.Empty"
        assert set(found.attributes) == {"exception.type", "exception.stacktrace"}

    def test_it_may_have_no_stack_trace(self):
        assert record_of("[ERROR] Runtime.ExitError: so", AT_NS) == LogRecord(
            AT_NS, 17, "ERROR", "Runtime.ExitError: so", {}, "", None
        )

    def test_what_is_no_type_is_not_taken_for_one(self):
        found = record_of("[ERROR] it went wrong\nTraceback (most recent call last):\n", AT_NS)

        assert set(found.attributes) == {"exception.stacktrace"}


@pytest.mark.parametrize("text", ["hello", "", "\thello\n", "[hello]", "[ERROR]", "{hello"])
def test_anything_else_is_a_body(text):
    assert record_of(text + "\n", AT_NS) == plain(text)
