"""Traces as text: a waterfall for the terminal.

Promises: no line is wider than asked for (from ``WIDTH_MIN`` on); colour changes nothing but
colour; nothing that a span carries reaches the terminal as a control sequence; the same spans
give the same text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from lambda_sandbox.core.views.outline import Run, outline
from lambda_sandbox.core.views.traces import Kind, Row, Span, Trace, traces_of
from lambda_sandbox.core.views.wording import (
    Tone,
    differing_service,
    duration_text,
    facts_of,
    printable,
    summary,
    took_text,
)

WIDTH_MIN = 40
"""Columns. Below that there is no room for a name and a bar."""

_KIND_FROM_WIDTH = 64  # columns: in a narrower terminal the bars need the room of the kinds
_KIND_WIDTH = 10
_DURATION_WIDTH = 13
_STATUS_WIDTH = 9
_NAME_WIDTH_MIN = 12
_BAR_WIDTH_MIN = 10
_MIDDLE_FROM_WIDTH = 32  # columns of an axis that has room for a label in its middle
_INDENT = 3  # columns for each level of the tree

_Piece = tuple[str, str]
"""A text, and the SGR code of its colour ("" for none)."""

_BOLD, _DIM, _RED, _BOLD_RED = "1", "2", "31", "1;31"
_KIND_COLOURS: dict[Kind, str] = {
    "SERVER": "34",
    "CONSUMER": "34",
    "CLIENT": "36",
    "PRODUCER": "36",
    "INTERNAL": "32",
    "UNSPECIFIED": "32",
}
_TONE_COLOURS: dict[Tone, str] = {"plain": _DIM, "error": _RED, "note": _DIM}
_STATUS_WORDS = {"ERROR": "✗ error", "OK": "✓ ok", "UNSET": ""}


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns of one trace's block."""

    width: int
    name: int
    kind: int  # 0: left out
    bar: int
    status: int  # 0: left out


def render(spans: Iterable[Span], width: int = 100, *, color: bool = False) -> str:
    """Draw traces as a waterfall, a block for each.

    Args:
        spans: In any order, of any number of traces.
        width: Columns of the terminal.
        color: With the colours of ANSI terminals.

    Returns:
        Lines that end in a line break; the text says so if there are no spans.
    """
    width = max(width, WIDTH_MIN)
    blocks = [_block(trace, width) for trace in traces_of(spans)]
    if not blocks:
        return "no spans\n"
    text = "\n\n".join("\n".join(_painted(line, color=color) for line in block) for block in blocks)
    return f"{text}\n"


def _painted(pieces: list[_Piece], *, color: bool) -> str:
    while not pieces[-1][0].strip():  # no line is blank
        pieces = pieces[:-1]
    return "".join(
        f"\x1b[{code}m{text}\x1b[0m" if color and code else text for text, code in pieces
    )


def _block(trace: Trace, width: int) -> list[list[_Piece]]:
    lines = outline(trace)
    layout = _layout(lines, width)
    block = [*_heading(trace, width), _axis(trace, layout)]
    for line in lines:
        if isinstance(line, Run):
            block.append(_run_line(line, trace, layout))
        else:
            block.append(_span_line(line, trace, layout))
            block += _fact_lines(line, trace, layout)
    return block


def _heading(trace: Trace, width: int) -> Iterator[list[_Piece]]:
    yield [("Trace ", _BOLD), (shortened(printable(trace.trace_id), width - 6), _BOLD)]
    line = ""
    for part in summary(trace):
        joined = f"{line} · {part}" if line else part
        if line and cells(joined) > width:
            yield [(line, _DIM)]
            joined = part
        line = shortened(joined, width)
    yield [(line, _DIM)]


