"""The only reader of clocks."""

from __future__ import annotations

import time

monotonic = time.monotonic
"""Seconds from an arbitrary instant: for budgets and ages."""


def utc_time() -> str:
    """Return the time of day as the platform writes it in its logs."""
    now = time.time()
    whole_s = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    return f"{whole_s}.{int(now * 1000) % 1000:03d}Z"
