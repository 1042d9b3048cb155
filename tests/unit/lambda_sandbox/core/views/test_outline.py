"""What of a long trace is shown as a count."""

from __future__ import annotations

from lambda_sandbox.core.views.outline import Run, outline
from lambda_sandbox.core.views.traces import traces_of
from tests.fakes.spans import MS, span

ROOT = span(1, took_ms=1000)


def calls(count, first=2, **fields):
    """Children of the root, one after the other."""
    return [
        span(first + nth, 1, start_ms=(first + nth) * 2, took_ms=1, **fields)
        for nth in range(count)
    ]


def shape(*spans, rows_max):
    """The outline as numbers: of a row its span, of a run how many rows it stands for."""
    (trace,) = traces_of(spans)
    return [
        f"{len(line.rows)} more" if isinstance(line, Run) else int(line.span.span_id, 16)
        for line in outline(trace, rows_max=rows_max)
    ]


def run_of(*spans):
    """The only run of the outline of a trace that is too long by far."""
    (trace,) = traces_of(spans)
    (run,) = (line for line in outline(trace, rows_max=10) if isinstance(line, Run))
    return run


class TestAShortTrace:
    """It is left whole."""

    def test_up_to_the_limit(self):
        assert shape(ROOT, *calls(9), rows_max=10) == list(range(1, 11))


class TestALongTrace:
    """Of many leaves in a row, a few are shown and the others counted."""

    def test_the_first_three_and_the_last_stay(self):
        assert shape(ROOT, *calls(20), rows_max=10) == [1, 2, 3, 4, "16 more", 21]

    def test_what_failed_is_not_hidden(self):
        failed = span(12, 1, start_ms=24, status_code="ERROR")
        spans = [ROOT, *calls(10), failed, *calls(10, first=13)]

        assert shape(*spans, rows_max=20) == [
            1,
            2,
            3,
            4,
            "6 more",
            11,
            12,
            13,
            14,
            15,
            "6 more",
            22,
        ]

    def test_what_has_children_is_not_hidden(self):
        child = span(99, 12, start_ms=24)
        spans = [ROOT, *calls(20), child]

        assert shape(*spans, rows_max=15) == [
            1,
            2,
            3,
            4,
            "6 more",
            11,
            12,
            99,
            *range(13, 16),
            "5 more",
            21,
        ]

    def test_a_few_are_not_worth_a_run(self):
        assert shape(ROOT, *calls(7), rows_max=7) == [1, 2, 3, 4, 5, 6, 7, "1 more"]

    def test_what_is_still_too_much_is_cut_at_the_end(self):
        chain = [span(number, number - 1 or None) for number in range(1, 31)]

        assert shape(*chain, rows_max=10) == [*range(1, 11), "20 more"]

    def test_a_cut_counts_what_was_counted_already(self):
        chain = [span(number, number - 1 or None) for number in range(1, 10)]
        leaves = [span(100 + nth, 9, start_ms=nth) for nth in range(20)]

        assert shape(*chain, *leaves, rows_max=10) == [*range(1, 10), 100, "19 more"]


class TestARun:
    """It says what it stands for."""

    def test_how_many_and_their_names(self):
        names = ["a", "b", "b", "c", "d", "b", "a"] * 3
        spans = [span(2 + nth, 1, start_ms=nth, name=name) for nth, name in enumerate(names)]

        run = run_of(ROOT, *spans)

        assert run.count_text == "17 more"
        assert run.names_text == "b ×7, a ×4, c ×3, …"

    def test_few_names_are_all_said(self):
        assert run_of(ROOT, *calls(20, name="GET")).names_text == "GET ×16"

    def test_how_many_failed_where_they_had_to_be_cut(self):
        chain = [span(number, number - 1 or None, status_code="ERROR") for number in range(1, 31)]

        assert run_of(*chain).count_text == "20 more, 20 failed"

    def test_the_time_it_covers(self):
        run = run_of(ROOT, *calls(20))

        assert (run.offset_ns, run.duration_ns) == (10 * MS, 31 * MS)

    def test_a_span_that_never_ended_counts_with_its_start(self):
        endless = [span(2 + nth, 1, start_ms=nth, took_ms=None) for nth in range(20)]

        assert run_of(ROOT, *endless).duration_ns == 15 * MS

    def test_its_place_in_the_tree(self):
        assert run_of(ROOT, *calls(20)).rails == (False, True)
