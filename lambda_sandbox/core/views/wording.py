"""How the views say things: durations, instants, values, and what matters about a span.

Nothing in a span is trusted: its texts come from whoever can reach the endpoint.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

from lambda_sandbox.core.views.traces import (
    Attributes,
    AttributeValue,
    Parentage,
    Row,
    Span,
    Trace,
    service_of,
)

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_S_PER_MIN = 60
_MIN_PER_H = 60
_DAYS_FROM_H = 48  # from there on, a clock is wrong, and how wrong is said in days

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

Tone = Literal["plain", "error", "note"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line worth reading below a span, without unfolding anything."""

    text: str
    tone: Tone = "plain"


def duration_text(duration_ns: int) -> str:
    """Say a duration with three digits in the unit that suits it."""
    sign = "-" if duration_ns < 0 else ""
    size_ns = abs(duration_ns)
    if size_ns >= _S_PER_MIN * _NS_PER_S:
        return f"{sign}{_minutes_text(round(size_ns / _NS_PER_S))}"
    for unit, unit_ns in (("s", _NS_PER_S), ("ms", _NS_PER_MS)):
        if size_ns >= unit_ns:
            return f"{sign}{_three_digits(size_ns / unit_ns)} {unit}"
    return f"{sign}{size_ns / 1000:.0f} µs"


def _minutes_text(duration_s: int) -> str:
    minutes, seconds = divmod(duration_s, _S_PER_MIN)
    hours, minutes = divmod(minutes, _MIN_PER_H)
    if hours >= _DAYS_FROM_H:
        return f"{round(hours / 24)} d"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _three_digits(number: float) -> str:
    digits_before = len(str(int(number)))
    return f"{number:.{max(3 - digits_before, 0)}f}"


def took_text(row: Row) -> str:
    """Say how long a span took, or why that cannot be said."""
    if row.duration_ns is not None:
        return duration_text(row.duration_ns)
    return "not known" if row.span.end_ns else "unfinished"


def instant_text(instant_ns: int) -> str:
    """Say an instant (ns since the epoch) as UTC with milliseconds."""
    instant = _EPOCH + timedelta(microseconds=instant_ns // 1000)
    return f"{instant:%Y-%m-%d %H:%M:%S}.{instant.microsecond // 1000:03} UTC"


def value_text(value: AttributeValue) -> str:
    """Say the value of an attribute: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def printable(text: str, *, keep: str = "") -> str:
    """Make a text harmless to show: no escape sequence, no line break, no change of direction.

    Args:
        text: From anywhere.
        keep: Characters to leave as they are, e.g. line breaks.
    """
    return "".join(char if char in keep else _harmless(char) for char in text)


def _harmless(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cf":  # marks without a width, the overrides of direction among them
        return ""
    if char in "\n\t" or category in {"Zl", "Zp"}:
        return " "
    # Controls, halves of surrogate pairs, private and unassigned characters: not even their
    # width is known.
    return "\N{REPLACEMENT CHARACTER}" if category.startswith("C") else char


def count_text(count: int, word: str) -> str:
    """Say a number of things; ``word`` in the singular, regular in the plural."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def summary(trace: Trace) -> list[str]:
    """Say what a trace is: services, spans, failures, duration, start."""
    failed = [f"{trace.errors_count} failed"] if trace.errors_count else []
    return [
        printable(", ".join(trace.services)),
        ", ".join([count_text(len(trace.rows), "span"), *failed]),
        duration_text(trace.duration_ns),
        instant_text(trace.start_ns) if trace.start_ns else "start not known",
    ]


def facts_of(row: Row) -> list[Fact]:
    """Say what matters about a span: the call, the invocation, the error, what is odd."""
    attributes = row.span.attributes
    facts = [*_call(attributes), *_invocation(attributes), *_errors(row.span), *_oddities(row)]
    shown = [Fact(printable(fact.text).strip(), fact.tone) for fact in facts]
    return [fact for fact in shown if fact.text]


def _first(attributes: Attributes, *keys: str) -> str:
    """The value of the first key that is there, the current name before its old ones."""
    return next((value_text(attributes[key]) for key in keys if key in attributes), "")


def _call(attributes: Attributes) -> Iterator[Fact]:
    method = _first(attributes, "http.request.method", "http.method")
    url = _first(attributes, "url.full", "http.url", "url.path", "http.route", "http.target")
    status = _first(attributes, *_HTTP_STATUS)
    if method or url:
        yield Fact(" ".join(part for part in (method, url, status and f"→ {status}") if part))


def _invocation(attributes: Attributes) -> Iterator[Fact]:
    request_id = _first(attributes, "faas.invocation_id")
    cold_start = attributes.get("faas.coldstart") is True
    words = ["cold start"] if cold_start else []
    words += [f"invocation {request_id}"] if request_id else []
    if words:
        yield Fact(", ".join(words))


def _errors(span: Span) -> Iterator[Fact]:
    tone: Tone = "error" if span.status_code == "ERROR" else "note"
    said = [
        ": ".join(filter(None, (_first(event.attributes, key) for key in _EXCEPTION)))
        for event in span.events
        if event.name == "exception"
    ]
    yield from (Fact(text, tone) for text in dict.fromkeys(said) if text)
    if span.status_code != "ERROR" or said:
        return
    error_type = _first(span.attributes, "error.type")
    if error_type == _first(span.attributes, *_HTTP_STATUS):
        error_type = ""  # by convention it repeats the status, which the call has said
    # As the layer says of a span that the end of its invocation has ended.
    had_not_ended = "had not ended" if span.attributes.get("otel_layer.unfinished") is True else ""
    words = [part for part in (had_not_ended, error_type, span.status_message) if part]
    if words:
        yield Fact(": ".join(words), tone)


_HTTP_STATUS = ("http.response.status_code", "http.status_code")
_EXCEPTION = ("exception.type", "exception.message")

_ODD_PARENTS = {
    Parentage.REMOTE: "continues the trace of another process: its parent is span {}",
    Parentage.MISSING: "its parent, span {}, was not received",
    Parentage.CIRCULAR: "its parent, span {}, is also its descendant",
}


def _oddities(row: Row) -> Iterator[Fact]:
    span = row.span
    if row.parentage in _ODD_PARENTS:
        yield Fact(_ODD_PARENTS[row.parentage].format(span.parent_span_id), "note")
    if not span.start_ns:
        yield Fact("its start is not known", "note")
    elif row.lead_ns > 0:
        yield Fact(f"starts {duration_text(row.lead_ns)} before its parent", "note")
    if not span.end_ns:
        yield Fact("never ended", "note")
    elif row.duration_ns is not None and row.duration_ns < 0:
        yield Fact("ends before it starts: the clock was set back", "note")


def differing_service(row: Row, trace: Trace) -> str:
    """Name the service of a span where it is not the one that the trace begins with."""
    service = service_of(row.span)
    return "" if service == trace.services[0] else printable(service)
