"""The environment's processes: started, heard, frozen, thawed, ended, and never left behind.

Each is the leader of a session of its own. What leaves that session is still ours, and found by
the variable that all descendants inherit: ``AWS_LAMBDA_RUNTIME_API`` names this sandbox alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import (
    RUNTIME,
    LineWritten,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
)
from lambda_sandbox.core.process_environment import LOG_DESCRIPTOR
from lambda_sandbox.core.telemetry.log_frames import Frames, Lines
from lambda_sandbox.edge import clock, proc
from lambda_sandbox.edge.cpu_share import CpuShare
from lambda_sandbox.edge.limits import Limits, MemoryWatch, restrict
from lambda_sandbox.edge.loop import READ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lambda_sandbox.edge.guard import Guard
    from lambda_sandbox.edge.loop import Loop

READ_BYTES = 65_536
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
        logs_frames: Whether it is given ``_LAMBDA_TELEMETRY_LOG_FD``, a third output.
    """

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path
    logs_frames: bool = False


class Pipe:
    """One output of a process: we read, it writes.

    Args:
        reader: Knows where a record ends.
    """

    def __init__(self, reader: Lines | Frames) -> None:
        self.reader = reader
        self.descriptor, self.writing_end = os.pipe()
        os.set_blocking(self.descriptor, False)

    def close(self) -> None:
        """Close our end."""
        os.close(self.descriptor)

    def hand_over(self) -> None:
        """Close the other end: the process has it."""
        os.close(self.writing_end)


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
        limits: What they may use together.
    """

    def __init__(
        self,
        loop: Loop,
        programs: Mapping[str, Program],
        *,
        mark: str,
        guard: Guard,
        limits: Limits,
    ) -> None:
        self._guard = guard
        self._loop = loop
        self._programs = programs
        self._mark = f"{MARK}={mark}".encode()
        self._running: dict[str, Process] = {}
        self._groups: list[int] = []  # of all that was started since the last clearing
        self._strangers: set[int] = set()
        self._unknown: set[int] = set()  # had no variables when looked at last
        self._memory = MemoryWatch(loop, self.members, limits.memory_bytes)
        self._cpu = CpuShare(loop, self.members, self._signal_all, limits.cpu_share)

    def pid(self, name: str) -> int | None:
        """Return the process id of a running process."""
        process = self._running.get(name)
        return process.popen.pid if process else None

    def start(self, name: str) -> None:
        """Start a process, or tell why it could not be."""
        program = self._programs[name]
        at = clock.now()
        with ExitStack() as unless_started:
            pipes = []
            try:
                with ExitStack() as afterwards:
                    for reader in _readers(program):
                        pipes.append(Pipe(reader))
                        afterwards.callback(pipes[-1].hand_over)
                        unless_started.callback(pipes[-1].close)
                    popen = _popen(program, [pipe.writing_end for pipe in pipes])
            except OSError as error:
                self._not_started(name, error)
                return
            unless_started.pop_all()
        self._groups.append(popen.pid)
        self._guard.entrust(popen.pid)
        restrict(popen.pid)
        self._running[name] = self._adopt(name, popen, pipes)
        self._loop.emit(ProcessStarted(name), at)
        self._memory.resume()
        self._cpu.resume()

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

    def _adopt(self, name: str, popen: subprocess.Popen[bytes], pipes: list[Pipe]) -> Process:
        process = Process(name, popen, os.pidfd_open(popen.pid), pipes)
        self._loop.watch(process.pid_descriptor, READ, partial(self._exited, process))
        for pipe in pipes:
            self._loop.watch(pipe.descriptor, READ, partial(self._hear, process, pipe))
        return process

    # What they say.

    def hear(self) -> None:
        """Tell every record that has been written until now."""
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
            process.pipes.remove(pipe)
            self._hang_up(process, pipe)
            return False
        self._tell(process, pipe.reader.feed(said))
        return True

    def _hang_up(self, process: Process, pipe: Pipe) -> None:
        self._loop.forget(pipe.descriptor)
        pipe.close()
        self._tell(process, pipe.reader.finish())

    def _tell(self, process: Process, records: list[str]) -> None:
        for record in records:
            self._loop.emit(LineWritten(process.name, record))

    # How they end.

    def _exited(self, process: Process) -> None:
        # The first that exits is the beginning of the end, for which time is short enough.
        self._cpu.release()
        self._hear_all(process)
        returncode = process.popen.wait()
        self._loop.forget(process.pid_descriptor)
        os.close(process.pid_descriptor)
        for pipe in process.pipes:
            self._hang_up(process, pipe)
        del self._running[process.name]
        self._loop.emit(ProcessExited(process.name, _status(returncode)))

    def terminate(self, name: str) -> None:
        """Send SIGTERM to a process and its group."""
        self._cpu.release()
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
        self._memory.pause()
        self._cpu.pause()
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let every process go on."""
        self._signal_all(signal.SIGCONT)
        self._memory.resume()
        self._cpu.resume()

    def _signal_all(self, number: signal.Signals) -> None:
        for name in self._running:
            self._signal_group(name, number)
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def members(self) -> list[int]:
        """Return the process ids of everything that descends from this sandbox and lives."""
        pids = proc.pids()
        self._strangers &= pids  # an id may be given again
        environs = {pid: proc.environ(pid) for pid in pids - self._strangers}
        found = [pid for pid, environ in environs.items() if self._mark in environ]
        # One that becomes another program has no variables yet, but will have had some when we
        # look again; processes of the kernel never have any.
        unknown = {pid for pid, environ in environs.items() if not environ}
        self._strangers |= environs.keys() - set(found) - (unknown - self._unknown)
        self._unknown = unknown
        return found

    def stopped(self) -> bool:
        """Return whether every process stands still; may be called from any thread."""
        pids = [process.popen.pid for process in tuple(self._running.values())]
        return all(proc.state(pid) in "TX" for pid in [*pids, *self.members()])

    def memory_bytes(self) -> int:
        """Return the peak resident size of all processes together."""
        return sum(proc.peak_bytes(pid) for pid in self.members())

    def clear(self) -> None:
        """Kill what is left, descendants in sessions of their own included."""
        self._memory.pause()
        self._cpu.pause()
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


def _readers(program: Program) -> list[Lines | Frames]:
    return [Lines(), Lines(), *([Frames()] if program.logs_frames else [])]


def _popen(program: Program, outputs: list[int]) -> subprocess.Popen[bytes]:
    stdout, stderr, *frames = outputs
    named = {LOG_DESCRIPTOR: str(frames[0])} if frames else {}
    return subprocess.Popen(  # noqa: S603  # to start what it is given is its purpose
        program.argv,
        env={**program.environ, **named},
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=frames,
        start_new_session=True,
    )


def _status(returncode: int) -> str:
    if returncode >= 0:
        return f"exit status {returncode}"
    name = signal.strsignal(-returncode) or str(-returncode)
    return f"signal: {name.lower()}"
