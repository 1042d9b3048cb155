"""The environment's processes: started, heard, frozen, thawed, ended, and never left behind.

Each is the leader of a session of its own. What leaves that session is still ours, and found by
the variable that all descendants inherit: ``AWS_LAMBDA_RUNTIME_API`` names this sandbox alone.

Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import (
    RUNTIME,
    LineWritten,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
)
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.loop import READ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_sandbox.edge.guard import Guard
    from lambda_sandbox.edge.loop import Loop

READ_BYTES = 65_536
LINE_BYTES_MAX = 262_144
"""Longest line of a log, as CloudWatch has it; a longer one is cut into several."""

NOT_FOUND_STATUS = "exit status 127"
NOT_EXECUTABLE_STATUS = "exit status 126"
"""How the runtime's start script ends when the exec wrapper is missing, or not executable."""

KILL_TIMEOUT_S = 2.0
"""How long a killed process may linger; only one that hangs in the kernel does."""

MARK = "AWS_LAMBDA_RUNTIME_API"


@dataclass(frozen=True, slots=True)
class Program:
    """What to start.

    Attributes:
        argv: The program and its arguments.
        environ: All of its variables, ``AWS_LAMBDA_RUNTIME_API`` among them.
        cwd: Where.
    """

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path


@dataclass(slots=True)
class Pipe:
    """One output of a process."""

    descriptor: int
    unfinished: bytearray = field(default_factory=bytearray)  # a line without its end


@dataclass(slots=True)
class Process:
    """One running process."""

    name: str
    popen: subprocess.Popen[bytes]
    pid_descriptor: int
    pipes: list[Pipe]


