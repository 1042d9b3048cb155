"""A Lambda execution environment in a ``with`` block.

>>> function = Function(task=Path("examples/hello"), handler="app.handler")  # doctest: +SKIP
>>> with Sandbox(function) as sandbox:  # doctest: +SKIP
...     outcome = sandbox.invoke(b"{}")

Linux 5.3 or newer; needs no privileges, no container and no ``/opt``.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import (
    RUNTIME,
    InitRequested,
    InvokeRequested,
    ShutdownRequested,
    extension_process,
)
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.history import LogLine, Moment, Told
from lambda_sandbox.core.invocation import InitOutcome, Invocation, Outcome, SandboxError
from lambda_sandbox.core.lifecycle.environment import Environment
from lambda_sandbox.core.process_environment import (
    EXEC_WRAPPER,
    Places,
    configuration_fault,
    extension_variables,
    runtime_variables,
)
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.api_server import ApiServer
from lambda_sandbox.edge.guard import Guard
from lambda_sandbox.edge.interpreter import interpreter_of
from lambda_sandbox.edge.limits import WATCH_INTERVAL_S, Limits
from lambda_sandbox.edge.loop import Loop
from lambda_sandbox.edge.packages import ensure, task_with_packages
from lambda_sandbox.edge.processes import Processes, Program
from lambda_sandbox.edge.telemetry_delivery import TelemetryDelivery
from lambda_sandbox.edge.workspace import BOOTSTRAP, Workspace
from lambda_sandbox.runner import Runner
from lambda_sandbox.settings import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from lambda_sandbox.core.actions import PlatformEvent
    from lambda_sandbox.core.invocation import ShutdownReason

MEMORY_MB_PER_CPU = 1769
"""Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

RUNTIME_REQUIREMENTS = Path(__file__).with_name("runtime-requirements.txt")

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


@dataclass(frozen=True, slots=True)
class Function:
    """A function, as one would configure it on Lambda.

    Attributes:
        task: Its code: what ``/var/task`` holds. With a ``requirements.txt`` in it, the
            sandbox puts the packages beside the code, as a build tool would.
        handler: ``module.function``.
        layer: What ``/opt`` holds. The folder is used where it is, under its real name.
        environ: The function's own variables, as far as Lambda would accept them. An
            ``AWS_LAMBDA_EXEC_WRAPPER`` under ``/opt/`` is looked for in the layer.
        name: Its name.
        version: ``$LATEST``, or a number.
        memory_mb: Its memory size.
        timeout_s: The time an invocation may take, extensions included.
        python: The interpreter it runs on; beneath a virtual environment, the real one.
    """

    task: Path
    handler: str
    layer: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    name: str = "function"
    version: str = "$LATEST"
    memory_mb: int = 128
    timeout_s: float = 3.0
    python: Path = Path(sys.executable)


