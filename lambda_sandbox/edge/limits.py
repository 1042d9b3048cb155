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


@dataclass(frozen=True, slots=True)
class Limits:
    """What all processes may use together; None for as much as there is.

    Attributes:
        memory_bytes: Resident memory.
        cpu_share: How much of one CPU.
    """

    memory_bytes: int | None
    cpu_share: float | None


def methods(limits: Limits) -> dict[str, str]:
    """Return what limits ``cpu`` and ``memory`` where the kernel does not do it for us."""
    watched = f"watched every {WATCH_INTERVAL_S * 1000:.0f} ms, SIGKILL"
    return {
        "memory": "not limited" if limits.memory_bytes is None else watched,
        "cpu": "not limited" if limits.cpu_share is None else "SIGSTOP and SIGCONT",
    }


def restrict(pid: int) -> None:
    """Limit a process that has just been started, and all that will descend from it.

    To limit it before its first instruction, a fork of ours would have to run Python between
    fork and exec, which is slow and, with threads about, not safe. It has not opened a thousand
    files yet.
    """
    # A program that runs as somebody else is not ours to limit.
    with suppress(PermissionError):
        _, files_max = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        files_max = min(files_max, FILES_MAX)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files_max, files_max))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


class MemoryWatch:
    """Kill the process that uses most, as the kernel would, when all use too much together.

    Counted is what the kernel could not take back: a cgroup's limit spares the pages of files,
    too. Between two looks the limit may be passed unseen.

    Args:
        loop: Where time passes, and where it is told how much was used.
        members: Names the processes.
        bytes_max: What they may use together; None for any amount.
    """

    def __init__(self, loop: Loop, members: Callable[[], list[int]], bytes_max: int | None) -> None:
        self._loop = loop
        self._members = members
        self._bytes_max = bytes_max
        self._watching = False
        self._due = False
        self._victim: int | None = None

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
        if self._bytes_max is not None and not self._due:
            self._due = True
            self._loop.call_at(clock.now() + WATCH_INTERVAL_S, self._look)

    def _look(self) -> None:
        self._due = False
        if not self._watching:
            return
        assert self._bytes_max is not None, "nobody looks without a limit"
        used_bytes = {pid: proc.claimed_bytes(pid) for pid in self._members()}
        if sum(used_bytes.values()) > self._bytes_max:
            self._loop.emit(MemoryMeasured(self._bytes_max))
            self._victim = max(used_bytes, key=used_bytes.__getitem__)
            with suppress(ProcessLookupError):
                os.kill(self._victim, signal.SIGKILL)
        self._look_again()
