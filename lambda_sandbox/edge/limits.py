"""What the processes of an environment may use: files, memory, no core dumps.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import MemoryMeasured
from lambda_sandbox.edge import clock, proc

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.edge.loop import Loop

FILES_MAX = 1024
"""File descriptors of one process."""

WATCH_INTERVAL_S = 0.1
"""How often the memory is looked at: a look costs some 0.3 ms, a leak takes longer than that."""

FIRST_INTERVAL_S = 0.005
"""How soon after a start; each interval is twice the one before, until it is the usual one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the processes may use; None for as much as there is.

    Attributes:
        memory_bytes: Resident memory, all together.
        cpu_share: How much of one CPU, all together.
        files_max: Open file descriptors, each; None for what this machine allows.
    """

    memory_bytes: int | None
    cpu_share: float | None
    files_max: int | None = FILES_MAX


def methods(limits: Limits) -> dict[str, str]:
    """Return what limits ``cpu`` and ``memory`` where the kernel does not do it for us."""
    watched = f"watched every {WATCH_INTERVAL_S * 1000:.0f} ms, SIGKILL"
    return {
        "memory": "not limited" if limits.memory_bytes is None else watched,
        "cpu": "not limited" if limits.cpu_share is None else "SIGSTOP and SIGCONT",
    }


def restrict(pid: int, files_max: int | None) -> None:
    """Limit a process that has just been started, and all that will descend from it.

    To limit it before its first instruction, a fork of ours would have to run Python between
    fork and exec, which is slow and, with threads about, not safe. It has not opened a thousand
    files yet.
    """
    # A program that runs as somebody else is not ours to limit; one that has ended needs none.
    with suppress(PermissionError, ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        if files_max is not None:
            _, machines_max = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            files_max = min(files_max, machines_max)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (files_max, files_max))


class MemoryWatch:
    """Measure what all use together; kill the process that uses most, if that is too much.

    What is used at the end of an invocation is measured then; but a process that crashes leaves
    nothing to measure, and a timeout waits for nobody: they are reported with the last look.

    Counted against the limit is what the kernel could not take back: a cgroup's spares the pages
    of files, too. Between two looks it may be passed unseen.

    Args:
        loop: Where time passes, and where it is told how much was used.
        members: Names the processes.
        bytes_max: What they may use together; None for any amount.
        kills: Whether it is enforced; not if the kernel does that.
    """

    def __init__(
        self,
        loop: Loop,
        members: Callable[[], list[int]],
        bytes_max: int | None,
        *,
        kills: bool = True,
    ) -> None:
        self._loop = loop
        self._members = members
        self._bytes_max = bytes_max
        self._kills = kills
        self._interval_s = WATCH_INTERVAL_S
        self._watching = False
        self._due = False
        self._victim: int | None = None

    def expect(self) -> None:
        """Look soon: a process was started, which may be gone soon."""
        self._interval_s = FIRST_INTERVAL_S

    def resume(self) -> None:
        """Look from now on: the processes run."""
        self._watching = True
        self._look_again()

    def pause(self) -> None:
        """Look no more: they stand still, or are gone."""
        self._watching = False

    def has_killed(self, pid: int) -> bool:
        """Return whether this process was killed last."""
        return pid == self._victim

    def _look_again(self) -> None:
        if not self._due:
            self._due = True
            self._loop.call_at(clock.now() + self._interval_s, self._look)
            self._interval_s = min(2 * self._interval_s, WATCH_INTERVAL_S)

    def _look(self) -> None:
        self._due = False
        if not self._watching:
            return
        pids = self._members()
        self._loop.emit(MemoryMeasured(self._peak_bytes(pids)))
        if self._bytes_max is not None and self._kills:
            self._enforce(self._bytes_max, pids)
        self._look_again()

    def _enforce(self, bytes_max: int, pids: list[int]) -> None:
        claimed_bytes = {pid: proc.claimed_bytes(pid) for pid in pids}
        if sum(claimed_bytes.values()) > bytes_max:
            self._loop.emit(MemoryMeasured(bytes_max))
            self._victim = max(claimed_bytes, key=claimed_bytes.__getitem__)
            with suppress(ProcessLookupError):
                os.kill(self._victim, signal.SIGKILL)

    def used_bytes(self) -> int:
        """Return the peak resident size of all processes together.

        Pages that processes share are counted for each: it is capped at what may be used.
        """
        return self._peak_bytes(self._members())

    def _peak_bytes(self, pids: list[int]) -> int:
        used_bytes = sum(map(proc.peak_bytes, pids))
        return used_bytes if self._bytes_max is None else min(used_bytes, self._bytes_max)
