"""One process: a program that is started, heard, and reaped; or what is told if it could not be."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import RUNTIME, LineWritten, ProcessExited, ProcessNotStarted
from lambda_sandbox.core.process_environment import LOG_DESCRIPTOR
from lambda_sandbox.edge.loop import READ
from lambda_sandbox.edge.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lambda_sandbox.edge.loop import Loop

NOT_FOUND_STATUS = "exit status 127"
NOT_EXECUTABLE_STATUS = "exit status 126"
"""How the runtime's start script ends when the exec wrapper is missing, or not executable."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start.

    Attributes:
        argv: The program and its arguments.
        environ: All of its variables, ``AWS_LAMBDA_RUNTIME_API`` among them.
        cwd: Where.
        logs_frames: Whether it is given ``_LAMBDA_TELEMETRY_LOG_FD``, a third output.
        is_template: Whether it is going to be a snapshot, and then cloned.
    """

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path
    logs_frames: bool = False
    is_template: bool = False


class Process:
    """One running process.

    Args:
        name: What it is.
        popen: It.
        loop: Where its end is told.
        outputs: What it writes.
    """

    def __init__(
        self, name: str, popen: subprocess.Popen[bytes], loop: Loop, outputs: Outputs
    ) -> None:
        self.name = name
        self.popen = popen
        self.outputs = outputs
        self._loop = loop
        self._pid_descriptor: int | None = None

    def watch(self, exited: Callable[[], object]) -> None:
        """Tell what it writes; call ``exited`` when it has ended, and is to be reaped."""
        self._pid_descriptor = os.pidfd_open(self.popen.pid)
        self._loop.watch(self._pid_descriptor, READ, exited)
        self.outputs.watch()

    def reap(self) -> int:
        """Wait for its end, and return the return code; negative: the signal that ended it."""
        returncode = self.popen.wait()
        if self._pid_descriptor is not None:
            self._loop.forget(self._pid_descriptor)
            os.close(self._pid_descriptor)
        self.outputs.hang_up()
        return returncode


def start(loop: Loop, name: str, program: Program, inherited: Mapping[str, int]) -> Process | None:
    """Start a program, as the leader of a session of its own.

    Args:
        loop: Where it is told that it could not be started, and later what it writes.
        name: What it is called.
        program: What to start.
        inherited: Descriptors that it inherits beside its outputs, by the variables that name
            them.
    """
    outputs = Outputs(loop, name)
    with ExitStack() as unless_started:
        unless_started.callback(outputs.close)
        try:
            popen = _popen(program, outputs.open(frames=program.logs_frames), inherited)
        except OSError as error:
            _tell_why(loop, name, error)
            return None
        finally:
            outputs.hand_over()
        unless_started.pop_all()
    return Process(name, popen, loop, outputs)


def _popen(
    program: Program, outputs: list[int], inherited: Mapping[str, int]
) -> subprocess.Popen[bytes]:
    stdout, stderr, *frames = outputs
    passed = {**inherited, **({LOG_DESCRIPTOR: frames[0]} if frames else {})}
    return subprocess.Popen(  # noqa: S603  # to start what it is given is its purpose
        program.argv,
        env={**program.environ, **{name: str(number) for name, number in passed.items()}},
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=list(passed.values()),
        start_new_session=True,
    )


def _tell_why(loop: Loop, name: str, error: OSError) -> None:
    if name != RUNTIME:
        reason = "PermissionDenied" if isinstance(error, PermissionError) else "UnknownError"
        loop.emit(ProcessNotStarted(name, f"{reason}: {error.strerror}"))
        return
    # On Lambda a shell script starts the wrapper, and ends as shells do.
    loop.emit(LineWritten(name, f"{error.filename}: {error.strerror}"))
    is_missing = isinstance(error, FileNotFoundError)
    status = NOT_FOUND_STATUS if is_missing else NOT_EXECUTABLE_STATUS
    loop.emit(ProcessExited(name, status))


def status_text(returncode: int) -> str:
    """Say how a process ended: ``exit status 1``, or ``signal: killed``."""
    if returncode >= 0:
        return f"exit status {returncode}"
    name = signal.strsignal(-returncode) or str(-returncode)
    return f"signal: {name.lower()}"
