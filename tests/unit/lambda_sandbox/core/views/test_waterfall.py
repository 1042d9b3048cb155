"""Traces as text for the terminal."""

from __future__ import annotations

import re

import pytest

from lambda_sandbox.core.views.traces import Event
from lambda_sandbox.core.views.waterfall import cells, render, shortened
from tests.fakes.spans import START_NS, span

GET = {
    "http.request.method": "GET",
    "url.full": "http://127.0.0.1:8000/hello",
    "http.response.status_code": 200,
}
ROOT = span(
    1,
    name="hello",
    kind="SERVER",
    took_ms=42.1,
    attributes={"faas.invocation_id": "r-1", "faas.coldstart": True},
)
CALL = span(2, 1, name="GET", kind="CLIENT", start_ms=1.2, took_ms=8.7, attributes=GET)
FAILED = span(
    1,
    name="hello",
    kind="SERVER",
    took_ms=12.4,
    status_code="ERROR",
    events=(Event("exception", START_NS, {"exception.type": "app.Refused"}),),
)
SGR = re.compile(r"\x1b\[[0-9;]*m")


def lines_of(*spans, width=80, **kwargs):
    return render(spans, width, **kwargs).splitlines()


def bars_of(*spans, width=64):
    """The bars of the spans, without blanks at their ends."""
    drawn = [re.findall("[━╸╺•┄─]+", line) for line in lines_of(*spans, width=width)]
    return [bars[-1] for bars in drawn if bars]


class TestATrace:
    """A stranger understands it at first sight."""

    def test_it_is_drawn_on_a_common_axis(self):
        assert render([ROOT, CALL, span(3, 1, name="save", start_ms=40, took_ms=2.1)], 80) == (
            "Trace 00000000000000000000000000000001\n"
            "hello · 3 spans · 42.1 ms · 2026-11-23 13:00:01.123 UTC\n"
            "                      0                  21.1 ms            42.1 ms\n"
            "hello       server    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━      42.1 ms\n"
            "│  cold start, invocation r-1\n"
            "├─ GET      client     ━━━━━━━━━━                                        8.70 ms\n"
            "│     GET http://127.0.0.1:8000/hello → 200\n"
            "└─ save     internal                                            ╺━━      2.10 ms\n"
        )

    def test_a_failure_says_so_and_why(self):
        assert lines_of(FAILED)[1:] == [
            "hello · 1 span, 1 failed · 12.4 ms · 2026-11-23 13:00:01.123 UTC",
            "                      0              6.20 ms       12.4 ms",
            "hello       server    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━      12.4 ms  ✗ error",
            "   app.Refused",
        ]

    def test_a_success_that_was_declared_says_so(self):
        assert lines_of(span(1, status_code="OK"))[3].endswith("10.0 ms  ✓ ok")

    def test_another_service_is_named(self):
        lines = lines_of(ROOT, span(2, 1, resource={"service.name": "payments"}))

        assert lines[-1] == "      service payments"

    def test_several_are_drawn_one_after_the_other(self):
        lines = lines_of(span(1, trace=1), span(1, trace=2, start_ms=5))

        assert lines[4:6] == ["", f"Trace {2:032x}"]

    def test_no_spans_are_said_to_be_none(self):
        assert render([]) == "no spans\n"

    def test_a_span_without_a_name_is_a_line_too(self):
        assert lines_of(span(1, name="", kind="UNSPECIFIED"))[3].startswith("(no name)     ")


class TestBars:
    """They are drawn to half a column, and are never invisible."""

    def test_a_span_that_took_no_time_is_a_point(self):
        assert bars_of(ROOT, span(2, 1, start_ms=20, took_ms=0))[1] == "•"

    def test_the_last_instant_is_on_the_axis(self):
        lines = lines_of(ROOT, span(2, 1, start_ms=42.1, took_ms=0))

        assert lines[-1].index("•") == lines[3].rindex("━")

    def test_a_short_span_is_half_a_column(self):
        assert bars_of(ROOT, span(2, 1, start_ms=0.001, took_ms=0.001))[1] == "╸"

    def test_a_span_that_never_ended_is_dotted_to_the_end(self):
        lines = lines_of(ROOT, span(2, 1, start_ms=40, took_ms=None))

        assert re.search(" ┄┄┄   unfinished$", lines[-2])

    def test_a_span_that_ends_before_it_starts_is_a_point(self):
        assert bars_of(ROOT, span(2, 1, start_ms=20, took_ms=-3))[1] == "•"

    def test_a_span_without_a_start_has_none(self):
        lines = lines_of(ROOT, span(2, 1, start_ns=0))

        assert re.fullmatch(r"└─ hello    internal +not known", lines[-2])

    def test_a_trace_that_took_no_time_is_a_point(self):
        assert bars_of(span(1, took_ms=0)) == ["•"]

    def test_a_child_on_a_skewed_clock_stays_on_the_axis(self):
        assert bars_of(span(1, start_ms=5, took_ms=5), span(2, 1, took_ms=20))[1] == "━" * 29


