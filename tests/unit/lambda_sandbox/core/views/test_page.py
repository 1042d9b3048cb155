"""Traces as one HTML page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from lambda_sandbox.core.views.page import render
from lambda_sandbox.core.views.traces import Event, Link
from tests.fakes.spans import START_NS, span

STACK = 'Traceback (most recent call last):\n  File "app.py", line 1\napp.Refused: <no>\n'
ROOT = span(
    1,
    name="hello",
    kind="SERVER",
    took_ms=42.1,
    attributes={"faas.invocation_id": "r-1", "faas.max_memory": 128, "list": ["a", 1]},
    resource={"service.name": "hello", "cloud.region": "eu-north-1"},
    scope="otel_layer",
    scope_version="0.1.0",
    trace_state="vendor=1",
)
FAILED = span(
    2,
    1,
    name="GET",
    kind="CLIENT",
    start_ms=10,
    took_ms=21.05,
    status_code="ERROR",
    status_message="Refused",
    events=(
        Event("exception", START_NS + 11_000_000, {"exception.stacktrace": STACK, "more": 7}),
        Event("undated", 0),
    ),
    links=(Link("0a" * 16, "0b" * 8, {"why": "batch"}),),
)
HOSTILE = "</summary><script>alert('1')</script><img src=x onerror=\"alert(2)\">"
VOID = {"meta", "img", "link", "br", "hr", "input", "base"}


class Outline(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, their texts."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.texts = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style" and data.strip():
            self.texts.append(data.strip())

    def tags(self):
        return {tag for tag, _ in self.elements}

    def with_class(self, name):
        return [attrs for _, attrs in self.elements if name in attrs.get("class", "").split()]


def outline(*spans, title="Traces"):
    return Outline(render(spans, title))


class TestThePage:
    """It needs nothing but a browser."""

    def test_it_refers_to_nothing_outside(self):
        page = render([ROOT, FAILED], "Traces")
        elements = Outline(page).elements

        assert [attrs for _, attrs in elements if {"src", "href"} & attrs.keys()] == []
        assert "url(" not in page.split("</style>")[0]
        assert "@import" not in page

    def test_it_has_no_script_and_allows_none(self):
        parsed = outline(ROOT, FAILED)

        policies = [attrs["content"] for _, attrs in parsed.elements if "http-equiv" in attrs]
        assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
        assert "script" not in parsed.tags()

    def test_the_same_spans_give_the_same_page(self):
        assert render([ROOT, FAILED], "Traces") == render([FAILED, ROOT], "Traces")

    def test_it_says_how_much_there_is(self):
        texts = outline(ROOT, FAILED, span(1, trace=2), title="Three <invocations>").texts

        assert texts.count("Three <invocations>") == 2
        assert "2 traces · 3 spans ·" in texts
        assert "1 failed" in texts

    def test_it_may_be_empty(self):
        assert "0 traces · 0 spans" in outline().texts


class TestATrace:
    """A summary line, and a line for each span on a common axis."""

    def test_the_summary(self):
        texts = outline(ROOT).texts

        assert texts[texts.index("hello") :][:5] == [
            "hello",
            "1 span",
            "42.1 ms",
            "2026-11-23 13:00:01.123 UTC",
            f"trace {1:032x}",
        ]

    def test_bars_are_parts_of_the_duration(self):
        bars = [attrs["style"] for tag, attrs in outline(ROOT, FAILED).elements if tag == "b"]

        assert bars == ["left:0.000%;width:100.000%", "left:23.753%;width:50.000%"]

    def test_bars_stay_on_the_axis(self):
        endless = span(2, 1, start_ms=21.05, took_ms=None)
        backwards = span(3, 1, start_ms=30, took_ms=-3)
        parsed = outline(ROOT, endless, backwards, span(4, 1, start_ns=0))

        bars = [attrs["style"] for tag, attrs in parsed.elements if tag == "b"]
        assert bars == [
            "left:0.000%;width:100.000%",
            "left:50.000%;width:50.000%",
            "left:71.259%;width:0.000%",
        ]

    def test_the_axis_has_round_labels(self):
        texts = outline(ROOT).texts

        start = texts.index("0")
        assert texts[start : start + 6] == ["0", "10 ms", "20 ms", "30 ms", "42.1 ms", "duration"]

    @pytest.mark.parametrize(
        ("took_ms", "labels"),
        [
            (0, ["0", "0 µs"]),
            (1, ["0", "200 µs", "400 µs", "600 µs", "800 µs", "1.00 ms"]),
            (1500, ["0", "500 ms", "1 s", "1.50 s"]),
            (12.4, ["0", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms", "12.4 ms"]),
            (95_000, ["0", "20 s", "40 s", "1 min 0 s", "1 min 35 s"]),
        ],
    )
    def test_whatever_it_took(self, took_ms, labels):
        texts = outline(span(1, took_ms=took_ms)).texts

        drawn = texts[texts.index("0") : texts.index("duration")]
        assert drawn == labels

    def test_levels_are_said_to_those_who_do_not_see_them(self):
        texts = outline(ROOT, FAILED).texts

        assert [text for text in texts if text.startswith("level")] == ["level 1:", "level 2:"]

    def test_a_failure_is_said_and_not_only_coloured(self):
        parsed = outline(ROOT, FAILED)

        assert len(parsed.with_class("error")) > 0
        assert "error" in parsed.texts

    def test_a_span_that_never_ended_is_said_to_be_unfinished(self):
        assert "unfinished" in outline(span(1, took_ms=None)).texts

    def test_another_service_is_named(self):
        texts = outline(ROOT, span(2, 1, resource={"service.name": "payments"})).texts

        assert "internal · payments" in texts

    def test_a_span_without_a_name_or_a_kind_is_a_line_too(self):
        assert "(no name)" in outline(span(1, name="", kind="UNSPECIFIED")).texts


class TestASpan:
    """It unfolds, by mouse or keyboard, into everything it carries."""

    def test_it_is_a_disclosure(self):
        parsed = outline(ROOT, FAILED)

        assert [tag for tag, _ in parsed.elements].count("summary") == 4  # and of each, a resource

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("faas.max_memory", "128"),
            ("list", '["a", 1]'),
            ("cloud.region", "eu-north-1"),
            ("scope", "otel_layer 0.1.0"),
            ("trace state", "vendor=1"),
            ("id", f"{1:016x}"),
            ("start", "2026-11-23 13:00:01.123 UTC (+0 µs)"),
            ("status", "unset"),
        ],
    )
    def test_attributes_resource_and_identity(self, name, value):
        texts = outline(ROOT).texts

        assert value in [texts[place + 1] for place, text in enumerate(texts) if text == name]

    def test_events_with_their_time_and_stack_trace(self):
        texts = outline(ROOT, FAILED).texts

        start = texts.index("Events")
        assert texts[start : start + 7] == [
            "Events",
            "exception",
            "at +11.0 ms",
            "more",
            "7",
            STACK.strip(),
            "undated",
        ]

    def test_a_stack_trace_keeps_its_lines(self):
        assert "<pre>Traceback (most recent call last):\n  File " in render([FAILED], "")

    def test_links(self):
        texts = outline(ROOT, FAILED).texts

        start = texts.index("Link")
        assert texts[start + 1 : start + 7] == [
            "trace",
            "0a" * 16,
            "span",
            "0b" * 8,
            "why",
            "batch",
        ]

    def test_a_start_that_is_not_known_is_said(self):
        assert "not known (+0 µs)" in outline(span(1, start_ns=0)).texts


class TestALongTrace:
    """Nothing is left out; what is alike is behind one line."""

    def test_every_span_is_on_the_page(self):
        calls = [span(2 + nth, 1, start_ms=nth, name=f"call-{nth}") for nth in range(200)]

        texts = outline(span(1, took_ms=300), *calls).texts

        assert {text for text in texts if text.startswith("call-")} >= {
            f"call-{nth}" for nth in range(200)
        }
        assert [text for text in texts if text.startswith("196 more: ")]


class TestWhatIsNotTrusted:
    """Whatever a span carries is text, never markup."""

    @pytest.mark.parametrize(
        "hostile",
        [
            span(1, name=HOSTILE),
            span(1, attributes={HOSTILE: HOSTILE}),
            span(1, attributes={"url.full": HOSTILE, "http.request.method": HOSTILE}),
            span(1, attributes={"map": {HOSTILE: [HOSTILE]}}),
            span(1, resource={"service.name": HOSTILE, HOSTILE: HOSTILE}),
            span(1, scope=HOSTILE, scope_version=HOSTILE, trace_state=HOSTILE),
            span(1, status_code="ERROR", status_message=HOSTILE),
            span(1, events=(Event(HOSTILE, 1, {"exception.stacktrace": HOSTILE, "k": HOSTILE}),)),
            span(1, links=(Link(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}),)),
            span(1, trace_id=HOSTILE, span_id=HOSTILE, parent_span_id=HOSTILE),
        ],
        ids=[
            "name",
            "attribute",
            "call",
            "map",
            "resource",
            "scope",
            "status",
            "event",
            "link",
            "ids",
        ],
    )
    def test_it_adds_no_element(self, hostile):
        plain = outline(hostile, span(2, trace=2))

        assert {"script", "img"} & plain.tags() == set()
        assert any("<script>" in text for text in plain.texts)

    def test_nor_does_the_name_of_another_service(self):
        parsed = outline(ROOT, span(2, 1, resource={"service.name": HOSTILE}))

        assert {"script", "img"} & parsed.tags() == set()

    def test_nor_does_the_title(self):
        assert {"script", "img"} & outline(title=HOSTILE).tags() == set()

    def test_nor_an_attribute_of_an_element(self):
        parsed = outline(span(1, attributes={"url.full": '" onmouseover="alert(1)'}))

        names = {name for _, attrs in parsed.elements for name in attrs}
        assert not {name for name in names if name.startswith("on")}
