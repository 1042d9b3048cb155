"""The Extensions API, and the subscription to telemetry: the answers to what extensions ask.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, Answer, Note
from lambda_sandbox.core.api import (
    JSON_TYPE,
    OK,
    ExtensionFailed,
    ExtensionNext,
    Register,
    Reply,
    Subscribe,
)
from lambda_sandbox.core.apis.extension import INVOKE, Extension, Extensions, Input
from lambda_sandbox.core.telemetry.subscription import SUBSCRIBED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_sandbox.core.apis.first_fault import FirstFault
    from lambda_sandbox.core.events import RequestReceived
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Run, ShutdownReason
    from lambda_sandbox.core.telemetry.journal import Journal


class ExtensionsApi:
    """Answer extensions, and hand them their events.

    Args:
        function: What runs here.
        extensions: Who has registered.
        first_fault: Where fatal errors are reported.
        journal: Where telemetry is subscribed to.
        out: Where the actions go.
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

    # What they ask.

    def register(self, call: Register, fresh_uuid: str) -> Reply:
        """Take an extension in."""
        extension = self._extensions.register(call, fresh_uuid)
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

    def reply(
        self,
        call: ExtensionNext | ExtensionFailed | Subscribe,
        event: RequestReceived,
        now: float,
    ) -> Reply | None:
        """Answer one that has registered; None if it waits."""
        extension = self._extensions.identified(call.identifier)
        if isinstance(extension, Reply):
            return extension
        match call:
            case ExtensionNext():
                return self._next(extension, event)
            case ExtensionFailed():
                return self._failed(call, extension)
            case Subscribe():  # pragma: no branch  # mypy: the last one
                return self._subscribe(call, extension, now)

    def _next(self, extension: Extension, event: RequestReceived) -> Reply | None:
        refused = extension.take(Input.NEXT)
        if refused is None:
            extension.client_id, extension.event_id = event.client_id, event.fresh_uuid
            self._out.append(Note("asked next", extension.name))
        return refused

    def _failed(self, call: ExtensionFailed, extension: Extension) -> Reply:
        happened = Input.INIT_ERROR if call.initialising else Input.EXIT_ERROR
        refused = extension.take(happened)
        if refused:
            return refused
        extension.error_type = extension.error_type or call.error_type
        fault = "Extension.InitError" if call.initialising else "Extension.ExitError"
        self._first_fault.report(fault)
        self._out.append(Note(f"reported {call.error_type}", extension.name))
        return OK

    def _subscribe(self, call: Subscribe, extension: Extension, now: float) -> Reply:
        answer = self._journal.subscribe(extension.name, call.body, now)
        if isinstance(answer, Reply):
            return answer
        self._out.append(Note("subscribed", extension.name))
        return SUBSCRIBED

    # What they are told.

    def invoke(self, run: Run) -> None:
        """Hand INVOKE to those that subscribed to it."""
        event: dict[str, object] = {
            "eventType": INVOKE,
            "deadlineMs": self._journal.epoch_ms(run.deadline_at),
            "requestId": run.request_id,
            "invokedFunctionArn": self._function.arn,
        }
        trace_header = run.invocation.trace_header
        if trace_header:
            event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace_header}
        for extension in self._extensions:
            if INVOKE in extension.events:
                self._tell(extension, event)

    def shut_down(self, extension: Extension, reason: ShutdownReason, deadline_at: float) -> None:
        """Hand SHUTDOWN to an extension that waits for an event."""
        event = {
            "eventType": "SHUTDOWN",
            "shutdownReason": reason,
            "deadlineMs": self._journal.epoch_ms(deadline_at),
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
