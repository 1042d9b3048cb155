"""What a process has used, and the least that one with Python in it uses. Linux only."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path


def peak_bytes(pid: int) -> int:
    """Return the peak resident size of a running process."""
    status = Path(f"/proc/{pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak, "Linux tells the peak resident size"
    return int(peak[1]) * 1024


def cpu_s(pid: int) -> float:
    """Return the CPU that a running process has had, all its threads together.

    By its clock, as ``clock_getcpuclockid(3)`` names it and Python does not: ``/proc`` counts
    in ticks of 10 ms, and the usage of children is known only when they have ended.
    """
    scheduled = 2  # of three CPU clocks the one that counts nanoseconds
    return time.clock_gettime(~pid << 3 | scheduled)


def bare_start_s(python: Path) -> float:
    """Time a bare interpreter: the floor under anything that is written in Python."""
    started_at = time.perf_counter()
    subprocess.run([str(python), "-I", "-S", "-c", "pass"], check=True)
    return time.perf_counter() - started_at


def bare_usage(python: Path) -> tuple[float, int]:
    """Return CPU (seconds) and peak memory (bytes) of a bare interpreter that has started."""
    command = [str(python), "-I", "-S", "-c", "print(flush=True); input()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        process.stdout.readline()
        usage = cpu_s(process.pid), peak_bytes(process.pid)
        process.communicate(b"\n")
    return usage
