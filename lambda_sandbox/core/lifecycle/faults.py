"""What the end of a process means: whose fault it is, and in which words it is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_sandbox.core.apis.extension import Input
from lambda_sandbox.core.events import RUNTIME
from lambda_sandbox.core.invocation import EXTENSION_CRASHED, RUNTIME_EXITED, Failure

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.events import ProcessExited, ProcessNotStarted


OUT_OF_MEMORY = "Runtime.OutOfMemory"
KILLED = "signal: killed"


def of_snapshot() -> Failure:
    """Return what it means that the initialised runtime is gone before it could be cloned."""
    return Failure("error", RUNTIME_EXITED, "Runtime exited without providing a reason")


def of_start(event: ProcessNotStarted, control: Control) -> Failure:
    """Take note of a process that the machine refused to start."""
    if event.process == RUNTIME:
        return Failure("error", "Runtime.InvalidEntrypoint", event.reason)
    extension = control.extensions.of_process(event.process)
    extension.take(Input.LAUNCH_FAILED)
    extension.error_type = event.reason.partition(":")[0]
    return Failure("error", "Extension.LaunchError", event.reason)


def of_exit(event: ProcessExited, control: Control) -> Failure:
    """Take note of a process that is gone; nobody may leave before the environment ends.

    The first fatal error that anyone reported names the fault, whoever leaves because of it.
    """
    if event.process == RUNTIME:
        if control.memory_exhausted and event.status == KILLED:
            control.first_fault.report(OUT_OF_MEMORY)
        text = f"Runtime exited with error: {event.status}"
        if event.succeeded:
            text = "Runtime exited without providing a reason"
        error_type = control.first_fault.error_type or RUNTIME_EXITED
        return Failure("error", error_type, text, control.first_fault.payload)
    happened = Input.EXIT if event.succeeded else Input.FAILED
    control.extensions.of_process(event.process).take(happened)
    return Failure("error", control.first_fault.error_type or EXTENSION_CRASHED, event.status)