class Processes:
    """The processes of one sandbox.

    Args:
        loop: Where their lines and their end are told.
        programs: What to start, by name.
        mark: The value of ``AWS_LAMBDA_RUNTIME_API``, by which descendants are known.
        guard: Kills them if we are killed.
    """

    def __init__(
        self, loop: Loop, programs: Mapping[str, Program], mark: str, guard: Guard
    ) -> None:
        self._guard = guard
        self._loop = loop
        self._programs = programs
        self._mark = f"{MARK}={mark}".encode()
        self._running: dict[str, Process] = {}
        self._groups: list[int] = []  # of all that was started since the last clearing
        self._strangers: set[int] = set()

    def pid(self, name: str) -> int | None:
        """Return the process id of a running process."""
        process = self._running.get(name)
        return process.popen.pid if process else None

    def start(self, name: str) -> None:
        """Start a process, or tell why it could not be."""
        program = self._programs[name]
        at = clock.now()
        try:
            popen = subprocess.Popen(  # noqa: S603  # to start what it is given is its purpose
                program.argv,
                env=program.environ,
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._not_started(name, error)
            return
        self._groups.append(popen.pid)
        self._guard.entrust(popen.pid)
        self._running[name] = self._adopt(name, popen)
        self._loop.emit(ProcessStarted(name), at)

    def _not_started(self, name: str, error: OSError) -> None:
        if name != RUNTIME:
            reason = "PermissionDenied" if isinstance(error, PermissionError) else "UnknownError"
            self._loop.emit(ProcessNotStarted(name, f"{reason}: {error.strerror}"))
            return
        # On Lambda a shell script starts the wrapper, and ends as shells do.
        self._loop.emit(LineWritten(name, f"{error.filename}: {error.strerror}"))
        is_missing = isinstance(error, FileNotFoundError)
        status = NOT_FOUND_STATUS if is_missing else NOT_EXECUTABLE_STATUS
        self._loop.emit(ProcessExited(name, status))

    def _adopt(self, name: str, popen: subprocess.Popen[bytes]) -> Process:
        assert popen.stdout is not None, "a pipe was asked for"
        assert popen.stderr is not None, "a pipe was asked for"
        pipes = [Pipe(popen.stdout.fileno()), Pipe(popen.stderr.fileno())]
        process = Process(name, popen, os.pidfd_open(popen.pid), pipes)
        self._loop.watch(process.pid_descriptor, READ, partial(self._exited, process))
        for pipe in pipes:
            os.set_blocking(pipe.descriptor, False)
            self._loop.watch(pipe.descriptor, READ, partial(self._hear, process, pipe))
        return process

    # What they say.

    def hear(self) -> None:
        """Tell every line that has been written until now."""
        for process in self._running.values():
            self._hear_all(process)

    def _hear_all(self, process: Process) -> None:
        for pipe in tuple(process.pipes):
            while self._hear(process, pipe):
                pass

    def _hear(self, process: Process, pipe: Pipe) -> bool:
        try:
            said = os.read(pipe.descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if not said:
            self._loop.forget(pipe.descriptor)
            process.pipes.remove(pipe)
            self._tell(process, pipe, at_the_end=True)
            return False
        pipe.unfinished += said
        self._tell(process, pipe)
        return True

    def _tell(self, process: Process, pipe: Pipe, *, at_the_end: bool = False) -> None:
        *lines, rest = bytes(pipe.unfinished).split(b"\n")
        if rest and (at_the_end or len(rest) > LINE_BYTES_MAX):
            lines, rest = [*lines, rest], b""
        pipe.unfinished[:] = rest
        for line in lines:
            self._loop.emit(LineWritten(process.name, line.decode(errors="replace")))

    # How they end.

    def _exited(self, process: Process) -> None:
        self._hear_all(process)
        returncode = process.popen.wait()
        self._loop.forget(process.pid_descriptor)
        os.close(process.pid_descriptor)
        for pipe in process.pipes:
            self._tell(process, pipe, at_the_end=True)
            self._loop.forget(pipe.descriptor)
        for file in (process.popen.stdout, process.popen.stderr):
            assert file is not None, "a pipe was asked for"
            file.close()
        del self._running[process.name]
        self._loop.emit(ProcessExited(process.name, _status(returncode)))

    def terminate(self, name: str) -> None:
        """Send SIGTERM to a process and its group."""
        self._signal_group(name, signal.SIGTERM)

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process and its group."""
        self._signal_group(name, signal.SIGKILL)

    def _signal_group(self, name: str, number: signal.Signals) -> None:
        process = self._running.get(name)
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.popen.pid, number)

    # All of them.

    def freeze(self) -> None:
        """Stop every process, descendants included."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let every process go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for name in self._running:
            self._signal_group(name, number)
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def members(self) -> list[int]:
        """Return the process ids of everything that descends from this sandbox and lives."""
        found = []
        for name in os.listdir("/proc"):  # noqa: PTH208  # many names, few paths: no Path for each
            if not name.isdecimal() or int(name) in self._strangers:
                continue
            pid = int(name)
            if self._is_member(pid):
                found.append(pid)
            else:
                self._strangers.add(pid)
        return found

    def _is_member(self, pid: int) -> bool:
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:  # gone, or another user's
            return False
        return self._mark in environ.split(b"\0")

    def stopped(self) -> bool:
        """Return whether every process stands still; may be called from any thread."""
        pids = [process.popen.pid for process in tuple(self._running.values())]
        return all(_state(pid) in "TX" for pid in [*pids, *self.members()])

    def memory_bytes(self) -> int:
        """Return the peak resident size of all processes together."""
        return sum(_peak_bytes(pid) for pid in self.members())

    def clear(self) -> None:
        """Kill what is left, descendants in sessions of their own included."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        self._groups.clear()
        self._guard.relieve()
        self._strangers.clear()
        deadline_at = clock.now() + KILL_TIMEOUT_S
        pids = self.members()
        while pids and clock.now() < deadline_at:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            pids = self.members()

    def close(self) -> None:
        """Kill and reap everything, whatever state it is in."""
        self.clear()
        for process in tuple(self._running.values()):
            self._exited(process)
        self._guard.close()


def _status(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    name = signal.strsignal(-returncode) or str(-returncode)
    return f"signal: {name.lower()}"


def _peak_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # gone
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _state(pid: int) -> str:
    """Return the state letter of a process: ``T`` if it is stopped, ``X`` if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X"
    return stat.rpartition(")")[2].split()[0]
