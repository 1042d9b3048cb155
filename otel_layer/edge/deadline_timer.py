"""The one thread of ours in the function's process: it acts shortly before a deadline.

It is started by the first invocation, not at the import (a cold start does not pay for it, nor
does a SnapStart snapshot hold a thread), and sleeps from then on. An invocation that begins
after another tells it nothing: the thread wakes when the first of them would have run out of
time, finds which one is running, and sleeps on.

Code in C that holds the GIL until the deadline lets no thread run: then nothing is told.

It is a bare thread, unknown to ``threading``: the customer's code may join, count or trace all
that there are. At the moment of a fork there is none: a child would inherit whatever it holds,
and Python warns about forks of a process with threads since 3.12. (3.13.0 counts them when they
may run again, and warns of this one too, where such warnings are shown.)
"""

from __future__ import annotations

import _thread
import os
import threading
from collections.abc import Callable

from otel_layer.core.deadlines import NEVER, Deadlines
from otel_layer.edge import stand_ins
from otel_layer.edge.clock import monotonic
from otel_layer.edge.shield import Shield

FORK_WAIT_S = 0.01
"""For the thread to end, which takes microseconds unless it is sending; a fork takes as long."""


_CONSEQUENCE = "a timeout will not show what was going on"


class _Watch:
    """What the rest of the process knows of the thread."""

    __slots__ = ("gone", "native_id", "sleep")

    def __init__(self) -> None:
        self.native_id = 0
        self.sleep = threading.Lock()  # released to wake it
        self.gone = threading.Lock()  # released when it has ended
        self.sleep.acquire()
        self.gone.acquire()

    @property
    def path(self) -> str:
        """Where the kernel shows it as long as it lives."""
        return f"/proc/self/task/{self.native_id}"


class DeadlineTimer:
    """Calls for each invocation that is about to run out of time, on a thread of its own."""

    def __init__(self, act: Callable[[str], None], shield: Shield) -> None:
        """Prepare; the thread is started when it is first needed.

        Args:
            act: Called with the request id, once at most for each ``set``.
            shield: For faults of ours.
        """
        self._act = act
        self._shield = shield
        os.register_at_fork(
            before=self._stop, after_in_parent=self._resume, after_in_child=self._forget
        )
        self._watch: _Watch | None = None
        self._was_stopped = False
        self._deadlines = Deadlines()

    def set(self, request_id: str, remaining_s: float) -> None:
        """Act shortly before this invocation's deadline.

        Args:
            request_id: Of the invocation.
            remaining_s: Until its deadline.
        """
        with self._shield("watch the deadline", _CONSEQUENCE):
            if not self._deadlines.set(request_id, remaining_s, monotonic()):
                return
            if self._watch is None:
                self._start()
            elif self._watch.sleep.locked():
                self._watch.sleep.release()

    def unset(self, request_id: str) -> None:
        """Do not act for this invocation: it is over."""
        self._deadlines.unset(request_id)

    def _start(self) -> None:
        watch = self._watch = _Watch()
        try:
            # Not threading.Thread, see above; and its start would wait for the new thread.
            _thread.start_new_thread(self._run, (watch, self._deadlines))
        except BaseException:
            self._give_up(watch)
            raise

    def _run(self, watch: _Watch, deadlines: Deadlines) -> None:
        watch.native_id = threading.get_native_id()
        stand_ins.bystanders.add(threading.get_ident())
        with self._shield("watch the deadline", _CONSEQUENCE):
            while self._watch is watch:
                for request_id in deadlines.due(monotonic()):
                    self._act(request_id)
                looks_at = deadlines.sleep()
                wait_s = -1 if looks_at == NEVER else max(looks_at - monotonic(), 0)
                watch.sleep.acquire(timeout=wait_s)
        self._give_up(watch)
        stand_ins.bystanders.discard(threading.get_ident())
        watch.gone.release()

    def _give_up(self, watch: _Watch) -> None:
        # Unless it was told to stop: after a fault, the next invocation starts another one.
        if self._watch is watch:
            self._watch, self._deadlines = None, Deadlines()

    def _stop(self) -> None:
        with self._shield("stop a thread before a fork", "the child forks beside it"):
            watch, self._watch = self._watch, None
            if watch is None:
                return
            self._was_stopped = True
            if watch.sleep.locked():
                watch.sleep.release()
            until = monotonic() + FORK_WAIT_S
            if watch.gone.acquire(timeout=FORK_WAIT_S):
                # It has left Python; what Python counts are those that the kernel has.
                while os.path.exists(watch.path) and monotonic() < until:  # noqa: PTH110  # pathlib: 8 ms
                    os.sched_yield()

    def _forget(self) -> None:
        # In a forked child: the invocations are the parent's, and so was the thread.
        self._watch, self._was_stopped = None, False
        self._deadlines = Deadlines()
        stand_ins.bystanders.clear()

    def _resume(self) -> None:
        with self._shield("watch the deadline after a fork", _CONSEQUENCE):
            was_stopped, self._was_stopped = self._was_stopped, False
            if was_stopped and self._watch is None:  # by none of two threads that forked at once
                self._start()
