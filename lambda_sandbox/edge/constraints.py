"""What keeps the processes within their limits: the kernel where it may, and else we."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import MemoryExhausted, MemoryMeasured
from lambda_sandbox.edge.cgroups import Groups
from lambda_sandbox.edge.cpu_share import CpuShare
from lambda_sandbox.edge.limits import MemoryWatch, methods, restrict

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Collection

    from lambda_sandbox.edge.guard import Guard
    from lambda_sandbox.edge.limits import Limits
    from lambda_sandbox.edge.loop import Loop


class Constraints:
    """The limits of one sandbox's processes, enforced.

    Args:
        loop: Where time passes, and where it is told that the memory is exhausted.
        limits: What they may use together.
        guard: Removes our control groups if we are killed.
        members: Names the processes.
        signal_all: Sends all of them a signal.
        has_template: Whether a snapshot is going to live beside the processes, and is none of
            them: a control group would count its memory, too.

    Attributes:
        methods: What limits ``cpu`` and ``memory``.
    """

    def __init__(  # noqa: PLR0913  # by name, all but three
        self,
        loop: Loop,
        limits: Limits,
        guard: Guard,
        *,
        members: Callable[[], list[int]],
        signal_all: Callable[[signal.Signals], object],
        has_template: bool,
    ) -> None:
        self._loop = loop
        self._bytes_max = limits.memory_bytes
        self._files_max = limits.files_max
        self._groups = Groups(replace(limits, memory_bytes=None) if has_template else limits)
        for folder in self._groups.folders:
            guard.entrust_folder(folder)
        # What the kernel does not do, we do.
        to_share = None if "cpu" in self._groups.methods else limits.cpu_share
        kills = "memory" not in self._groups.methods
        self._memory = MemoryWatch(loop, members, limits.memory_bytes, kills=kills)
        self._cpu = CpuShare(loop, members, signal_all, to_share)
        self.methods = {**methods(limits), **self._groups.methods}

    def pids(self) -> set[int]:
        """Return the process ids of all in our control groups."""
        return self._groups.pids()

    def adopt(self, pid: int) -> None:
        """Limit a process that has just been started, and all that will descend from it."""
        self.include([pid])
        restrict(pid, self._files_max)
        self._memory.expect()
        self.resume()

    def include(self, pids: Collection[int]) -> None:
        """Put processes into our control groups, as far as they are not."""
        self._groups.add(pids)

    def resume(self) -> None:
        """Go on: the processes run."""
        self._memory.resume()
        self._cpu.resume()

    def pause(self) -> None:
        """Rest: they stand still, or are gone."""
        self._memory.pause()
        self._cpu.pause()

    def release(self) -> None:
        """Give them the whole CPU: their end is near, and its time is short enough."""
        self._cpu.release()

    def tell_exhaustion(self, pid: int) -> None:
        """Tell that a killed process was killed for want of memory, if it was."""
        if self._groups.has_killed() or self._memory.has_killed(pid):
            assert self._bytes_max is not None, "nobody is killed without a limit"
            self._loop.emit(MemoryMeasured(self._bytes_max))
            self._loop.emit(MemoryExhausted())

    def used_bytes(self) -> int:
        """Return the peak resident size of all processes together; of one that is gone, too.

        A descendant that the kernel has killed for want of memory has left no other trace.
        """
        if self._bytes_max is not None and self._groups.has_killed():
            return self._bytes_max
        return self._memory.used_bytes()

    def remove(self) -> None:
        """Remove our control groups; nobody is in them any more."""
        self._groups.remove()
