"""What the processes of one environment have said: their calls, and what is answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, Answer
from lambda_sandbox.core.api import (
    NOT_FOUND,
    Call,
    Credentials,
    ExtensionFailed,
    ExtensionNext,
    Ping,
    Register,
    Reply,
    Subscribe,
    read_call,
    refusal,
)
from lambda_sandbox.core.apis.extension import Extensions
from lambda_sandbox.core.apis.extensions_api import ExtensionsApi
from lambda_sandbox.core.apis.first_fault import FirstFault
from lambda_sandbox.core.apis.runtime_api import RuntimeApi
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START
from lambda_sandbox.core.process_environment import AUTHORIZATION_TOKEN, CREDENTIALS

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.extension import Extension
    from lambda_sandbox.core.apis.runtime import Runtime
    from lambda_sandbox.core.apis.workers import Workers
    from lambda_sandbox.core.events import RequestReceived
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Run, ShutdownReason
    from lambda_sandbox.core.telemetry.journal import Journal

CREDENTIALS_EXPIRE = "2099-12-31T23:59:59Z"
"""Those of the documentation do not; a client wants to know."""


class Control:
    """Who has spoken, and where they stand.

    Args:
        function: What runs here.
        files: Base names of the layer's extension files.
        journal: Where telemetry is subscribed to.
        out: Where the actions go.

    Attributes:
        extensions: Those that were started, and those that joined.
        first_fault: What was reported first of all that is fatal.
        memory_exhausted: Whether a process was killed for what all of them used.
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
        function, journal, out = self._function, self._journal, self._out
        managed = function.initialization_type == MANAGED_INSTANCES
        self.extensions = Extensions(files, managed=managed)
        self.first_fault = FirstFault()
        self.memory_exhausted = False
        self._extensions_api = ExtensionsApi(
            function, self.extensions, self.first_fault, journal, out
        )
        self._runtime_api = RuntimeApi(function, self.extensions, self.first_fault, journal, out)

    @property
    def runtime(self) -> Runtime | Workers:
        """Where the runtime stands, or where its workers do."""
        return self._runtime_api.runtime

    def take(self, event: RequestReceived, now: float) -> None:
        """Answer a request, unless it is one that waits."""
        call = read_call(event.request)
        reply = call if isinstance(call, Reply) else self._reply(call, event, now)
        if reply is not None:
            self._out.append(Answer(event.client_id, reply))

    def _reply(self, call: Call, event: RequestReceived, now: float) -> Reply | None:
        match call:
            case Ping():
                return Reply(200, b"pong", (("Content-Type", "text/plain"),))
            case Credentials():
                return self._credentials(call)
            case Register() | ExtensionNext() | ExtensionFailed() | Subscribe() if (
                self._function.extensions_disabled
            ):
                return NOT_FOUND
            case Register():
                return self._extensions_api.register(call, event.fresh_uuid)
            case ExtensionNext() | ExtensionFailed() | Subscribe():
                return self._extensions_api.reply(call, event, now)
            case _:
                return self._runtime_api.reply(call, event.client_id, now)

    def _credentials(self, call: Credentials) -> Reply:
        if self._function.initialization_type != SNAP_START:
            return NOT_FOUND
        if call.authorization != AUTHORIZATION_TOKEN:
            return refusal(403, "InvalidAuthorizationToken", "Invalid authorization token")
        credentials = {
            "AccessKeyId": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            "Token": CREDENTIALS["AWS_SESSION_TOKEN"],
            "Expiration": CREDENTIALS_EXPIRE,
        }
        return Reply(200, json.dumps(credentials).encode())

    def hang_up(self, client_id: int) -> None:
        """Take note of a connection that was closed before its request was answered."""
        self._runtime_api.hang_up(client_id)

    def snapshot_taken(self) -> None:
        """Take note of a runtime that stands where clones begin: the template, or a clone."""
        self._runtime_api.snapshot_taken()

    def invoke(self, run: Run, now: float) -> None:
        """Hand an invocation to everybody: the extensions a moment before the runtime."""
        self._journal.invoked(run.invocation, now)
        self._extensions_api.invoke(run)
        self._runtime_api.invoke(run)

    def forget(self, request_id: str) -> None:
        """Take note that nobody waits for a response any more."""
        self._runtime_api.forget(request_id)

    def shut_down(self, extension: Extension, reason: ShutdownReason, deadline_at: float) -> None:
        """Hand SHUTDOWN to an extension that waits for an event."""
        self._extensions_api.shut_down(extension, reason, deadline_at)
