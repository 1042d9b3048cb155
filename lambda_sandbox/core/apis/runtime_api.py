"""The Runtime API: the answers to what the runtime asks, and its invocations.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, Answer, Note, ReleaseResponse
from lambda_sandbox.core.api import (
    JSON_TYPE,
    NOT_FOUND,
    OK,
    InvocationError,
    InvocationResponse,
    Reply,
    RestoreError,
    RestoreNext,
    RuntimeInitError,
    RuntimeNext,
)
from lambda_sandbox.core.apis.runtime import Input, Runtime
from lambda_sandbox.core.apis.workers import Workers
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.extension import Extensions
    from lambda_sandbox.core.apis.first_fault import FirstFault
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Run
    from lambda_sandbox.core.telemetry.journal import Journal

    RuntimeCall = (
        RuntimeNext
        | InvocationResponse
        | InvocationError
        | RuntimeInitError
        | RestoreNext
        | RestoreError
    )

UNKNOWN_ERROR = "Runtime.Unknown"
"""The type of an error whose runtime named none."""


class RuntimeApi:
    """Answer the runtime, and hand it its invocations.

    Args:
        function: What runs here.
        extensions: Who cannot register any more once the runtime has asked next.
        first_fault: Where fatal errors are reported.
        journal: Knows the wall clock.
        out: Where the actions go.

    Attributes:
        runtime: Where it stands, or where its workers do.
    """

    def __init__(
        self,
        function: FunctionFacts,
        extensions: Extensions,
        first_fault: FirstFault,
        journal: Journal,
        out: list[Action],
    ) -> None:
        self._function = function
        self._extensions = extensions
        self._first_fault = first_fault
        self._journal = journal
        self._out = out
        self._runs: dict[str, Run] = {}
        is_managed = function.initialization_type == MANAGED_INSTANCES
        self.runtime: Runtime | Workers = Workers() if is_managed else Runtime()

    def reply(self, call: RuntimeCall, client_id: int, now: float) -> Reply | None:
        """Answer the runtime; None if it waits."""
        match call:
            case RuntimeNext():
                return self._next(client_id)
            case RuntimeInitError():
                return self._init_error(call)
            case InvocationResponse() | InvocationError():
                return self._respond(call, now)
            case RestoreNext() | RestoreError():  # pragma: no branch  # mypy: the last one
                return self._restore_reply(call)

    def _next(self, client_id: int) -> Reply | None:
        # Internal extensions had until now to register.
        self._extensions.closed = True
        self._out.append(Note("asked next", "runtime"))
        return self.runtime.ask_next(client_id)

    def _init_error(self, call: RuntimeInitError) -> Reply:
        refused = self.runtime.fail_init()
        if refused:
            return refused
        self._first_fault.report(call.error_type or UNKNOWN_ERROR, call.body)
        return OK

    def _respond(self, call: InvocationResponse | InvocationError, now: float) -> Reply:
        refused = self.runtime.respond(call.request_id, call.body)
        if refused:
            return refused
        run = self._runs.get(call.request_id)
        if run is None:
            # Its invocation has failed meanwhile, and its end is near: nobody waits for this.
            return OK
        if isinstance(call, InvocationResponse):
            outcome = run.succeed(call.body, now)
        else:
            error_type = call.error_type or _error_type(call.body)
            outcome = run.fail(call.body, "error", error_type, now)
        # The caller has its response now, whatever extensions still do.
        self._out.append(ReleaseResponse(outcome))
        raised = f": {outcome.error_type}" if outcome.error_type else ""
        self._out.append(Note(f"responded{raised}", "runtime", run.request_id))
        return OK

    def _restore_reply(self, call: RestoreNext | RestoreError) -> Reply:
        runtime = self.runtime
        if self._function.initialization_type != SNAP_START or isinstance(runtime, Workers):
            return NOT_FOUND
        if isinstance(call, RestoreNext):
            self._extensions.closed = True
            # Nothing is left to wait for: the extensions have registered, the clone is there.
            return runtime.take(Input.RESTORE_NEXT) or Reply(200)
        refused = runtime.take(Input.RESTORE_ERROR)
        if refused:
            return refused
        self._first_fault.report(call.error_type or UNKNOWN_ERROR, call.body)
        return OK

    # What it is told.

    def snapshot_taken(self) -> None:
        """Take note of a runtime that stands where clones of it begin."""
        assert isinstance(self.runtime, Runtime), "no managed instance has a snapshot"
        self.runtime.take(Input.SNAPSHOT)

    def invoke(self, run: Run) -> None:
        """Hand an invocation to the runtime, or to one of its workers."""
        self._runs[run.request_id] = run
        reply = self._event(run)
        self._out.append(Answer(self.runtime.deliver(run.request_id, reply), reply))
        self._out.append(Note("invoked", "runtime", run.request_id))

    def _event(self, run: Run) -> Reply:
        invocation = run.invocation
        optional = {
            "Lambda-Runtime-Trace-Id": invocation.trace_header,
            "Lambda-Runtime-Client-Context": invocation.client_context,
        }
        headers = (
            JSON_TYPE,
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(self._journal.epoch_ms(run.deadline_at))),
            ("Lambda-Runtime-Invoked-Function-Arn", self._function.arn),
            *((name, value) for name, value in optional.items() if value),
        )
        return Reply(200, invocation.payload, headers)

    def hang_up(self, client_id: int) -> None:
        """Take note of a worker that waits no longer; a runtime that is alone is missed later."""
        if isinstance(self.runtime, Workers):
            self.runtime.hang_up(client_id)

    def forget(self, request_id: str) -> None:
        """Take note that nobody waits for a response any more."""
        self._runs.pop(request_id, None)


def _error_type(body: bytes) -> str:
    """Return the type of an error that was posted without the header; Python's always is."""
    try:
        error = json.loads(body)
    except ValueError:
        return UNKNOWN_ERROR
    if isinstance(error, dict) and isinstance(error.get("errorType"), str):
        return str(error["errorType"])
    return UNKNOWN_ERROR