def _layout(lines: list[Row | Run], width: int) -> _Layout:
    kind = _KIND_WIDTH if width >= _KIND_FROM_WIDTH else 0
    rows = [line for line in lines if isinstance(line, Row)]
    status = _STATUS_WIDTH if any(row.span.status_code != "UNSET" for row in rows) else 0
    needed = max(len(line.rails) * _INDENT - _INDENT + cells(_title(line)) for line in lines) + 2
    room = width - kind - _DURATION_WIDTH - status
    name = min(max(needed, _NAME_WIDTH_MIN), max(width * 2 // 5, _NAME_WIDTH_MIN))
    name = min(name, room - _BAR_WIDTH_MIN)
    return _Layout(width, name, kind, room - name, status)


def _title(line: Row | Run) -> str:
    if isinstance(line, Run):
        return f"⋯ {line.count_text}: {printable(line.names_text)}"
    return printable(line.span.name) or "(no name)"


def _axis(trace: Trace, layout: _Layout) -> list[_Piece]:
    middle = duration_text(trace.duration_ns // 2) if layout.bar >= _MIDDLE_FROM_WIDTH else ""
    end = duration_text(trace.duration_ns)
    left = "0".ljust(layout.bar // 2 - len(middle) // 2)
    scale = (left + middle).ljust(layout.bar - len(end)) + end
    return [(" " * (layout.name + layout.kind) + scale, _DIM)]


def _span_line(row: Row, trace: Trace, layout: _Layout) -> list[_Piece]:
    span = row.span
    failed = span.status_code == "ERROR"
    name_colour = _BOLD_RED if failed else _BOLD if row.depth == 0 else ""
    kind = "" if span.kind == "UNSPECIFIED" else span.kind.lower()
    return [
        *_name_pieces(row, _title(row), name_colour, layout),
        (kind.ljust(layout.kind) if layout.kind else "", _DIM),
        (_row_bar(row, trace, layout.bar), _RED if failed else _KIND_COLOURS[span.kind]),
        (took_text(row).rjust(_DURATION_WIDTH), ""),
        (f"  {_STATUS_WORDS[span.status_code]}", _RED if failed else _DIM),
    ]


def _run_line(run: Run, trace: Trace, layout: _Layout) -> list[_Piece]:
    bar = _bar(run.offset_ns, run.duration_ns, trace.duration_ns, layout.bar)
    thin = bar.translate({ord("━"): "─", ord("╸"): "─", ord("╺"): "─", ord("•"): "─"})
    tree_width = len(_tree(run.rails, layout, branch="├─ ", corner="└─ "))
    fits = tree_width + cells(_title(run)) < layout.name
    return [
        *_name_pieces(run, _title(run) if fits else f"⋯ {run.count_text}", _DIM, layout),
        (" " * layout.kind, ""),
        (thin, _DIM),
        (duration_text(run.duration_ns).rjust(_DURATION_WIDTH), _DIM),
    ]


def _fact_lines(row: Row, trace: Trace, layout: _Layout) -> Iterator[list[_Piece]]:
    tree = _tree(row.rails, layout, branch="│  ", corner="   ")
    tree += "│  " if row.has_children else "   "
    room = layout.width - len(tree)
    if service := differing_service(row, trace):
        yield [(tree, _DIM), (shortened(f"service {service}", room), _DIM)]
    for fact in facts_of(row):
        yield [(tree, _DIM), (shortened(fact.text, room), _TONE_COLOURS[fact.tone])]


def _name_pieces(
    line: Row | Run, title: str, colour: str, layout: _Layout
) -> tuple[_Piece, _Piece, _Piece]:
    tree = _tree(line.rails, layout, branch="├─ ", corner="└─ ")
    room = layout.name - len(tree) - 1
    text = shortened(title, room)
    return (tree, _DIM), (text, colour), (" " * (room + 1 - cells(text)), "")


def _tree(rails: tuple[bool, ...], layout: _Layout, *, branch: str, corner: str) -> str:
    levels = rails[1:]  # the outermost have no parent to be joined to
    if not levels:
        return ""
    drawn = ["│  " if follows else "   " for follows in levels[:-1]]
    drawn.append(branch if levels[-1] else corner)
    # Of a very deep tree only the innermost levels are drawn: names need half of the room.
    levels_max = max(layout.name // 2 // _INDENT, 1)
    innermost = len(drawn) - levels_max + 1
    return "".join(drawn if len(drawn) <= levels_max else ["⋯  ", *drawn[innermost:]])


def _row_bar(row: Row, trace: Trace, width: int) -> str:
    if not row.span.start_ns:
        return " " * width
    if row.duration_ns is None:
        bar = _bar(row.offset_ns, trace.duration_ns - row.offset_ns, trace.duration_ns, width)
        return bar.translate({ord("━"): "┄", ord("╸"): "┄", ord("╺"): "┄"})
    return _bar(row.offset_ns, row.duration_ns, trace.duration_ns, width)


def _bar(offset_ns: int, duration_ns: int, total_ns: int, width: int) -> str:
    """Draw one bar in half columns, in whole numbers: the same on every machine."""
    halves = 2 * width
    first = min(offset_ns * halves // total_ns if total_ns else 0, halves - 1)
    if duration_ns <= 0:
        return "•".rjust(first // 2 + 1).ljust(width)
    end = -(-(offset_ns + duration_ns) * halves // total_ns)
    covered = range(first, end)
    marks = {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): " "}
    return "".join(marks[2 * i in covered, 2 * i + 1 in covered] for i in range(width))


def cells(text: str) -> int:
    """The number of terminal columns a printable text takes."""
    return sum(_cells_of(char) for char in text)


def _cells_of(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, width: int) -> str:
    """Cut a text to a number of columns, from its middle: the end of a URL says most."""
    if cells(text) <= width:
        return text
    tail_width = max((width - 1) // 3, 0)
    head, tail = _fitting(text, width - 1 - tail_width), _fitting(text[::-1], tail_width)[::-1]
    return f"{head}…{tail}"


def _fitting(text: str, width: int) -> str:
    ends = accumulate(_cells_of(char) for char in text)
    return text[: sum(end <= width for end in ends)]
