"""Traces as one self-contained HTML page: no script, nothing loaded from anywhere.

Promises: it works from a file; whatever a span carries is shown as text and is never markup;
every span and every attribute is on it; the same spans give the same page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from lambda_sandbox.core.views.outline import Run, outline
from lambda_sandbox.core.views.page_style import STYLE
from lambda_sandbox.core.views.traces import Attributes, Event, Row, Span, Trace, traces_of
from lambda_sandbox.core.views.wording import (
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

# Belt and braces: should a value ever slip through the escaping, the browser runs nothing of
# it and loads nothing for it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_TICKS_MAX = 6  # on an axis: more labels run into each other
_STACK_TRACE = "exception.stacktrace"


def render(spans: Iterable[Span], title: str) -> str:
    """Write the page.

    Args:
        spans: In any order, of any number of traces.
        title: Of the page; plain text.
    """
    traces = traces_of(spans)
    traces_text = count_text(len(traces), "trace")
    spans_count = sum(len(trace.rows) for trace in traces)
    failed_count = sum(trace.errors_count for trace in traces)
    failed = f' · <span class="failed">{failed_count} failed</span>' if failed_count else ""
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            f"<header><h1>{_text(title)}</h1>",
            f"<p>{traces_text} · {count_text(spans_count, 'span')}{failed}</p>",
            "</header>\n<main>",
            *(_section(trace, place) for place, trace in enumerate(traces)),
            "</main>",
            "<footer>A line unfolds into everything its span carries. Times are UTC.</footer>",
            "</body>\n</html>\n",
        ]
    )


def _text(text: str, *, keep: str = "") -> str:
    return escape(printable(text, keep=keep))


def _section(trace: Trace, place: int) -> str:
    services, *facts = summary(trace)
    ticks = _ticks(trace.duration_ns)
    lines = "\n".join(_line(line, trace, ticks) for line in outline(trace))
    said = "".join(
        f'<span class="{"failed" if "failed" in fact else "fact"}">{escape(fact)}</span>'
        for fact in facts
    )
    return f"""<section aria-labelledby="trace-{place}">
<h2 id="trace-{place}">{escape(services)}</h2>
<div class="facts">{said}<span class="id">trace {_text(trace.trace_id)}</span></div>
<div class="waterfall">
{_axis(trace, ticks)}
<ol>
{lines}
</ol>
</div>
</section>"""


def _ticks(duration_ns: int) -> list[int]:
    """Choose round instants (ns) on an axis: steps of 1, 2 or 5 times a power of ten."""
    if duration_ns <= 0:
        return [0]
    step = 1
    while duration_ns // step > _TICKS_MAX:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    # A label in the last sixth of the axis would run into the one at its end.
    last = duration_ns * 5 // 6
    return [tick for tick in range(0, duration_ns, step) if tick <= last]


def _axis(trace: Trace, ticks: list[int]) -> str:
    labels = [
        f'<span style="left:{_share(tick, trace)}">{_tick_text(tick)}</span>' for tick in ticks
    ]
    end = duration_text(trace.duration_ns)
    return (
        f'<div class="axis" aria-hidden="true"><span>&nbsp;</span>'
        f'<div class="scale">{"".join(labels)}'
        f'<span class="last" style="left:100%">{end}</span></div><span>duration</span></div>'
    )


def _tick_text(tick_ns: int) -> str:
    number, unit = duration_text(tick_ns).split(" ", 1)
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit}" if tick_ns else "0"


def _share(part_ns: int, trace: Trace) -> str:
    """Say a part of a trace's duration in percent, within the axis."""
    share = part_ns / trace.duration_ns if trace.duration_ns else 0
    return f"{100 * min(max(share, 0), 1):.3f}%"


def _line(line: Row | Run, trace: Trace, ticks: list[int]) -> str:
    return _run(line, trace, ticks) if isinstance(line, Run) else _span(line, trace, ticks)


