"""Control groups of a sandbox's own: the kernel shares out the CPU and guards the memory.

They are made below the groups that this process is in, and nothing else is touched. Version 1
needs the right to make a folder there. Version 2 gives a group's controllers to groups below it
only if ``cgroup.subtree_control`` names them, which it may only while no process is in the group
itself (but the root): rarely, without a service manager that has arranged for it.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html
Source: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
Source: https://docs.kernel.org/scheduler/sched-bwc.html
"""

from __future__ import annotations

import os
from collections import ChainMap
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from lambda_sandbox.edge import cgroup_places, clock

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lambda_sandbox.edge.limits import Limits

PERIOD_US = 20_000
"""In each period a share may be used up at once. Shorter ones than the kernel's default of 100 ms
let a small function wait less for its turn; the kernel takes no quota below 1 ms, which at
128 MB would be a period of 14 ms."""

CPU, MEMORY = "cpu", "memory"

METHOD_1, METHOD_2 = "cgroup v1", "cgroup v2"

KILLS_IN = {METHOD_1: "memory.oom_control", METHOD_2: "memory.events"}

Settings = dict[str, dict[str, str]]
"""By controller: what is to be written, by file."""

OPTIONAL = {"memory.memsw.limit_in_bytes", "memory.swap.max"}
"""There only if the kernel counts what is swapped out."""

REMOVAL_TIMEOUT_S = 2.0
"""How long a killed process may keep its group; only one that hangs in the kernel does."""


class Group:
    """One group.

    Args:
        parent: The group below which it is made.
        settings: What is written into its files.

    Raises:
        OSError: It could not be made, or does not know a setting; there is nothing left of it.
    """

    def __init__(self, parent: Path, settings: Mapping[str, str]) -> None:
        self.folder = Path(mkdtemp(prefix="lambda-sandbox-", dir=parent))
        try:
            for name, value in settings.items():
                if name not in OPTIONAL or (self.folder / name).exists():
                    (self.folder / name).write_text(value)
        except OSError:
            self.folder.rmdir()
            raise

    def pids(self) -> set[int]:
        """Return the processes in it; none once it is removed."""
        try:
            pids = (self.folder / "cgroup.procs").read_text().split()
        except OSError:
            return set()
        return {int(pid) for pid in pids} - {0}  # the kernel's name for one we cannot see

    def add(self, pid: int) -> None:
        """Put a process into it, and with it all that will descend from it."""
        with suppress(ProcessLookupError):  # it has ended before
            (self.folder / "cgroup.procs").write_text(str(pid))

    def count(self, name: str, key: str) -> int:
        """Return a number from a file of lines of ``key number``."""
        lines = (self.folder / name).read_text().splitlines()
        counts = dict(line.split() for line in lines)
        return int(counts.get(key, 0))

    def remove(self) -> None:
        """Remove it, once its processes are gone."""
        deadline_at = clock.now() + REMOVAL_TIMEOUT_S
        while not self._is_removed() and clock.now() < deadline_at:
            clock.pause()

    def _is_removed(self) -> bool:
        try:
            self.folder.rmdir()
        except OSError:  # a process is still on its way out
            return not self.folder.exists()
        return True


class Groups:
    """The groups of one sandbox: none, one, or one for each controller.

    Args:
        limits: What all processes may use together.

    Attributes:
        methods: What limits ``cpu`` and ``memory``; one that could not be had is not in it.
    """

    def __init__(self, limits: Limits) -> None:
        self.methods: dict[str, str] = {}
        self._groups: list[Group] = []
        self._memory: Group | None = None
        self._kills_seen = 0
        own = cgroup_places.places()
        self._make(own.version_1, _version_1(limits), METHOD_1)
        if own.version_2 is not None:
            given = dict.fromkeys(_given(own.version_2), own.version_2)
            self._make(given, _version_2(limits), METHOD_2)

    def _make(self, places: Mapping[str, Path], settings: Settings, method: str) -> None:
        wanted: dict[Path, list[str]] = {}  # a process can be in one group of a hierarchy
        for controller in settings:
            if controller in places and controller not in self.methods:
                wanted.setdefault(places[controller], []).append(controller)
        for place, controllers in wanted.items():
            chosen = [settings[controller] for controller in controllers]
            try:
                group = Group(place, ChainMap(*chosen))
            except OSError:  # the place is somebody else's, or read-only
                continue
            self._groups.append(group)
            self._memory = group if MEMORY in controllers else self._memory
            self.methods.update(dict.fromkeys(controllers, method))

    @property
    def folders(self) -> list[Path]:
        """Where they are."""
        return [group.folder for group in self._groups]

    def pids(self) -> set[int]:
        """Return the processes in any of them."""
        return {pid for group in self._groups for pid in group.pids()}

    def add(self, pids: Collection[int]) -> None:
        """Put processes into them that are not there yet.

        The first for a while may take some 20 ms: the kernel waits until no CPU is forking.
        """
        for group in self._groups:
            for pid in sorted(set(pids) - group.pids()):
                group.add(pid)

    def has_killed(self) -> bool:
        """Return whether the kernel has killed for want of memory since this was asked last."""
        if self._memory is None:
            return False
        before = self._kills_seen
        self._kills_seen = self._memory.count(KILLS_IN[self.methods[MEMORY]], "oom_kill")
        return self._kills_seen > before

    def remove(self) -> None:
        """Remove them; no process is to be left in them."""
        for group in self._groups:
            group.remove()


def _version_1(limits: Limits) -> Settings:
    settings: Settings = {}
    if limits.cpu_share is not None:
        settings[CPU] = {
            "cpu.cfs_period_us": str(PERIOD_US),
            "cpu.cfs_quota_us": str(int(limits.cpu_share * PERIOD_US)),
        }
    if limits.memory_bytes is not None:
        settings[MEMORY] = {
            "memory.limit_in_bytes": str(limits.memory_bytes),
            "memory.memsw.limit_in_bytes": str(limits.memory_bytes),
        }
    return settings


def _version_2(limits: Limits) -> Settings:
    settings: Settings = {}
    if limits.cpu_share is not None:
        settings[CPU] = {"cpu.max": f"{int(limits.cpu_share * PERIOD_US)} {PERIOD_US}"}
    if limits.memory_bytes is not None:
        settings[MEMORY] = {"memory.max": str(limits.memory_bytes), "memory.swap.max": "0"}
    return settings


def _given(place: Path) -> set[str]:
    """Return the controllers that groups below one have, if processes may be put there."""
    try:
        given = (place / "cgroup.subtree_control").read_text().split()
    except OSError:
        return set()
    return set(given) if os.access(place / "cgroup.procs", os.W_OK) else set()
