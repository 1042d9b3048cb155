"""The APIs' answers: each call changes a state machine, or is refused by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, Answer, Note, ReleaseResponse
from lambda_sandbox.core.api import (
    JSON_TYPE,
    OK,
    Call,
    ExtensionFailed,
    ExtensionNext,
    InvocationError,
    InvocationResponse,
    Ping,
    Register,
    Reply,
    RuntimeInitError,
    RuntimeNext,
    Subscribe,
    read_call,
)
from lambda_sandbox.core.apis.extension import INVOKE, Extension, Extensions, Input
from lambda_sandbox.core.apis.runtime import Input as RuntimeInput
from lambda_sandbox.core.apis.runtime import Runtime
from lambda_sandbox.core.telemetry.subscription import SUBSCRIBED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_sandbox.core.events import RequestReceived
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Run, ShutdownReason
    from lambda_sandbox.core.telemetry.journal import Journal


class Control:
    """The processes of one environment, as far as they have spoken.

    Args:
        function: What runs here.
        files: Base names of the layer's extension files.
        journal: Where telemetry is subscribed to.
        out: Where the actions go.
    """

    def __init__(
        self,
        function: FunctionFacts,
        files: tuple[str, ...],
        journal: Journal,
        out: list[Action],
    ) -> None:
        self._function = function
        self._journal = journal
        self._out = out
        self.renew(files)

    def renew(self, files: tuple[str, ...]) -> None:
        """Begin anew: all processes are gone."""
        self.extensions = Extensions(files)
        self.runtime = Runtime()
        self._run: Run | None = None
        self.fatal_error_type: str | None = None  # the first that anyone reported
        self.init_error: bytes | None = None  # the runtime's own words

    def take(self, event: RequestReceived, now: float) -> None:
        """Answer a request, unless it is one that waits."""
        call = read_call(event.request)
        reply = call if isinstance(call, Reply) else self._reply(call, event, now)
        if reply is not None:
            self._out.append(Answer(event.client_id, reply))

    def _reply(self, call: Call, event: RequestReceived, now: float) -> Reply | None:
        match call:
            case RuntimeNext() | InvocationResponse() | InvocationError() | RuntimeInitError():
                return self._runtime_reply(call, event.client_id, now)
            case Register():
                return self._register(call, event.fresh_uuid)
            case Ping():
                return Reply(200, b"pong", (("Content-Type", "text/plain"),))
            case (
                ExtensionNext() | ExtensionFailed() | Subscribe()
            ):  # pragma: no branch  # mypy: the last one
                extension = self.extensions.identified(call.identifier)
                if isinstance(extension, Reply):
                    return extension
                return self._extension_reply(call, extension, event, now)

    # Extensions.

    def _register(self, call: Register, fresh_uuid: str) -> Reply:
        extension = self.extensions.register(call, fresh_uuid)
        if isinstance(extension, Reply):
            return extension
        self._out.append(Note("registered", extension.name))
        facts = {
            "functionName": self._function.name,
            "functionVersion": self._function.version,
            "handler": self._function.handler,
        }
        if call.wants_account_id:
            facts["accountId"] = self._function.account_id
        identifier = ("Lambda-Extension-Identifier", extension.identifier)
        return Reply(200, _json(facts), (JSON_TYPE, identifier))

    def _extension_reply(
        self,
        call: ExtensionNext | ExtensionFailed | Subscribe,
        extension: Extension,
        event: RequestReceived,
        now: float,
    ) -> Reply | None:
        match call:
            case ExtensionNext():
                return self._extension_next(extension, event)
            case ExtensionFailed():
                return self._extension_failed(call, extension)
            case Subscribe():  # pragma: no branch  # mypy: the last one
                answer = self._journal.subscribe(extension.name, call.body, now)
                if isinstance(answer, Reply):
                    return answer
                self._out.append(Note("subscribed", extension.name))
                return SUBSCRIBED

    def _extension_next(self, extension: Extension, event: RequestReceived) -> Reply | None:
        refused = extension.take(Input.NEXT)
        if refused is None:
            extension.client_id, extension.event_id = event.client_id, event.fresh_uuid
            self._out.append(Note("asked next", extension.name))
        return refused

    def _extension_failed(self, call: ExtensionFailed, extension: Extension) -> Reply:
        happened = Input.INIT_ERROR if call.initialising else Input.EXIT_ERROR
        refused = extension.take(happened)
        if refused:
            return refused
        extension.error_type = extension.error_type or call.error_type
        self._fatal("Extension.InitError" if call.initialising else "Extension.ExitError")
        self._out.append(Note(f"reported {call.error_type}", extension.name))
        return OK

    def _fatal(self, error_type: str) -> None:
        self.fatal_error_type = self.fatal_error_type or error_type

    # The runtime.

    def _runtime_reply(
        self,
        call: RuntimeNext | InvocationResponse | InvocationError | RuntimeInitError,
        client_id: int,
        now: float,
    ) -> Reply | None:
        match call:
            case RuntimeNext():
                return self._runtime_next(client_id)
            case RuntimeInitError():
                return self._runtime_init_error(call)
            case (
                InvocationResponse() | InvocationError()
            ):  # pragma: no branch  # mypy: the last one
                return self._respond(call, now)

    def _runtime_next(self, client_id: int) -> Reply | None:
        # Internal extensions had until now to register.
        self.extensions.closed = True
        self._out.append(Note("asked next", "runtime"))
        return self.runtime.ask_next(client_id)

    def _runtime_init_error(self, call: RuntimeInitError) -> Reply:
        refused = self.runtime.take(RuntimeInput.INIT_ERROR)
        if refused:
            return refused
        self._fatal(call.error_type or "Runtime.Unknown")
        self.init_error = call.body
        return OK

    def _respond(self, call: InvocationResponse | InvocationError, now: float) -> Reply:
        refused = self.runtime.respond(call.request_id, call.body)
        if refused:
            return refused
        run = self._run
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
        self._out.append(Note("responded", "runtime"))
        return OK

    # Events.

    def invoke(self, run: Run, now: float) -> None:
        """Hand an invocation to everybody: the extensions a moment before the runtime."""
        self._run = run
        self._journal.invoked(run.invocation, now)
        deadline_ms = int(self._journal.epoch(run.deadline_at) * 1000)  # not a ms more
        event = {
            "eventType": INVOKE,
            "deadlineMs": deadline_ms,
            "requestId": run.request_id,
            "invokedFunctionArn": self._function.arn,
        }
        trace_header = run.invocation.trace_header
        if trace_header:
            event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace_header}
        for extension in self.extensions:
            if INVOKE in extension.events:
                self._tell(extension, event)
        reply = self._runtime_event(run, deadline_ms)
        self._out.append(Answer(self.runtime.deliver(run.request_id, reply), reply))
        self._out.append(Note("invoked", "runtime"))

    def forget(self) -> None:
        """Take note that nobody waits for the response any more."""
        self._run = None

    def _runtime_event(self, run: Run, deadline_ms: int) -> Reply:
        invocation = run.invocation
        optional = {
            "Lambda-Runtime-Trace-Id": invocation.trace_header,
            "Lambda-Runtime-Client-Context": invocation.client_context,
        }
        headers = (
            JSON_TYPE,
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", self._function.arn),
            *((name, value) for name, value in optional.items() if value),
        )
        return Reply(200, invocation.payload, headers)

    def shut_down(self, extension: Extension, reason: ShutdownReason, deadline_at: float) -> None:
        """Hand SHUTDOWN to an extension that waits for an event."""
        event = {
            "eventType": "SHUTDOWN",
            "shutdownReason": reason,
            "deadlineMs": int(self._journal.epoch(deadline_at) * 1000),
        }
        self._tell(extension, event)
        self._out.append(Note("told to shut down", extension.name))

    def _tell(self, extension: Extension, event: Mapping[str, object]) -> None:
        refused = extension.take(Input.EVENT)
        assert refused is None, "events go to extensions that are Ready"
        headers = (JSON_TYPE, ("Lambda-Extension-Event-Identifier", extension.event_id))
        self._out.append(Answer(extension.client_id, Reply(200, _json(event), headers)))


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _error_type(body: bytes) -> str:
    """Return the type of an error that was posted without the header; Python's always is."""
    try:
        error = json.loads(body)
    except ValueError:
        return "Runtime.Unknown"
    if isinstance(error, dict) and isinstance(error.get("errorType"), str):
        return str(error["errorType"])
    return "Runtime.Unknown"