def _span(row: Row, trace: Trace, ticks: list[int]) -> str:
    span = row.span
    classes = ["span", span.kind.lower()]
    classes += ["error"] if span.status_code == "ERROR" else []
    classes += ["unfinished"] if not span.end_ns else []
    kind = "" if span.kind == "UNSPECIFIED" else span.kind.lower()
    service = differing_service(row, trace)
    facts = "".join(
        f'<small class="{fact.tone}" title="{escape(fact.text)}">{escape(fact.text)}</small>'
        for fact in facts_of(row)
    )
    status = "" if span.status_code == "UNSET" else f"<small>{span.status_code.lower()}</small>"
    return f"""<li><details class="{" ".join(classes)}" style="--depth:{row.depth}">
<summary><div class="what"><span class="said">level {row.depth + 1}: </span>\
<span class="title"><span class="name">{_text(span.name) or "(no name)"}</span>\
<span class="kind">{kind}{f" · {escape(service)}" if service else ""}</span></span>{facts}</div>
{_lane(_bar(row, trace), trace, ticks)}
<div class="took">{took_text(row)}{status}</div></summary>
<div class="detail">{"".join(_detail(row, trace))}</div>
</details></li>"""


def _run(run: Run, trace: Trace, ticks: list[int]) -> str:
    rows = "\n".join(_span(row, trace, ticks) for row in run.rows)
    depth = len(run.rails) - 1
    return f"""<li><details class="run" style="--depth:{depth}">
<summary><div class="what"><span class="title"><span class="name">{run.count_text}: \
{_text(run.names_text)}</span></span></div>
{_lane(_bar_of(run.offset_ns, run.duration_ns, trace), trace, ticks)}
<div class="took">{duration_text(run.duration_ns)}</div></summary>
<ol>
{rows}
</ol>
</details></li>"""


def _bar(row: Row, trace: Trace) -> str:
    if not row.span.start_ns:
        return ""
    if row.duration_ns is None:
        return _bar_of(row.offset_ns, trace.duration_ns - row.offset_ns, trace)
    return _bar_of(row.offset_ns, row.duration_ns, trace)


def _bar_of(offset_ns: int, duration_ns: int, trace: Trace) -> str:
    return f'<b style="left:{_share(offset_ns, trace)};width:{_share(duration_ns, trace)}"></b>'


def _lane(bar: str, trace: Trace, ticks: list[int]) -> str:
    grid = "".join(f'<i style="left:{_share(tick, trace)}"></i>' for tick in ticks)
    return f'<div class="lane" aria-hidden="true">{grid}{bar}</div>'


def _detail(row: Row, trace: Trace) -> Iterator[str]:
    span = row.span
    if span.attributes:
        yield "<h3>Attributes</h3>" + _table(span.attributes)
    if span.events:
        yield "<h3>Events</h3>" + "".join(_event(event, trace) for event in span.events)
    for link in span.links:
        yield "<h3>Link</h3>" + _table(
            {"trace": link.trace_id, "span": link.span_id, **link.attributes}
        )
    yield "<h3>Span</h3>" + _table(_identity(row))
    yield f"<details><summary>Resource</summary>{_table(span.resource)}</details>"


def _identity(row: Row) -> Attributes:
    span = row.span
    start = instant_text(span.start_ns) if span.start_ns else "not known"
    facts: dict[str, str] = {
        "id": span.span_id,
        "parent": span.parent_span_id,
        "start": f"{start} (+{duration_text(row.offset_ns)})",
        "status": f"{span.status_code.lower()} {span.status_message}".strip(),
        "trace state": span.trace_state,
        "scope": f"{span.scope} {span.scope_version}".strip(),
    }
    return {name: value for name, value in facts.items() if value}


def _event(event: Event, trace: Trace) -> str:
    at = f"at +{duration_text(event.at_ns - trace.start_ns)}" if event.at_ns else ""
    rest = {key: value for key, value in event.attributes.items() if key != _STACK_TRACE}
    stack_trace = event.attributes.get(_STACK_TRACE)
    pre = f"<pre>{_text(value_text(stack_trace), keep=_LINES)}</pre>" if stack_trace else ""
    return f'<div class="event">{_text(event.name)} <em>{at}</em>{_table(rest)}{pre}</div>'


_LINES = "\n\t"  # what a stack trace and a long value keep of their layout


def _table(attributes: Attributes) -> str:
    rows = "".join(
        f"<dt>{_text(key)}</dt><dd>{_text(value_text(value), keep=_LINES)}</dd>"
        for key, value in attributes.items()
    )
    return f"<dl>{rows}</dl>"
