"""Which rows of a trace a view shows one by one, and which it shows as a count.

Promise: the rows of an outline, its runs opened, are the rows of the trace in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from lambda_sandbox.core.views.traces import Row, Trace

ROWS_MAX = 40
"""The longest trace that is shown whole: about one screen."""

_RUN_HEAD, _RUN_TAIL = 3, 1
"""What stays visible of many spans alike: enough to see the rhythm, and how it ends."""

_RUN_MIN = 4  # a line that stands for fewer saves nothing
_NAMES_MAX = 3  # in the text of a run


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive rows that a view shows as one line."""

    rows: tuple[Row, ...]
    rails: tuple[bool, ...]  # as of a Row

    @property
    def offset_ns(self) -> int:
        """Where the first of them starts."""
        return min(row.offset_ns for row in self.rows)

    @property
    def duration_ns(self) -> int:
        """From the start of the first to the end of the last."""
        ends = [row.offset_ns + max(row.duration_ns or 0, 0) for row in self.rows]
        return max(ends) - self.offset_ns

    @property
    def count_text(self) -> str:
        """How many they are, and how many of them failed."""
        failed = sum(row.span.status_code == "ERROR" for row in self.rows)
        return f"{len(self.rows)} more{f', {failed} failed' if failed else ''}"

    @property
    def names_text(self) -> str:
        """Their names, the most frequent first."""
        names = Counter(row.span.name for row in self.rows)
        parts = [
            f"{name} \N{MULTIPLICATION SIGN}{count}"
            for name, count in names.most_common(_NAMES_MAX)
        ]
        return ", ".join(parts if len(names) <= _NAMES_MAX else [*parts, "…"])


def outline(trace: Trace, *, rows_max: int = ROWS_MAX) -> list[Row | Run]:
    """Shorten a trace to what can be taken in.

    A trace of at most ``rows_max`` spans is left whole. In a longer one, many leaves in a row
    that succeeded become a run, and what is then still too much becomes a last run.

    Args:
        trace: Of any length.
        rows_max: At least 1.

    Returns:
        At most ``rows_max`` + 1 rows and runs.
    """
    if len(trace.rows) <= rows_max:
        return list(trace.rows)
    lines = list(_with_runs(trace.rows))
    hidden = tuple(_opened(lines[rows_max:]))
    return [*lines[:rows_max], Run(hidden, rails=(False,))] if hidden else lines


def _with_runs(rows: tuple[Row, ...]) -> Iterator[Row | Run]:
    # Leaves at the same depth that follow each other are siblings.
    for (_, quiet), group in groupby(rows, key=lambda row: (row.depth, _is_quiet(row))):
        alike = tuple(group)
        hidden = alike[_RUN_HEAD:-_RUN_TAIL]
        if not quiet or len(hidden) < _RUN_MIN:
            yield from alike
        else:
            yield from alike[:_RUN_HEAD]
            yield Run(hidden, rails=hidden[0].rails)
            yield from alike[-_RUN_TAIL:]


def _is_quiet(row: Row) -> bool:
    return not row.has_children and row.span.status_code != "ERROR"


def _opened(lines: Iterable[Row | Run]) -> Iterator[Row]:
    for line in lines:
        if isinstance(line, Run):
            yield from line.rows
        else:
            yield line