class Sandbox:
    """One execution environment: from initialisation to shutdown, crashes and resets included.

    Use it in a ``with`` block: whatever happens there, no process, thread, port or folder of
    it is left afterwards. Its methods may be called from any thread; invocations queue up.

    Args:
        function: What runs.
        telemetry: Whether the Telemetry API is supported; without it, subscriptions are
            answered 202 as local emulators do.
        init_timeout_s: How long the first initialisation may take; 10 s on Lambda.
        cpu_share: Whether the processes together get no more of a CPU than the function's memory
            size entitles them to: one at 1769 MB.
        enforce_memory: Whether the process that uses most is killed when all together use
            more than the function's memory size.

    Attributes:
        facts: The function as the platform's APIs name it.

    Raises:
        InterpreterError: The function's Python cannot be run.
        PackagesError: The runtime's or the function's packages could not be installed.
        SandboxError: There is no such task or layer, or Lambda would refuse the variables.
    """

    def __init__(
        self,
        function: Function,
        *,
        telemetry: bool = True,
        init_timeout_s: float = 10.0,
        enforce_memory: bool = True,
        cpu_share: bool = False,
    ) -> None:
        _check(function)
        self._function = function
        self._limits = Limits(
            memory_bytes=function.memory_mb * 1024 * 1024 if enforce_memory else None,
            cpu_share=function.memory_mb / MEMORY_MB_PER_CPU if cpu_share else None,
        )
        self._workspace = Workspace()
        try:
            self._build(telemetry=telemetry, init_timeout_s=init_timeout_s)
        except BaseException:
            self._workspace.close()
            raise
        self._thread = threading.Thread(
            target=self._runner.run, name=f"lambda-sandbox-{self.runtime_api}", daemon=True
        )
        self._thread.start()

    def _build(self, *, telemetry: bool, init_timeout_s: float) -> None:
        function = self._function
        interpreter = interpreter_of(function.python)
        packages = ensure(RUNTIME_REQUIREMENTS, interpreter, cache_folder())
        layer = function.layer and function.layer.resolve()
        self._workspace.furnish(interpreter, packages, layer)
        task = task_with_packages(
            function.task.resolve(), interpreter, cache_folder(), self._workspace.root
        )
        facts = FunctionFacts(
            name=function.name,
            version=function.version,
            handler=function.handler,
            memory_mb=function.memory_mb,
            timeout_s=function.timeout_s,
            python_version=interpreter.version,
            log_stream=_log_stream(function.version),
            log_format=function.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text"),
        )
        self.facts = facts
        self._files = _extension_files(layer)
        self._loop = Loop()
        self._server = ApiServer(self._loop)
        self._address = self._server.address
        self._processes = Processes(
            self._loop,
            self._programs(facts, task, layer),
            mark=self.runtime_api,
            guard=Guard(self._workspace.root),
            limits=self._limits,
        )
        self._server.before = self._processes.hear
        environment = Environment(
            facts,
            files=tuple(file.name for file in self._files),
            telemetry=telemetry,
            init_timeout_s=init_timeout_s,
            epoch_s=clock.epoch_at_zero(),
        )
        delivery = TelemetryDelivery(self._loop)
        self._runner = Runner(environment, self._loop, self._server, self._processes, delivery)

    def _programs(self, facts: FunctionFacts, task: Path, layer: Path | None) -> dict[str, Program]:
        workspace = self._workspace
        places = Places(
            task=str(task),
            runtime=str(workspace.runtime),
            python_bin=str(workspace.python_bin),
            layer=str(layer or ""),
        )
        variables = runtime_variables(facts, self._function.environ, places, self.runtime_api)
        python = str(workspace.python_bin / f"python{facts.python_version}")
        argv = [python, str(workspace.runtime / BOOTSTRAP.name)]
        wrapper = variables.get(EXEC_WRAPPER)
        argv = [wrapper, *argv] if wrapper else argv
        programs = {RUNTIME: Program(argv, variables, task, logs_frames=True)}
        for file in self._files:
            programs[extension_process(file.name)] = Program(
                [str(file)], extension_variables(variables), task
            )
        return programs

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
            request_id: Its id; a new UUID if not given.
            trace_header: The value of ``X-Amzn-Trace-Id``; an unsampled one if not given, and
                none at all if empty.
            client_context: JSON.

        Returns:
            The outcome, as soon as the runtime has posted it or the invocation has failed:
            extensions may still be at work. The next invocation waits for them, or for the
            reset.
        """
        invocation = Invocation(
            request_id or str(uuid.uuid4()),
            payload,
            _trace_header() if trace_header is None else trace_header,
            client_context,
        )
        promise = self._runner.promises.outcome(invocation.request_id)
        self._loop.post(InvokeRequested(invocation))
        return promise.result()

    def wait_frozen(self, timeout_s: float = 10.0) -> None:
        """Wait until every process of the environment is stopped.

        Raises:
            TimeoutError: It was not frozen in that time.
        """
        deadline_at = clock.now() + timeout_s
        if not self._runner.frozen.wait(timeout_s):
            raise TimeoutError(self._not_frozen(timeout_s))
        # A signal is sent before it is obeyed: only the processes know.
        while not self._processes.stopped():
            if clock.now() >= deadline_at:
                raise TimeoutError(self._not_frozen(timeout_s))
            clock.pause()

    def _not_frozen(self, timeout_s: float) -> str:
        last = ", ".join(f"{moment.who}: {moment.what}" for moment in self.timeline[-5:])
        return f"not frozen after {timeout_s} s; what happened last: {last}"

    def shutdown(self, reason: ShutdownReason = "spindown") -> None:
        """End the environment as Lambda does: SIGTERM, SHUTDOWN, SIGKILL; return when it is gone.

        What was asked before is done first. The sandbox cannot be used afterwards, but tells
        what happened.

        Args:
            reason: What the extensions are told.
        """
        promise = self._runner.promises.end()
        self._loop.post(ShutdownRequested(reason))
        promise.result()

    def close(self) -> None:
        """Leave nothing behind, without a word to anyone: every process is killed."""
        self._loop.post(None)
        self._thread.join()
        self._workspace.close()

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
    def runtime_api(self) -> str:
        """``host:port`` of the three APIs."""
        return self._address

    @property
    def runtime_pid(self) -> int | None:
        """The process id of the runtime; None while there is none."""
        return self._processes.pid(RUNTIME)

    @property
    def extension_pids(self) -> dict[str, int]:
        """The process ids of the external extensions that run, by name."""
        pids = {
            file.name: self._processes.pid(extension_process(file.name)) for file in self._files
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
        watched = f"watched every {WATCH_INTERVAL_S * 1000:.0f} ms, SIGKILL"
        return {
            "freeze": "SIGSTOP and SIGCONT",
            "memory": "not limited" if self._limits.memory_bytes is None else watched,
            "cpu": "not limited" if self._limits.cpu_share is None else "SIGSTOP and SIGCONT",
            "task and layer": "writable as they are",
        }

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


def _check(function: Function) -> None:
    if not function.task.is_dir():
        message = f"no task folder at {str(function.task)!r}"
        raise SandboxError(message)
    if function.layer is not None and not function.layer.is_dir():
        message = f"no layer folder at {str(function.layer)!r}"
        raise SandboxError(message)
    fault = configuration_fault(function.environ)
    if fault is not None:
        raise SandboxError(fault)


def _extension_files(layer: Path | None) -> list[Path]:
    """Return the files that Lambda would start: regular ones, sub-folders are ignored."""
    folder = layer / "extensions" if layer else None
    if folder is None or not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.is_file())


def _log_stream(version: str) -> str:
    today = datetime.now(timezone.utc).strftime("%Y/%m/%d")
    return f"{today}/[{version}]{uuid.uuid4().hex}"


def _trace_header() -> str:
    """Return what an invocation without tracing carries: a new root, not sampled."""
    root = f"1-{int(clock.epoch_at_zero() + clock.now()):08x}-{os.urandom(12).hex()}"
    return f"Root={root};Parent={os.urandom(8).hex()};Sampled=0;Lineage=1:{os.urandom(4).hex()}:0"
