"""What holds of every view, whatever spans arrive: late, twice, skewed, hostile."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st

from lambda_sandbox.core.views import page, waterfall
from lambda_sandbox.core.views.outline import Run, outline
from lambda_sandbox.core.views.traces import Event, Link, Span, traces_of

IDS = st.sampled_from(["", "a", "b", "c", "d", "e", "<x>"])
INSTANTS = st.one_of(st.just(0), st.integers(10**18, 10**18 + 10**9), st.integers(0, 2**64 - 1))
TEXTS = st.text(max_size=30)
ATTRIBUTES = st.dictionaries(
    st.one_of(
        TEXTS,
        st.sampled_from(
            ["http.request.method", "url.full", "faas.coldstart", "error.type", "exception.type"]
        ),
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
        lambda values: st.lists(values, max_size=2) | st.dictionaries(TEXTS, values, max_size=2),
        max_leaves=3,
    ),
    max_size=3,
)
SPANS = st.lists(
    st.builds(
        Span,
        trace_id=st.sampled_from(["1", "2"]),
        span_id=IDS,
        parent_span_id=IDS,
        name=TEXTS,
        kind=st.sampled_from(["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER"]),
        start_ns=INSTANTS,
        end_ns=INSTANTS,
        attributes=ATTRIBUTES,
        events=st.lists(
            st.builds(Event, st.just("exception") | TEXTS, INSTANTS, ATTRIBUTES), max_size=2
        ).map(tuple),
        links=st.lists(st.builds(Link, TEXTS, TEXTS, ATTRIBUTES), max_size=1).map(tuple),
        status_code=st.sampled_from(["UNSET", "OK", "ERROR"]),
        status_message=TEXTS,
        resource=ATTRIBUTES,
        parent_is_remote=st.booleans(),
    ),
    max_size=7,
)
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer"),
    *("h1", "h2", "h3", "p", "div", "span", "small", "em", "pre", "ol", "li", "dl", "dt", "dd"),
    *("details", "summary", "i", "b"),
}


def rows_of(spans):
    return [row for trace in traces_of(spans) for row in trace.rows]


@given(SPANS)
def test_every_span_is_on_exactly_one_row(spans):
    assert Counter(map(repr, spans)) == Counter(repr(row.span) for row in rows_of(spans))


@given(SPANS)
def test_a_row_is_at_most_one_level_below_the_row_above_it(spans):
    for trace in traces_of(spans):
        depths = [row.depth for row in trace.rows]
        assert all(below <= above + 1 for above, below in pairwise(depths))


@given(SPANS)
def test_no_offset_is_before_the_trace(spans):
    assert all(row.offset_ns >= 0 for row in rows_of(spans))


@given(SPANS, st.integers(1, 12))
def test_an_outline_hides_nothing_and_is_short(spans, rows_max):
    for trace in traces_of(spans):
        lines = outline(trace, rows_max=rows_max)

        opened = [row for line in lines for row in (line.rows if isinstance(line, Run) else [line])]
        assert opened == list(trace.rows)
        assert len(lines) <= rows_max + 1 or len(trace.rows) <= rows_max


@given(SPANS, st.integers(0, 200))
def test_no_line_of_the_waterfall_is_wider_than_the_terminal(spans, width):
    lines = waterfall.render(spans, width).splitlines()

    assert max(map(waterfall.cells, lines)) <= max(width, waterfall.WIDTH_MIN)


@given(SPANS)
def test_the_waterfall_is_lines_of_printable_text(spans):
    text = waterfall.render(spans)

    assert not [char for char in text if char != "\n" and category(char).startswith("C")]


@given(SPANS)
def test_colour_changes_nothing_but_colour(spans):
    coloured = waterfall.render(spans, color=True)

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == waterfall.render(spans)


@given(SPANS, TEXTS)
def test_a_page_has_no_elements_but_its_own_and_closes_them_all(spans, title):
    parser = Elements()

    parser.feed(page.render(spans, title))
    parser.close()

    assert (parser.open, parser.seen - ELEMENTS) == ([], set())


class Elements(HTMLParser):
    """Which elements a page has, and which are left open."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
