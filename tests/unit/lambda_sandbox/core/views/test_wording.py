"""How the views say things."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.views.traces import Event, traces_of
from lambda_sandbox.core.views.wording import (
    Fact,
    count_text,
    differing_service,
    duration_text,
    facts_of,
    instant_text,
    printable,
    summary,
    took_text,
    value_text,
)
from tests.fakes.spans import START_NS, span

EXCEPTION = Event(
    "exception", START_NS, {"exception.type": "app.Refused", "exception.message": "no"}
)


def facts(*spans, **fields):
    """What is said below the last row of the spans, or below one span of these fields."""
    (trace,) = traces_of(spans or [span(1, **fields)])
    return facts_of(trace.rows[-1])


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0 µs"),
        (499, "0 µs"),
        (850_000, "850 µs"),
        (1_000_000, "1.00 ms"),
        (42_149_999, "42.1 ms"),
        (999_000_000, "999 ms"),
        (1_500_000_000, "1.50 s"),
        (59_940_000_000, "59.9 s"),
        (95_000_000_000, "1 min 35 s"),
        (3_600_000_000_000, "1 h 0 min"),
        (172_799_000_000_000, "47 h 59 min"),
        (172_800_000_000_000, "2 d"),
        (-(2**64), "-213504 d"),
        (-3_000_000, "-3.00 ms"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(duration_ns, text):
    assert duration_text(duration_ns) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"took_ms": 1}, "1.00 ms"),
        ({"took_ms": None}, "unfinished"),
        ({"start_ns": 0}, "not known"),
        ({"start_ns": 0, "end_ns": 0}, "unfinished"),
    ],
    ids=["both", "no end", "no start", "neither"],
)
def test_a_duration_needs_a_start_and_an_end(fields, text):
    (trace,) = traces_of([span(1, **fields)])

    assert took_text(trace.rows[0]) == text


@pytest.mark.parametrize(
    ("instant_ns", "text"),
    [
        (START_NS, "2026-11-23 13:00:01.123 UTC"),
        (2**64 - 1, "2554-07-21 23:34:33.709 UTC"),
    ],
)
def test_an_instant_is_said_in_utc(instant_ns, text):
    assert instant_text(instant_ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        (["ü", 1], '["ü", 1]'),
        ({"a": {}}, '{"a": {}}'),
    ],
)
def test_a_value_that_is_no_text_is_said_as_json(value, text):
    assert value_text(value) == text


def test_things_are_counted_in_english():
    assert [count_text(count, "span") for count in (0, 1, 2)] == ["0 spans", "1 span", "2 spans"]


class TestWhatIsNotTrusted:
    """A text from outside shows what it says and does nothing."""

    @pytest.mark.parametrize(
        ("text", "harmless"),
        [
            ("日本語 ü", "日本語 ü"),
            ("\x1b[31mred", "�[31mred"),
            ("two\nlines\tand\u2028more", "two lines and more"),
            ("\u202egnp.exe", "gnp.exe"),
            ("a\x00\x9bb", "a��b"),
            ("\ud800", "�"),
            ("\ue000\u0378", "��"),
        ],
        ids=["letters", "escape", "lines", "direction", "controls", "surrogate", "unassigned"],
    )
    def test_it_is_made_harmless(self, text, harmless):
        assert printable(text) == harmless

    def test_line_breaks_stay_where_they_are_wanted(self):
        assert printable("a\nb\x1b", keep="\n") == "a\nb�"


class TestASummary:
    """One line says what a trace is."""

    def test_of_a_trace_that_succeeded(self):
        (trace,) = traces_of([span(1)])

        assert summary(trace) == ["hello", "1 span", "10.0 ms", "2026-11-23 13:00:01.123 UTC"]

    def test_of_one_that_did_not(self):
        other = {"service.name": "pay\nments"}
        (trace,) = traces_of([span(1), span(2, 1, status_code="ERROR", resource=other)])

        assert summary(trace)[:2] == ["hello, pay ments", "2 spans, 1 failed"]

    def test_of_one_without_a_time(self):
        (trace,) = traces_of([span(1, start_ns=0)])

        assert summary(trace)[-1] == "start not known"


class TestACall:
    """Method, address and status, by their current names or by the old ones."""

    @pytest.mark.parametrize(
        "attributes",
        [
            {
                "http.request.method": "GET",
                "url.full": "http://x/y",
                "http.response.status_code": 200,
            },
            {"http.method": "GET", "http.url": "http://x/y", "http.status_code": 200},
        ],
        ids=["current", "old"],
    )
    def test_it_is_said_in_one_line(self, attributes):
        assert facts(attributes=attributes) == [Fact("GET http://x/y → 200")]

    def test_what_is_not_known_is_left_out(self):
        assert facts(attributes={"url.path": "/y"}) == [Fact("/y")]

    def test_a_status_alone_is_no_call(self):
        assert facts(attributes={"http.status_code": 200}) == []


class TestAnInvocation:
    """Its request id, and whether the environment was new."""

    def test_a_cold_one(self):
        attributes = {"faas.invocation_id": "r-1", "faas.coldstart": True}

        assert facts(attributes=attributes) == [Fact("cold start, invocation r-1")]

    def test_a_warm_one(self):
        attributes = {"faas.invocation_id": "r-1", "faas.coldstart": False}

        assert facts(attributes=attributes) == [Fact("invocation r-1")]


class TestAnError:
    """Its type and its message."""

    def test_of_an_exception_that_was_recorded(self):
        said = facts(status_code="ERROR", status_message="Refused: no", events=(EXCEPTION,))

        assert said == [Fact("app.Refused: no", "error")]

    def test_the_same_exception_is_said_once(self):
        said = facts(status_code="ERROR", events=(EXCEPTION, EXCEPTION, Event("other", 1)))

        assert said == [Fact("app.Refused: no", "error")]

    def test_of_a_status(self):
        said = facts(
            status_code="ERROR", status_message="too late", attributes={"error.type": "timeout"}
        )

        assert said == [Fact("timeout: too late", "error")]

    def test_an_exception_without_details_says_nothing(self):
        assert facts(status_code="ERROR", events=(Event("exception", 1),)) == []

    def test_an_error_type_that_repeats_the_http_status_is_not_said_twice(self):
        attributes = {
            "http.request.method": "GET",
            "http.response.status_code": 500,
            "error.type": "500",
        }

        assert facts(status_code="ERROR", attributes=attributes) == [Fact("GET → 500")]

    def test_a_span_that_was_ended_with_its_invocation(self):
        attributes = {"otel_layer.unfinished": True}

        assert facts(status_code="ERROR", status_message="timeout", attributes=attributes) == [
            Fact("had not ended: timeout", "error")
        ]

    def test_an_exception_that_was_handled_is_a_note(self):
        assert facts(events=(EXCEPTION,)) == [Fact("app.Refused: no", "note")]


class TestWhatIsOdd:
    """The reader is told why a line looks as it does."""

    def test_a_parent_that_was_not_received(self):
        assert facts(span(2, 9)) == [
            Fact("its parent, span 0000000000000009, was not received", "note")
        ]

    def test_a_parent_of_another_process(self):
        assert facts(span(2, 9, parent_is_remote=True)) == [
            Fact(
                "continues the trace of another process: its parent is span 0000000000000009",
                "note",
            )
        ]

    def test_a_circle(self):
        assert facts(span(2, 2)) == [
            Fact("its parent, span 0000000000000002, is also its descendant", "note")
        ]

    def test_a_child_that_starts_before_its_parent(self):
        assert facts(span(1, start_ms=5), span(2, 1)) == [
            Fact("starts 5.00 ms before its parent", "note")
        ]

    def test_no_start(self):
        assert facts(start_ns=0) == [Fact("its start is not known", "note")]

    def test_neither_start_nor_end(self):
        assert facts(start_ns=0, end_ns=0) == [
            Fact("its start is not known", "note"),
            Fact("never ended", "note"),
        ]

    def test_no_end(self):
        assert facts(took_ms=None) == [Fact("never ended", "note")]

    def test_an_end_before_the_start(self):
        assert facts(took_ms=-1) == [Fact("ends before it starts: the clock was set back", "note")]

    def test_a_text_of_which_nothing_can_be_seen_is_not_said(self):
        assert facts(attributes={"url.full": "\u202e\n"}) == []

    def test_nothing_is_said_of_a_usual_span(self):
        assert facts(span(1), span(2, 1)) == []


class TestTheService:
    """It is said where it changes."""

    def test_where_it_is_another_than_that_of_the_trace(self):
        (trace,) = traces_of([span(1), span(2, 1, resource={"service.name": "payments"})])

        assert [differing_service(row, trace) for row in trace.rows] == ["", "payments"]
