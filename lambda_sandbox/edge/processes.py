"""The environment's processes: started, heard, frozen, thawed, ended, and never left behind.

Each is the leader of a session of its own; what leaves that session is still ours.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import RUNTIME, ProcessExited, ProcessStarted
from lambda_sandbox.edge import clock, proc
from lambda_sandbox.edge.clones import Clones
from lambda_sandbox.edge.constraints import Constraints
from lambda_sandbox.edge.descendants import Descendants
from lambda_sandbox.edge.idle_connections import cut_idle_connections
from lambda_sandbox.edge.launch import start, status_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_sandbox.edge.guard import Guard
    from lambda_sandbox.edge.launch import Process, Program
    from lambda_sandbox.edge.limits import Limits
    from lambda_sandbox.edge.loop import Loop
    from lambda_sandbox.edge.worker_logs import WorkerLogs

KILL_TIMEOUT_S = 2.0
"""How long a killed process may linger; only one that hangs in the kernel does."""

NOT_OURS = (ProcessLookupError, PermissionError)
"""What the kernel says of a process that is gone, or runs as somebody else."""


class Processes:
    """The processes of one sandbox.

    Args:
        loop: Where their lines and their end are told.
        programs: What to start, by name.
        mark: The value of ``AWS_LAMBDA_RUNTIME_API``, by which descendants are known:
            ``host:port`` of the platform's APIs.
        guard: Kills them if we are killed.
        limits: What they may use together.
        worker_logs: What the workers of a managed instance write; None for no such instance.
    """

    def __init__(  # noqa: PLR0913  # by name, all but two
        self,
        loop: Loop,
        programs: Mapping[str, Program],
        *,
        mark: str,
        guard: Guard,
        limits: Limits,
        worker_logs: WorkerLogs | None = None,
    ) -> None:
        self._guard = guard
        self._loop = loop
        self._worker_logs = worker_logs
        self._clones = Clones(loop, self._limit, self._clone_ended)
        self._programs = programs
        self._descendants = Descendants(mark)
        guard.entrust_descendants(self._descendants.variable)
        host, _, port = mark.rpartition(":")
        self._platform = host, int(port)
        self._running: dict[str, Process] = {}
        self._frozen: list[int] = []
        self._groups: list[int] = []  # of all that was started since the last clearing
        self._constraints = Constraints(
            loop,
            limits,
            guard,
            members=self.members,
            signal_all=self._signal_all,
            has_template=any(program.is_template for program in programs.values()),
        )

    @property
    def methods(self) -> dict[str, str]:
        """What limits ``cpu`` and ``memory``."""
        return self._constraints.methods

    def pid(self, name: str) -> int | None:
        """Return the process id of a running process."""
        process = self._running.get(name)
        if process is not None and process.popen.pid == self._clones.template_pid:
            return self._clones.pid
        return process.popen.pid if process else None

    def start(self, name: str) -> None:
        """Start a process, or tell why it could not be; clone the snapshot if that is meant."""
        program = self._programs[name]
        if program.is_template and self._clones.template_pid is not None:
            self._clones.order()
            return
        at = clock.now()
        inherited = self._clones.prepare() if program.is_template else {}
        process = start(self._loop, name, program, inherited)
        if process is None:
            if program.is_template:
                self._clones.drop()
            return
        if program.is_template:
            self._clones.started(process.popen.pid)
        self._limit(process.popen.pid)
        self._running[name] = process
        process.watch(partial(self._exited, process))
        self._loop.emit(ProcessStarted(name), at)

    def _limit(self, pid: int) -> None:
        self._groups.append(pid)
        self._guard.entrust(pid)
        self._constraints.adopt(pid)

    def hear(self) -> None:
        """Tell every record that has been written until now."""
        for process in self._running.values():
            process.outputs.hear()
        if self._worker_logs is not None:
            self._worker_logs.hear()

    # How they end.

    def _exited(self, process: Process) -> None:
        returncode = self._reap(process)
        if process.popen.pid == self._clones.template_pid:
            self._clones.lose()
            return
        if process.name == RUNTIME:
            self._clones.drop()  # it will be no template: what it said of that comes too late
        self._ended(process.name, process.popen.pid, returncode)

    def _reap(self, process: Process) -> int:
        try:
            # The first that exits is the beginning of the end.
            self._constraints.release()
            self.hear()
        finally:
            del self._running[process.name]
            returncode = process.reap()
        return returncode

    def _ended(self, name: str, pid: int, returncode: int) -> None:
        if returncode == -signal.SIGKILL:
            self._constraints.tell_exhaustion(pid)
        self._loop.emit(ProcessExited(name, status_text(returncode)))

    def _clone_ended(self, pid: int, returncode: int) -> None:
        self._constraints.release()
        self.hear()
        if RUNTIME in self._running:  # the template, whose outputs are its clones'
            self._running[RUNTIME].outputs.finish()
        self._ended(RUNTIME, pid, returncode)

    def discard_snapshot(self) -> None:
        """End the template; nobody is told."""
        if self._clones.template_pid is not None:
            template = self._running[RUNTIME]
            self._clones.drop()
            template.popen.kill()
            self._reap(template)

    def terminate(self, name: str) -> None:
        """Send SIGTERM to a process and its group."""
        self._constraints.release()
        self._signal_group(name, signal.SIGTERM)

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process and its group."""
        self._signal_group(name, signal.SIGKILL)

    def _signal_group(self, name: str, number: signal.Signals) -> None:
        process = self._running.get(name)
        if process is None:
            return
        if process.popen.pid == self._clones.template_pid:
            self._clones.signal(number)
            return
        with suppress(ProcessLookupError):
            os.killpg(process.popen.pid, number)

    # All of them.

    def freeze(self) -> None:
        """Stop every process, descendants included."""
        self._constraints.pause()
        self._frozen = self._signal_all(signal.SIGSTOP)
        # One that was born in the first moments of its parent is not in our control groups yet.
        self._constraints.include(self._frozen)

    def thaw(self) -> None:
        """Let every process go on."""
        # What stands still has no children: the next event need not wait for another look.
        self._signal_groups(signal.SIGCONT)
        _signal_each(self._frozen, signal.SIGCONT)
        self._constraints.resume()

    def _signal_all(self, number: signal.Signals) -> list[int]:
        """Send a signal; return to whom."""
        self._signal_groups(number)
        pids = self.members()
        _signal_each(pids, number)
        return pids

    def _signal_groups(self, number: signal.Signals) -> None:
        for name in self._running:
            self._signal_group(name, number)

    def members(self) -> list[int]:
        """Return the process ids of everything that descends from this sandbox and lives."""
        pids = self._constraints.pids().union(self._descendants.pids())
        return list(pids - self._clones.template_pids)

    def stopped(self) -> bool:
        """Return whether every process stands still; may be called from any thread."""
        pids = [self.pid(name) for name in tuple(self._running)]
        started = [pid for pid in pids if pid is not None]
        return all(proc.state(pid) in "TX" for pid in [*started, *self.members()])

    def cut_idle_connections(self) -> int | None:
        """Cut the connections with the outside, as during a freeze of hours.

        All processes have to stand still. May be called from any thread.

        Returns:
            How many; None if the machine does not let us.
        """
        return cut_idle_connections(self.members(), {self._platform})

    def memory_bytes(self) -> int:
        """Return the peak resident size of all processes together."""
        return self._constraints.used_bytes()

    def clear(self) -> None:
        """Kill what is left, descendants in sessions of their own included."""
        self._constraints.pause()
        template = self._clones.template_pid
        for group in self._groups:
            if group != template:
                with suppress(*NOT_OURS):
                    os.killpg(group, signal.SIGKILL)
        self._guard.relieve()
        self._groups = [] if template is None else [template]
        for group in self._groups:
            self._guard.entrust(group)
        self._descendants.forget_strangers()
        deadline_at = clock.now() + KILL_TIMEOUT_S
        pids = self.members()
        while pids and clock.now() < deadline_at:
            _signal_each(pids, signal.SIGKILL)
            pids = self.members()

    def close(self) -> None:
        """Kill and reap everything, whatever state it is in, and whatever fails on the way."""
        with ExitStack() as steps:  # from the last one to the first
            steps.callback(self._guard.close)
            steps.callback(self._constraints.remove)
            if self._worker_logs is not None:
                steps.callback(self._worker_logs.close)
            steps.callback(self._clones.drop)
            steps.callback(self._end_all)
            steps.callback(self.clear)
            steps.callback(self.discard_snapshot)

    def _end_all(self) -> None:
        with ExitStack() as ends:
            for process in self._running.values():
                ends.callback(self._exited, process)


def _signal_each(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(*NOT_OURS):
            os.kill(pid, number)
