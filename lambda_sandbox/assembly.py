"""The parts of a sandbox, put together: what runs, where, under which limits."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import RUNTIME, extension_process
from lambda_sandbox.core.function import (
    MANAGED_INSTANCES,
    ON_DEMAND,
    PROVISIONED_CONCURRENCY,
    SNAP_START,
    FunctionFacts,
)
from lambda_sandbox.core.lifecycle.environment import Environment
from lambda_sandbox.core.process_environment import (
    EXEC_WRAPPER,
    Places,
    extension_variables,
    runtime_variables,
)
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.api_server import ApiServer
from lambda_sandbox.edge.guard import Guard
from lambda_sandbox.edge.interpreter import interpreter_of
from lambda_sandbox.edge.launch import Program
from lambda_sandbox.edge.limits import FILES_MAX, Limits
from lambda_sandbox.edge.loop import Loop
from lambda_sandbox.edge.mounts import METHOD, make_read_only
from lambda_sandbox.edge.packages import PackagesError, ensure, task_with_packages
from lambda_sandbox.edge.processes import Processes
from lambda_sandbox.edge.telemetry_delivery import TelemetryDelivery
from lambda_sandbox.edge.worker_logs import WorkerLogs
from lambda_sandbox.edge.workspace import BOOTSTRAP, Workspace
from lambda_sandbox.function import are_extensions_disabled, extension_files
from lambda_sandbox.runner import Runner
from lambda_sandbox.settings import cache_folder

if TYPE_CHECKING:
    from pathlib import Path

    from lambda_sandbox.edge.interpreter import Interpreter
    from lambda_sandbox.function import Function

MEMORY_MB_PER_CPU = 1769
"""Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

INIT_TIMEOUT_S = 10.0
"""On demand."""

LONG_INIT_TIMEOUT_S = 130.0
"""At least, for environments that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a sandbox imitates of the platform, and what it leaves out.

    Attributes:
        telemetry: Whether the Telemetry API is supported.
        freeze: Whether the environment is frozen between invocations.
        enforce_memory: Whether the memory size is a limit.
        cpu_share: Whether the memory size limits the CPU, too.
        init_timeout_s: How long the first initialisation may take; None for as long as on Lambda.
    """

    telemetry: bool
    freeze: bool
    enforce_memory: bool
    cpu_share: bool
    init_timeout_s: float | None