class TestALongTrace:
    """It fits on a screen."""

    def test_what_is_alike_is_counted(self):
        calls = [span(2 + nth, 1, start_ms=nth * 2, took_ms=1, name="GET") for nth in range(200)]

        lines = lines_of(span(1, took_ms=400), *calls)

        assert len(lines) == 9
        assert lines[-2] == (
            "├─ ⋯ 196 more: GET ×196            ────────────────────────────────       391 ms"
        )

    def test_where_there_is_no_room_for_the_names_there_is_for_the_count(self):
        chain = [span(number, number - 1 or None, name="x" * 30) for number in range(1, 60)]

        assert lines_of(*chain)[-1].startswith("⋯ 19 more  ")

    def test_of_a_deep_tree_the_innermost_levels_are_drawn(self):
        chain = [span(number, number - 1 or None, name="level") for number in range(1, 20)]

        assert lines_of(*chain)[-1].startswith("⋯           └─ level ")

    def test_where_there_is_no_room_for_any_level_a_sign_stands_for_all(self):
        chain = [span(nth, nth - 1 or None, name="x" * 9, status_code="OK") for nth in (1, 2, 3)]

        assert lines_of(*chain, width=40)[-1] == "⋯  xx…x ━━━━━━━━━━      10.0 ms  ✓ ok"


class TestTheTerminal:
    """Lines keep within its width, and nothing in a span controls it."""

    @pytest.mark.parametrize("width", [1, 40, 41, 63, 64, 100, 250])
    def test_no_line_is_wider_than_the_terminal(self, width):
        wide = span(2, 1, name="日本語" * 30, attributes={"url.full": "http://x/" + "y" * 300})

        lines = lines_of(ROOT, CALL, wide, span(3, 9, name="e\u0301" * 99), FAILED, width=width)

        assert max(cells(line) for line in lines) <= max(width, 40)

    def test_a_narrow_one_has_no_room_for_kinds(self):
        assert lines_of(ROOT, width=40)[1:] == [
            "hello · 1 span · 42.1 ms",
            "2026-11-23 13:00:01.123 UTC",
            "            0       42.1 ms",
            "hello       ━━━━━━━━━━━━━━━      42.1 ms",
            "   cold start, invocation r-1",
        ]

    def test_wide_letters_keep_the_columns_in_line(self):
        lines = lines_of(ROOT, span(2, 1, name="日本", start_ms=0, took_ms=42.1))

        columns = [cells(line[: line.index("━")]) for line in lines if "━" in line]
        assert len(set(columns)) == 1

    def test_a_name_cannot_send_control_sequences(self):
        hostile = span(1, name="\x1b]0;owned\x07\x1b[2J", resource={"service.name": "\x1b[31m"})

        assert "\x1b" not in render([hostile])

    def test_colour_changes_nothing_but_colour(self):
        spans = [ROOT, CALL, span(3, 9), FAILED, span(9, trace=3, took_ms=None)]

        assert SGR.sub("", render(spans, color=True)) == render(spans)

    def test_a_failure_is_red(self):
        lines = lines_of(FAILED, color=True)

        assert ("\x1b[1;31mhello\x1b[0m" in lines[3], "\x1b[31mapp.Refused\x1b[0m" in lines[4]) == (
            True,
            True,
        )


class TestShortening:
    """A text is cut from its middle: the end of a URL says most."""

    @pytest.mark.parametrize(
        ("text", "width", "short"),
        [
            ("short", 5, "short"),
            ("http://example.com/a/b/c", 12, "http://e…b/c"),
            ("日本語日本語", 7, "日本…語"),
            ("ab", 1, "…"),
        ],
    )
    def test_to_a_number_of_columns(self, text, width, short):
        assert shortened(text, width) == short

    @pytest.mark.parametrize(("text", "count"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("", 0)])
    def test_letters_are_counted_in_columns(self, text, count):
        assert cells(text) == count
