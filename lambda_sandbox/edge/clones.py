"""The snapshot of an initialised runtime: its template, and the clone that lives.

On Lambda a snapshot is memory on a disk. Here it is the initialised process itself, which stands
still and forks: it is no process of the environment any more, and its clone is.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import RUNTIME, ProcessStarted, SnapshotLost, SnapshotTaken
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.snapshot import VARIABLE, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.edge.loop import Loop


class Clones:
    """One template and its clones, of which one lives at a time.

    Args:
        loop: Where it is told what became of them.
        adopted: Called with the process id of each clone that is born.
        ended: Called with the process id and the return code of each that has ended.

    Attributes:
        template_pid: The process that was started and has become a template; None before and
            afterwards.
        template_pids: That process; and its child, if it is an exec wrapper that waits for it.
        pid: The clone that lives.
    """

    def __init__(
        self, loop: Loop, adopted: Callable[[int], object], ended: Callable[[int, int], object]
    ) -> None:
        self._loop = loop
        self._adopted = adopted
        self._ended = ended
        self._snapshot: Snapshot | None = None
        self._pid_to_be = 0
        self._ordered_at: float | None = None  # a clone that does not run yet
        self._signals: list[signal.Signals] = []  # for that clone
        self.template_pid: int | None = None
        self.template_pids: frozenset[int] = frozenset()
        self.pid: int | None = None

    def prepare(self) -> dict[str, int]:
        """Return the descriptor that a process has to inherit, under the variable that names it.

        Afterwards:
            ``started``; or ``drop``, if it could not be.
        """
        self.drop()
        self._snapshot = Snapshot(self._loop, self)
        return {VARIABLE: self._snapshot.descriptor}

    def started(self, pid: int) -> None:
        """Take note of the process that is to become the template."""
        assert self._snapshot is not None, "it was prepared"
        self._snapshot.hand_over()
        self._pid_to_be = pid

    def order(self) -> None:
        """Order a clone; ``ProcessStarted`` follows."""
        assert self._snapshot is not None, "there is a template"
        self._ordered_at = clock.now()
        self._snapshot.fork()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the group of the clone, at once or as soon as it runs."""
        if self._ordered_at is not None:
            self._signals.append(number)
        elif self.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def lose(self) -> None:
        """Take note that the template has ended by itself; its clone ends with it."""
        was_ordered = self._ordered_at is not None
        self.drop()
        self._loop.emit(SnapshotLost())
        if self.pid is not None:
            self.signal(signal.SIGKILL)
            self.clone_exited(self.pid, -signal.SIGKILL)
        elif was_ordered:  # whoever waits for it is to wait no more
            self._ended(self._pid_to_be, -signal.SIGKILL)

    def drop(self) -> None:
        """Forget the template: none is wanted, or it could not be started."""
        self.template_pid = self._ordered_at = None
        self.template_pids = frozenset()
        self._signals.clear()
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None

    # What the template says.

    def snapshot_taken(self, pid: int) -> None:
        """Take note that the process, or a child of it, has become the template."""
        self.template_pid = self._pid_to_be
        self.template_pids = frozenset({self._pid_to_be, pid})
        self._loop.emit(SnapshotTaken())

    def clone_started(self, pid: int) -> None:
        """Take note of a clone."""
        self.pid = pid
        self._adopted(pid)
        self._loop.emit(ProcessStarted(RUNTIME), self._ordered_at)
        self._ordered_at = None
        while self._signals:
            self.signal(self._signals.pop(0))

    def clone_exited(self, pid: int, returncode: int) -> None:
        """Take note of the end of a clone."""
        self.pid = None
        self._ended(pid, returncode)

    def snapshot_lost(self) -> None:
        """Do nothing: whoever started the template sees that it has ended."""
