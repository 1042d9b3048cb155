"""What the kernel tells about processes; of one that is gone, nothing.

Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def pids() -> set[int]:
    """Return the ids of all processes there are."""
    names = os.listdir("/proc")  # noqa: PTH208  # many names, few paths: no Path for each
    return {int(name) for name in names if name.isdecimal()}


def environ(pid: int) -> list[bytes]:
    """Return the variables that a process was started with, each as ``NAME=value``.

    Returns:
        None of them for a process of the kernel, one of another user, and any at the moment
        when it becomes another program.
    """
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return []
    return variables.split(b"\0") if variables else []


def children(pid: int) -> list[int]:
    """Return the ids of a process's children; none where the kernel does not tell.

    It does with ``CONFIG_PROC_CHILDREN``, which distributions set.
    """
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208  # as above
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return found


def started_ticks(pid: int) -> int | None:
    """Return when a process was started, in ticks since the machine's start; None if it ended.

    With its id it names a process for good: an id may be given again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def state(pid: int) -> str:
    """Return the state letter of a process: ``T`` if it is stopped, ``X`` if it is gone.

    One that waits for a device (``D``) takes no signal, but runs none of its code either before
    it does: if it has been told to stop, it is stopped.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X"
    letter = stat.rpartition(")")[2].split()[0]
    return "T" if letter == "D" and _is_to_stop(pid) else letter


def _is_to_stop(pid: int) -> bool:
    lines = _status_lines(pid)
    masks = [line.split()[1] for line in lines if line.startswith(("SigPnd:", "ShdPnd:"))]
    return any(int(mask, 16) >> (signal.SIGSTOP - 1) & 1 for mask in masks)


def _status_lines(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return []


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, without that of its children."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS_PER_S


def peak_bytes(pid: int) -> int:
    """Return the largest resident size that a process has had."""
    return _sizes_bytes(pid, "VmHWM:")


def claimed_bytes(pid: int) -> int:
    """Return the resident memory that the kernel could not take back: no file backs it."""
    return _sizes_bytes(pid, "RssAnon:", "RssShmem:")


def _sizes_bytes(pid: int, *names: str) -> int:
    lines = _status_lines(pid)
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
