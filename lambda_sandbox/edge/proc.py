"""What the kernel tells about processes; of one that is gone, nothing.

Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
"""

from __future__ import annotations

import os
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


def state(pid: int) -> str:
    """Return the state letter of a process: ``T`` if it is stopped, ``X`` if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X"
    return stat.rpartition(")")[2].split()[0]


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
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = status.splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
