"""Chance, from the kernel: what a process keeps of it, clones of a SnapStart snapshot share."""

from __future__ import annotations

import posix

_BYTES = 4
_ABOVE = 1 << 8 * _BYTES


def random_bytes(count: int) -> bytes:
    """Return so many bytes, others at each call."""
    return posix.urandom(count)


def chance() -> float:
    """Return another number from 0 to 1 at each call."""
    return int.from_bytes(random_bytes(_BYTES), "big") / _ABOVE
