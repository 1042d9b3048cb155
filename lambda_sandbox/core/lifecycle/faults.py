"""What the end of a process means: whose fault it is, and in which words it is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_sandbox.core.apis.extension import Input
from lambda_sandbox.core.events import RUNTIME
from lambda_sandbox.core.invocation import EXTENSION_CRASHED, RUNTIME_EXITED, Failure

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.events import ProcessExited, ProcessNotStarted


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
        text = f"Runtime exited with error: {event.status}"
        if event.succeeded:
            text = "Runtime exited without providing a reason"
        error_type = control.fatal_error_type or RUNTIME_EXITED
        return Failure("error", error_type, text, control.init_error)
    happened = Input.EXIT if event.succeeded else Input.FAILED
    control.extensions.of_process(event.process).take(happened)
    return Failure("error", control.fatal_error_type or EXTENSION_CRASHED, event.status)
