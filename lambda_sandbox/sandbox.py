"""A Lambda execution environment in a ``with`` block.

>>> function = Function(task=Path("examples/hello"), handler="app.handler")  # doctest: +SKIP
>>> with Sandbox(function) as sandbox:  # doctest: +SKIP
...     outcome = sandbox.invoke(b"{}")

Linux 5.3 or newer; needs no privileges, no container and no ``/opt``.
"""

from __future__ import annotations

import os
import threading
import uuid
from typing import TYPE_CHECKING

from lambda_sandbox.assembly import Assembly, Conditions
from lambda_sandbox.core.events import (
    RUNTIME,
    InitRequested,
    InvokeRequested,
    ShutdownRequested,
    extension_process,
)
from lambda_sandbox.core.history import LogLine, Moment, Told
from lambda_sandbox.core.invocation import InitOutcome, Outcome, SandboxError, invocation_of
from lambda_sandbox.edge import clock
from lambda_sandbox.function import Function, check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from lambda_sandbox.core.actions import PlatformEvent
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import ShutdownReason

__all__ = [
    "Function",
    "InitOutcome",
    "LogLine",
    "Moment",
    "Outcome",
    "Sandbox",
    "SandboxError",
    "Told",
]


class Sandbox:
    """One execution environment: from initialisation to shutdown, crashes and resets included.

    Use it in a ``with`` block: whatever happens there, no process, thread, port or folder of
    it is left afterwards. Its methods may be called from any thread; invocations queue up.

    Args:
        function: What runs.
        telemetry: Whether the Telemetry API is supported; without it, subscriptions are
            answered 202 as local emulators do.
        freeze: Whether the environment is frozen between invocations; a managed instance never is.
        enforce_memory: Whether a process is killed when all together use more than the function's
            memory size.
        cpu_share: Whether the processes together get no more of a CPU than the function's memory
            size entitles them to: one at 1769 MB.
        init_timeout_s: How long the first initialisation may take; if it is not given, 10 s on
            demand, and 130 s or the function's timeout, whichever is longer, else.

    Raises:
        InterpreterError: The function's Python cannot be run.
        PackagesError: The runtime's or the function's packages could not be installed.
        SandboxError: There is no such task or layer, or Lambda would refuse the function.
    """

    def __init__(  # noqa: PLR0913  # each has a default
        self,
        function: Function,
        *,
        telemetry: bool = True,
        freeze: bool = True,
        enforce_memory: bool = True,
        cpu_share: bool = False,
        init_timeout_s: float | None = None,
    ) -> None:
        check(function)
        conditions = Conditions(telemetry, freeze, enforce_memory, cpu_share, init_timeout_s)
        self._assembly = Assembly(function, conditions)
        self._runner = self._assembly.runner
        self._loop = self._assembly.loop
        self._processes = self._assembly.processes
        self._thread = threading.Thread(
            target=self._runner.run, name=f"lambda-sandbox-{self.runtime_api}", daemon=True
        )
        self._thread.start()
        self._runner.prepared.wait()

    # The story.

    def init(self) -> InitOutcome:
        """Initialise now, not with the first invocation.

        Returns:
            How it went, once the runtime and all extensions have asked next; a failure is
            returned, not raised. An initialised environment says at once how it went.
        """
        promise = self._runner.promises.init()
        self._loop.post(InitRequested())
        return promise.result()

    def invoke(
        self,
        payload: bytes = b"{}",
        *,
        request_id: str | None = None,
        trace_header: str | None = None,
        client_context: str | None = None,
    ) -> Outcome:
        """Invoke the function, after initialising if that has not been done.

        Args:
            payload: The event, JSON.
            request_id: Its id; a new UUID if not given. Those who ask with the same one at a time
                get their outcomes in the order in which they asked.
            trace_header: The value of ``X-Amzn-Trace-Id``; an unsampled one if not given, and
                none at all if empty.
            client_context: A JSON object.

        Returns:
            The outcome, as soon as the runtime has posted it or the invocation has failed:
            extensions may still be at work. The next invocation waits for them, or for the
            reset.

        Raises:
            SandboxError: It cannot be asked for in this way, or the sandbox is closed.
        """
        invocation = invocation_of(
            request_id or str(uuid.uuid4()),
            payload,
            _trace_header() if trace_header is None else trace_header,
            client_context,
        )
        promise = self._runner.promises.outcome(invocation.request_id)
        self._loop.post(InvokeRequested(invocation))
        return promise.result()

    def wait_frozen(self, timeout_s: float = 10.0) -> None:
        """Wait until every process of the environment is stopped, or there is none any more.

        Raises:
            TimeoutError: It was not frozen in that time.
        """
        deadline_at = clock.now() + timeout_s
        # A signal is sent before it is obeyed: only the processes know.
        while not (self._runner.frozen.is_set() and self._processes.stopped()):
            if self.runtime_pid is None and not self.extension_pids:
                return  # an environment that is reset is not frozen
            if clock.now() >= deadline_at:
                raise TimeoutError(self._not_frozen(timeout_s))
            clock.pause()

    def _not_frozen(self, timeout_s: float) -> str:
        last = ", ".join(f"{moment.who}: {moment.what}" for moment in self.timeline[-5:])
        return f"not frozen after {timeout_s} s; what happened last: {last}"

    def cut_idle_connections(self) -> int | None:
        """Cut the frozen environment's connections with the outside, as a freeze of hours does.

        Those between its processes, and with the platform, survive. The clock does not leap.

        Returns:
            How many were cut; None if the machine does not let us.

        Raises:
            TimeoutError: The environment was not frozen within ten seconds.
        """
        self.wait_frozen()
        return self._processes.cut_idle_connections()

    def recycle(self) -> None:
        """End the environment as Lambda does with one that was idle for long, and stay usable.

        What was asked before is done first. The next invocation gets another environment: a new
        initialisation, or another clone of the snapshot.
        """
        self._end(ShutdownRequested("spindown", for_good=False))

    def shutdown(self, reason: ShutdownReason = "spindown") -> None:
        """End the environment as Lambda does: SIGTERM, SHUTDOWN, SIGKILL; return when it is gone.

        What was asked before is done first. The sandbox cannot be used afterwards, but tells
        what happened.

        Args:
            reason: What the extensions are told.
        """
        self._end(ShutdownRequested(reason))

    def _end(self, request: ShutdownRequested) -> None:
        promise = self._runner.promises.end()
        self._loop.post(request)
        promise.result()

    def close(self) -> None:
        """Leave nothing behind, without a word to anyone: every process is killed."""
        self._loop.post(None)
        self._thread.join()
        self._assembly.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            # An interrupted or failed story has no time for the last words of extensions.
            if kind is None and self._thread.is_alive():
                self.shutdown()
        finally:
            self.close()

    # What is known of it.

    @property
    def facts(self) -> FunctionFacts:
        """The function as the platform's APIs name it."""
        return self._assembly.facts

    @property
    def runtime_api(self) -> str:
        """``host:port`` of the three APIs."""
        return self._assembly.address

    @property
    def runtime_pid(self) -> int | None:
        """The process id of the runtime; None while there is none."""
        return self._processes.pid(RUNTIME)

    @property
    def extension_pids(self) -> dict[str, int]:
        """The process ids of the external extensions that run, by name."""
        pids = {
            file.name: self._processes.pid(extension_process(file.name))
            for file in self._assembly.files
        }
        return {name: pid for name, pid in pids.items() if pid is not None}

    @property
    def events(self) -> list[PlatformEvent]:
        """The platform's events so far, as the Telemetry API delivers them."""
        return [told.event for told in self.story if isinstance(told, Told)]

    @property
    def timeline(self) -> list[Moment]:
        """What happened so far, each with its instant in monotonic seconds."""
        return [moment for moment in self.story if isinstance(moment, Moment)]

    @property
    def story(self) -> list[Moment | Told]:
        """The timeline with the platform's events between its moments, in the order of both."""
        return list(self._runner.history.story)

    @property
    def methods(self) -> dict[str, str]:
        """What stands in for what Lambda does by means of a virtual machine."""
        return self._assembly.methods

    @property
    def logs(self) -> list[LogLine]:
        """The lines so far: the platform's, the function's, the extensions'.

        What the function logs with ``logging``, and the error it raises, is one line each,
        with line breaks in it if need be; what it prints, one for each line break.
        """
        return list(self._runner.history.lines)

    def follow(self, number: int = 0) -> Iterator[LogLine]:
        """Yield the lines of the log as they are written, until the sandbox is closed.

        Args:
            number: Of the line to begin with; the first is 0.
        """
        return self._runner.history.follow(number)


def _trace_header() -> str:
    """Return what an invocation without tracing carries: a new root, not sampled."""
    root = f"1-{int(clock.epoch_at_zero() + clock.now()):08x}-{os.urandom(12).hex()}"
    return f"Root={root};Parent={os.urandom(8).hex()};Sampled=0;Lineage=1:{os.urandom(4).hex()}:0"
