"""Spans as values, and the traces they form.

Promises, whatever arrives (late, twice, out of order, in a circle, from skewed clocks):
every span is in exactly one trace and on exactly one of its rows; a trace begins with its
earliest span and no offset is negative.

Source: https://opentelemetry.io/docs/specs/otel/trace/api/#span
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Kind = Literal["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
StatusCode = Literal["UNSET", "OK", "ERROR"]

AttributeValue = (
    str | bool | int | float | None | list["AttributeValue"] | dict[str, "AttributeValue"]
)
Attributes = Mapping[str, AttributeValue]
"""Attribute key → value; bytes are lower-case hex."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one instant of a span."""

    name: str
    at_ns: int  # since the epoch
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """A span elsewhere that a span has to do with, without being its child."""

    trace_id: str
    span_id: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was received; ids are lower-case hex, instants ns since the epoch."""

    trace_id: str
    span_id: str
    parent_span_id: str  # "": a root
    name: str
    kind: Kind
    start_ns: int  # 0: not set
    end_ns: int  # 0: the span never ended
    attributes: Attributes = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    status_code: StatusCode = "UNSET"
    status_message: str = ""
    resource: Attributes = field(default_factory=dict)
    scope: str = ""
    scope_version: str = ""
    trace_state: str = ""
    parent_is_remote: bool = False  # the parent is known to be of another process


class Parentage(Enum):
    """How a span came to its place in the tree."""

    ROOT = "it has no parent"
    CHILD = "its parent is the span above it"
    REMOTE = "its parent is of another process, and was not received"
    MISSING = "its parent was not received"
    CIRCULAR = "it is an ancestor of itself"


@dataclass(frozen=True, slots=True)
class Row:
    """One span at its place in the tree of its trace."""

    span: Span
    parentage: Parentage
    rails: tuple[bool, ...]
    """For each level, outermost first, its own included: does a sibling follow below?"""
    offset_ns: int
    """From the start of the trace; 0 for a span without a start."""
    duration_ns: int | None
    """Negative if the clock was set back; None if the start or the end was never set."""
    lead_ns: int
    """How much earlier than its parent it starts: more than 0 is a skewed clock."""
    has_children: bool

    @property
    def depth(self) -> int:
        """Its number of ancestors that were received."""
        return len(self.rails) - 1


@dataclass(frozen=True, slots=True)
class Trace:
    """All spans of one trace, as rows in the order of reading: parents before children."""

    trace_id: str
    start_ns: int
    duration_ns: int
    rows: tuple[Row, ...]

    @property
    def errors_count(self) -> int:
        """The number of its spans whose status is ERROR."""
        return sum(row.span.status_code == "ERROR" for row in self.rows)

    @property
    def services(self) -> tuple[str, ...]:
        """The distinct ``service.name`` of its spans, in the order of reading."""
        return tuple(dict.fromkeys(service_of(row.span) for row in self.rows))


def service_of(span: Span) -> str:
    """Name the service a span belongs to, as OpenTelemetry does when it has no name."""
    return str(span.resource.get("service.name") or "unknown_service")


def traces_of(spans: Iterable[Span]) -> list[Trace]:
    """Arrange spans as traces.

    Args:
        spans: In any order, of any number of traces.

    Returns:
        The traces, by the start of their earliest span.
    """
    by_trace: dict[str, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    traces = [_trace(trace_id, members) for trace_id, members in by_trace.items()]
    return sorted(traces, key=lambda trace: (trace.start_ns, trace.trace_id))


def _trace(trace_id: str, spans: list[Span]) -> Trace:
    # A start of 0 is a start that was never set: with it, the axis would begin in 1970.
    instants = [instant for span in spans for instant in (span.start_ns, span.end_ns) if instant]
    start_ns = min((span.start_ns for span in spans if span.start_ns), default=0)
    end_ns = max(instants, default=0)
    rows = tuple(_rows(_Forest(spans), start_ns))
    return Trace(trace_id, start_ns, max(end_ns - start_ns, 0), rows)


class _Forest:
    """The spans of one trace by their parents; a span is its place in the order of starts.

    Of two spans with one id, the first has the children.
    """

    def __init__(self, spans: list[Span]) -> None:
        self.spans = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
        self.place_of: dict[str, int] = {}
        for place, span in enumerate(self.spans):
            self.place_of.setdefault(span.span_id, place)
        self.children: list[list[int]] = [[] for _ in self.spans]
        self.tops: list[tuple[int, Parentage]] = []
        for place, span in enumerate(self.spans):
            parentage = self._parentage(span)
            if parentage is Parentage.CHILD:
                self.children[self.place_of[span.parent_span_id]].append(place)
            else:
                self.tops.append((place, parentage))
        self._cut_circles()
        # A root is the beginning of the story, whatever clock an orphan was timed by.
        self.tops.sort(key=lambda top: top[1] is not Parentage.ROOT)

    def _parentage(self, span: Span) -> Parentage:
        if not span.parent_span_id:
            return Parentage.ROOT
        if span.parent_span_id in self.place_of:
            return Parentage.CHILD
        return Parentage.REMOTE if span.parent_is_remote else Parentage.MISSING

    def _cut_circles(self) -> None:
        reached: set[int] = set()
        for top, _ in self.tops:
            self._reach(top, reached)
        for place in range(len(self.spans)):
            if place not in reached:
                first = self._circle_above(place)
                self.children[self._parent_of(first)].remove(first)
                self.tops.append((first, Parentage.CIRCULAR))
                self._reach(first, reached)

    def _circle_above(self, place: int) -> int:
        """The earliest span of the circle that the ancestors of a span end in."""
        above: list[int] = []
        while place not in above:
            above.append(place)
            place = self._parent_of(place)
        return min(above[above.index(place) :])

    def _parent_of(self, place: int) -> int:
        return self.place_of[self.spans[place].parent_span_id]

    def _reach(self, top: int, reached: set[int]) -> None:
        waiting = [top]
        while waiting:
            place = waiting.pop()
            reached.add(place)
            waiting += self.children[place]


def _rows(forest: _Forest, start_ns: int) -> Iterator[Row]:
    # A stack and no recursion: a chain of spans may be deeper than Python's own stack.
    waiting: list[tuple[int, Parentage, tuple[bool, ...]]]
    waiting = [(place, parentage, (False,)) for place, parentage in reversed(forest.tops)]
    while waiting:
        place, parentage, rails = waiting.pop()
        span, children = forest.spans[place], forest.children[place]
        yield Row(
            span,
            parentage,
            rails,
            offset_ns=max(span.start_ns - start_ns, 0),
            duration_ns=span.end_ns - span.start_ns if span.start_ns and span.end_ns else None,
            lead_ns=_lead_ns(span, forest) if parentage is Parentage.CHILD else 0,
            has_children=bool(children),
        )
        last = len(children) - 1
        waiting += [
            (child, Parentage.CHILD, (*rails, nth != last))
            for nth, child in reversed(list(enumerate(children)))
        ]


def _lead_ns(child: Span, forest: _Forest) -> int:
    parent = forest.spans[forest.place_of[child.parent_span_id]]
    return parent.start_ns - child.start_ns if child.start_ns and parent.start_ns else 0
