"""What has changed in a folder between two looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple


class Trait(NamedTuple):
    """What tells one content of a file from another without reading it."""

    modified_ns: int
    size_bytes: int
    inode: int


Look = Mapping[PurePath, Trait]
"""What a look at a folder saw: its files by their paths in it."""


def is_watched(name: str) -> bool:
    """Whether a file or a folder of that name matters.

    What is hidden is an editor's or a tool's, and bytecode is written by the function itself.
    """
    return not name.startswith(".") and name != "__pycache__"


def changed(before: Look, after: Look) -> PurePath | None:
    """Return a file that is new, gone or another; None if there is none.

    Of several it is the first by its path, so that people are told the same each time.
    """
    paths = before.keys() | after.keys()
    return min((path for path in paths if before.get(path) != after.get(path)), default=None)
