"""How figures are printed: two beside each other, and what was aimed for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Line(NamedTuple):
    """One figure of a table: what it is compared with, what it is, what was aimed for."""

    name: str
    without: str
    with_: str
    verdict: str


def show(lines: Iterable[Line]) -> None:
    """Print a table."""
    for line in lines:
        print(f"{line.name:<44} {line.without:>10} {line.with_:>10}  {line.verdict}".rstrip())


def ms(seconds: float) -> str:
    """Spell a time in milliseconds."""
    return f"{seconds * 1e3:.2f} ms"


def mb(size_bytes: float) -> str:
    """Spell a size in megabytes."""
    return f"{size_bytes / 1e6:.1f} MB"
