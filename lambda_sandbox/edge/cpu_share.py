"""A share of a CPU, by letting the processes stand still until they have paid for what they used.

Processes that use less than their share are never stopped.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from lambda_sandbox.edge import clock, proc

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.edge.loop import Loop

LOOK_INTERVAL_S = 0.01
"""How often it is looked at what they used: the kernel does not count finer than that."""

PERIOD_S = 0.1
"""They may save up as much as they are entitled to in that time, as in a period of cgroups."""


class CpuShare:
    """Stop all processes for a while, again and again, while the environment runs.

    Args:
        loop: Where time passes.
        members: Names the processes.
        signal_all: Sends them a signal.
        share: How much of one CPU they may use together; None for as much as there is.
    """

    def __init__(
        self,
        loop: Loop,
        members: Callable[[], list[int]],
        signal_all: Callable[[signal.Signals], object],
        share: float | None,
    ) -> None:
        self._loop = loop
        self._members = members
        self._signal_all = signal_all
        self._share = share
        self._watching = False
        self._stopped = False
        self._due = False
        self._saved_s = 0.0  # CPU time; below 0 they are in debt
        self._used_s: dict[int, float] = {}
        self._looked_at = clock.now()

    def resume(self) -> None:
        """Look from now on: the processes run."""
        if self._share is None or self._watching:
            return
        self._watching = True
        self._look_at(clock.now() + LOOK_INTERVAL_S)

    def pause(self) -> None:
        """Look no more: somebody else decides now whether they run, and they may be stopped."""
        self._watching = self._stopped = False

    def release(self) -> None:
        """Look no more, and let them run: the environment is going to end."""
        if self._stopped:
            self._signal_all(signal.SIGCONT)
        self.pause()

    def _look_at(self, at: float) -> None:
        if not self._due:
            self._due = True
            self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._due = False
        if not self._watching:
            return
        assert self._share is not None, "nobody looks without a share"
        now = clock.now()
        self._save(self._share, now)
        is_in_debt = self._saved_s < 0
        if is_in_debt or self._stopped:
            self._signal_all(signal.SIGSTOP if is_in_debt else signal.SIGCONT)
        self._stopped = is_in_debt
        self._look_at(now + max(LOOK_INTERVAL_S, -self._saved_s / self._share))

    def _save(self, share: float, now: float) -> None:
        used_s = {pid: proc.cpu_s(pid) for pid in self._members()}
        spent_s = sum(spent - self._used_s.get(pid, 0.0) for pid, spent in used_s.items())
        earned_s = share * (now - self._looked_at)
        self._saved_s = min(self._saved_s + earned_s - spent_s, share * PERIOD_S)
        self._used_s, self._looked_at = used_s, now
