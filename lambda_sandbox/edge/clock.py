"""The only reader of the clocks."""

from __future__ import annotations

import time


def now() -> float:
    """Return monotonic seconds; comparable with every instant on a timeline."""
    return time.monotonic()


def epoch_at_zero() -> float:
    """Return what the wall clock showed when the monotonic clock was 0.

    A sandbox reads it once: it keeps its own time even if the machine's is set meanwhile.
    """
    return time.time() - time.monotonic()


def pause() -> None:
    """Let a millisecond pass: for the few things that can only be looked at again."""
    time.sleep(0.001)