class Assembly:
    """Everything that a sandbox consists of, ready to run.

    Args:
        function: What runs.
        conditions: Under what.

    Attributes:
        facts: The function as the platform's APIs name it.
        files: The extensions' files.
        limits: What the processes may use.
        loop: Where events are posted.
        address: ``host:port`` of the three APIs.
        processes: The environment's.
        runner: What a thread has to run.

    Raises:
        InterpreterError: The function's Python cannot be run.
        PackagesError: The runtime's or the function's packages could not be installed, or there
            is no place to keep them.
        SandboxError: The place for temporary files cannot be used.
    """

    def __init__(self, function: Function, conditions: Conditions) -> None:
        self._function = function
        is_managed = function.initialization_type == MANAGED_INSTANCES
        self.limits = Limits(
            memory_bytes=function.memory_mb * 1024 * 1024 if conditions.enforce_memory else None,
            cpu_share=function.memory_mb / MEMORY_MB_PER_CPU if conditions.cpu_share else None,
            files_max=None if is_managed else FILES_MAX,
        )
        self._protected = False
        self._workspace = Workspace()
        with ExitStack() as unless_assembled:
            unless_assembled.callback(self.close)
            self._furnish()
            self._connect(conditions)
            unless_assembled.pop_all()

    def close(self) -> None:
        """Remove the folder; the runner has left nothing else."""
        self._workspace.close()

    def _furnish(self) -> None:
        function, workspace = self._function, self._workspace
        interpreter = interpreter_of(function.python)
        cache = _cache()
        packages = ensure(function.runtime_requirements, interpreter, cache)
        self._layer = function.layer and function.layer.resolve()
        workspace.furnish(interpreter, packages, self._layer)
        self._task = task_with_packages(function.task.resolve(), interpreter, cache, workspace.root)
        self.files = extension_files(self._layer)
        self.facts = _facts(function, interpreter, disabled=are_extensions_disabled(self._layer))

    def _connect(self, conditions: Conditions) -> None:
        with ExitStack() as unless_connected:
            self.loop = Loop()
            unless_connected.callback(self.loop.close)
            server = ApiServer(self.loop)
            unless_connected.callback(server.close)
            self.address = server.address
            self.processes = self._no_processes_yet(unless_connected)
            unless_connected.pop_all()
        server.before = self.processes.hear
        delivery = TelemetryDelivery(self.loop)
        self.runner = Runner(
            self._environment(conditions),
            self.loop,
            server,
            self.processes,
            delivery,
            prepare=self._protect,
        )

    def _no_processes_yet(self, unless_connected: ExitStack) -> Processes:
        workers = None
        if self.facts.initialization_type == MANAGED_INSTANCES:
            workers = WorkerLogs(self.loop, self._workspace.log_socket)
            unless_connected.callback(workers.close)
        guard = Guard(self._workspace.root)
        unless_connected.callback(guard.close)
        return Processes(
            self.loop,
            self._programs(),
            mark=self.address,
            guard=guard,
            limits=self.limits,
            worker_logs=workers,
        )

    def _environment(self, conditions: Conditions) -> Environment:
        return Environment(
            self.facts,
            files=tuple(file.name for file in self.files),
            telemetry=conditions.telemetry,
            freeze=conditions.freeze,
            init_timeout_s=self._init_timeout_s(conditions),
            epoch_s=clock.epoch_at_zero(),
        )

    def _protect(self) -> None:
        folders = [self._task, self._layer] if self._layer else [self._task]
        self._protected = make_read_only(folders)

    @property
    def methods(self) -> dict[str, str]:
        """What stands in for what Lambda does by means of a virtual machine."""
        return {
            "freeze": "SIGSTOP and SIGCONT",
            **self.processes.methods,
            "task and layer": METHOD[self._protected],
        }

    def _init_timeout_s(self, conditions: Conditions) -> float:
        if conditions.init_timeout_s is not None:
            return conditions.init_timeout_s
        if self.facts.initialization_type == ON_DEMAND:
            return INIT_TIMEOUT_S
        return max(LONG_INIT_TIMEOUT_S, self._function.timeout_s)

    def _programs(self) -> dict[str, Program]:
        workspace, facts = self._workspace, self.facts
        places = Places(
            task=str(self._task),
            runtime=str(workspace.runtime),
            python_bin=str(workspace.python_bin),
            layer=str(self._layer or ""),
            log_socket=str(workspace.log_socket),
        )
        variables = runtime_variables(facts, self._function.environ, places, self.address)
        python = str(workspace.python_bin / f"python{facts.python_version}")
        argv = [python, str(workspace.runtime / BOOTSTRAP.name)]
        wrapper = variables.get(EXEC_WRAPPER)
        runtime = Program(
            [wrapper, *argv] if wrapper else argv,
            variables,
            self._task,
            # Workers have a socket instead; the process they are forked from would use this up.
            logs_frames=facts.initialization_type != MANAGED_INSTANCES,
            is_template=facts.initialization_type == SNAP_START,
        )
        programs = {RUNTIME: runtime}
        for file in self.files:
            name = extension_process(file.name)
            programs[name] = Program([str(file)], extension_variables(variables), self._task)
        return programs


def _cache() -> Path:
    try:
        return cache_folder()
    except RuntimeError as error:
        message = "packages cannot be kept: this user has no home; set LAMBDA_SANDBOX_CACHE"
        raise PackagesError(message) from error


def _facts(function: Function, interpreter: Interpreter, *, disabled: bool) -> FunctionFacts:
    log_format = function.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text")
    is_managed = function.initialization_type == MANAGED_INSTANCES
    version = function.version or _version_by_default(function)
    return FunctionFacts(
        name=function.name,
        version=version,
        handler=function.handler,
        memory_mb=function.memory_mb,
        timeout_s=function.timeout_s,
        python_version=interpreter.version,
        log_stream=_log_stream(version),
        log_format="JSON" if is_managed else log_format,
        initialization_type=function.initialization_type,
        max_concurrency=function.max_concurrency,
        extensions_disabled=disabled,
    )


def _version_by_default(function: Function) -> str:
    # Lambda prepares environments in advance for published versions alone.
    is_published = function.initialization_type in {PROVISIONED_CONCURRENCY, SNAP_START}
    return "1" if is_published else "$LATEST"


def _log_stream(version: str) -> str:
    today = datetime.now(timezone.utc).strftime("%Y/%m/%d")
    return f"{today}/[{version}]{uuid.uuid4().hex}"
