"""The file system, as far as it is asked before `os` is loaded."""

from __future__ import annotations

import posix


def is_there(path: str) -> bool:
    """Return whether something is at a path; by `posix`, as `os` costs 2 ms."""
    try:
        posix.stat(path)
    except OSError:
        return False
    return True
