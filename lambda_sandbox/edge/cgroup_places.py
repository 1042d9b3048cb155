"""Where this process's own control groups are, for each controller, in both versions.

Source: https://man7.org/linux/man-pages/man7/cgroups.7.html
Source: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OWN = Path("/proc/self/cgroup")
MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of the groups that this process is in.

    Attributes:
        version_1: By controller: each may have a hierarchy of its own.
        version_2: Of the one hierarchy that all controllers share; None if there is none.
    """

    version_1: dict[str, Path]
    version_2: Path | None


def places() -> Places:
    """Return where this process's groups are; nowhere if the machine does not tell."""
    try:
        return read(OWN.read_text(), MOUNTS.read_text())
    except OSError:
        return Places({}, None)


def read(own: str, mounts: str) -> Places:
    """Put together what the kernel tells of groups and of mounts.

    Args:
        own: ``/proc/self/cgroup``: lines of ``id:controllers:group``, version 2 without the
            controllers.
        mounts: ``/proc/self/mountinfo``.
    """
    groups = [line.split(":", 2)[1:] for line in own.splitlines()]
    found: dict[str, Path] = {}
    version_2 = None
    for kind, controllers, root, folder in _hierarchies(mounts):
        for names, group in groups:
            if kind == "cgroup2" and not names:
                version_2 = version_2 or _below(root, folder, group)
            elif kind == "cgroup" and names and set(names.split(",")) <= controllers:
                place = _below(root, folder, group)
                found.update(dict.fromkeys(names.split(","), place) if place else {})
    return Places(found, version_2)


def _hierarchies(mounts: str) -> list[tuple[str, set[str], str, str]]:
    """Return kind, options, root and folder of each mount of control groups."""
    found = []
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, folder = place.split(" ")[3:5]
            found.append((kind, set(options.split(",")), root, folder))
    return found


def _below(root: str, folder: str, group: str) -> Path | None:
    # In a container the mount may begin at a group, and ".." leads out of its namespace.
    path = Path(group)
    is_reachable = path.is_relative_to(root) and ".." not in path.parts
    return Path(folder, path.relative_to(root)) if is_reachable else None
