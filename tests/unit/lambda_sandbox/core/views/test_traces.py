"""How spans become traces."""

from __future__ import annotations

from lambda_sandbox.core.views.traces import Parentage, service_of, traces_of
from tests.fakes.spans import MS, START_NS, span

ROOT = span(1, took_ms=100)
FIRST = span(2, 1, start_ms=10)
SECOND = span(3, 1, start_ms=50)
GRANDCHILD = span(4, 2, start_ms=12)


def rows_of(*spans):
    """The rows of the only trace of ``spans``."""
    (trace,) = traces_of(spans)
    return trace.rows


def order_of(*spans):
    """The numbers of the spans in the order of their rows, each with its depth."""
    return [(int(row.span.span_id, 16), row.depth) for row in rows_of(*spans)]


class TestATree:
    """Parents come before their children, children in the order in which they started."""

    def test_it_reads_from_the_root_down(self):
        assert order_of(ROOT, FIRST, SECOND, GRANDCHILD) == [(1, 0), (2, 1), (4, 2), (3, 1)]

    def test_the_order_of_arrival_does_not_matter(self):
        assert rows_of(GRANDCHILD, SECOND, FIRST, ROOT) == rows_of(ROOT, FIRST, SECOND, GRANDCHILD)

    def test_each_row_knows_on_which_levels_siblings_follow(self):
        rows = rows_of(ROOT, FIRST, SECOND, GRANDCHILD)

        assert [row.rails for row in rows] == [
            (False,),
            (False, True),
            (False, True, False),
            (False, False),
        ]

    def test_each_row_knows_whether_children_follow(self):
        rows = rows_of(ROOT, FIRST, SECOND, GRANDCHILD)

        assert [row.has_children for row in rows] == [True, True, False, False]

    def test_a_chain_may_be_deeper_than_the_stack_of_the_interpreter(self):
        chain = [span(number, number - 1 or None) for number in range(1, 3001)]

        assert rows_of(*chain)[-1].depth == 2999


class TestTimes:
    """They are relative to the start of the trace."""

    def test_a_trace_lasts_from_its_first_start_to_its_last_end(self):
        (trace,) = traces_of([ROOT, span(2, 1, start_ms=90, took_ms=30)])

        assert (trace.start_ns, trace.duration_ns) == (START_NS, 120 * MS)

    def test_a_row_has_an_offset_and_a_duration(self):
        row = rows_of(ROOT, FIRST)[1]

        assert (row.offset_ns, row.duration_ns) == (10 * MS, 10 * MS)

    def test_a_span_that_never_ended_has_no_duration(self):
        (row,) = rows_of(span(1, took_ms=None))

        assert row.duration_ns is None

    def test_a_start_counts_as_an_instant_when_nothing_has_ended(self):
        (trace,) = traces_of([span(1, took_ms=None), span(2, 1, start_ms=7, took_ms=None)])

        assert trace.duration_ns == 7 * MS

    def test_a_start_that_was_never_set_does_not_take_the_axis_back_to_1970(self):
        (trace,) = traces_of([ROOT, span(2, 1, start_ns=0)])

        row = trace.rows[1]
        assert (trace.start_ns, row.offset_ns, row.duration_ns) == (START_NS, 0, None)

    def test_a_trace_without_any_time_has_none(self):
        (trace,) = traces_of([span(1, start_ns=0, end_ns=0)])

        assert (trace.start_ns, trace.duration_ns) == (0, 0)

    def test_a_span_that_ends_before_it_starts_has_a_negative_duration(self):
        assert rows_of(ROOT, span(2, 1, start_ms=50, took_ms=-3))[1].duration_ns == -3 * MS

    def test_a_child_that_starts_before_its_parent_leads_it(self):
        late_parent, early_child = span(1, start_ms=5), span(2, 1, start_ms=3)

        assert [row.lead_ns for row in rows_of(late_parent, early_child)] == [0, 2 * MS]

    def test_a_parent_whose_start_was_never_set_is_led_by_nobody(self):
        assert rows_of(span(1, start_ns=0), span(2, 1))[1].lead_ns == 0

    def test_a_trace_never_lasts_less_than_nothing(self):
        (trace,) = traces_of([span(1, took_ms=-50)])

        assert trace.duration_ns == 0


class TestAParentThatIsNotThere:
    """The span is shown all the same, after the roots, with the reason."""

    def test_a_span_whose_parent_was_not_received_is_an_orphan(self):
        (row,) = rows_of(span(2, 99))

        assert (row.parentage, row.depth) == (Parentage.MISSING, 0)

    def test_a_parent_of_another_process_is_not_missing(self):
        (row,) = rows_of(span(2, 99, parent_is_remote=True))

        assert row.parentage is Parentage.REMOTE

    def test_a_root_comes_first_even_if_an_orphan_started_earlier(self):
        assert order_of(span(2, 99, start_ms=-5), ROOT) == [(1, 0), (2, 0)]

    def test_spans_in_a_circle_are_shown_from_the_earliest_on(self):
        rows = rows_of(span(1, 3), span(2, 1, start_ms=1), span(3, 2, start_ms=2))

        assert [row.parentage for row in rows] == [
            Parentage.CIRCULAR,
            Parentage.CHILD,
            Parentage.CHILD,
        ]

    def test_what_hangs_on_a_circle_is_no_part_of_it(self):
        leaf, circle = span(9, 1), (span(1, 2, start_ms=1), span(2, 1, start_ms=2))

        assert order_of(leaf, *circle) == [(1, 0), (9, 1), (2, 1)]

    def test_a_span_that_is_its_own_parent_is_shown_once(self):
        assert order_of(span(1, 1)) == [(1, 0)]

    def test_of_two_spans_with_one_id_only_one_has_the_children(self):
        assert order_of(ROOT, ROOT, FIRST) == [(1, 0), (2, 1), (1, 0)]


class TestSeveralTraces:
    """They come in the order in which they started."""

    def test_the_earlier_one_is_first(self):
        traces = traces_of([span(1, trace=1, start_ms=9), span(1, trace=2, start_ms=3)])

        assert [int(trace.trace_id, 16) for trace in traces] == [2, 1]

    def test_none_are_made_of_nothing(self):
        assert traces_of([]) == []


class TestASummary:
    """A trace knows who took part and what failed."""

    def test_errors_are_counted(self):
        (trace,) = traces_of([ROOT, span(2, 1, status_code="ERROR"), span(3, 1, status_code="OK")])

        assert trace.errors_count == 1

    def test_services_are_named_once_in_the_order_of_reading(self):
        other = {"service.name": "payments"}
        (trace,) = traces_of([ROOT, span(2, 1, resource=other), span(3, 1, resource=other)])

        assert trace.services == ("hello", "payments")

    def test_a_resource_without_a_name_has_the_name_that_opentelemetry_gives_it(self):
        assert service_of(span(1, resource={})) == "unknown_service"
