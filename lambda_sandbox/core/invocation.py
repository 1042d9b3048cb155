"""One invocation: what it is asked with, what comes of it, and the bodies of its failures."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_sandbox.core.instant import iso_time

if TYPE_CHECKING:
    from typing import Literal, NoReturn

    Status = Literal["success", "error", "failure", "timeout"]
    ShutdownReason = Literal["spindown", "timeout", "failure"]

UNHANDLED = "Unhandled"
"""The value of ``X-Amz-Function-Error`` for every error of a function."""

TIMED_OUT = "Sandbox.Timedout"
RUNTIME_EXITED = "Runtime.ExitError"
EXTENSION_CRASHED = "Extension.Crash"


class SandboxError(Exception):
    """The sandbox itself failed, or is gone; never the function's fault."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a caller asks for.

    Attributes:
        request_id: Its id.
        payload: The event, JSON.
        trace_header: The value of ``X-Amzn-Trace-Id``; empty for none.
        client_context: A JSON object, on one line and of ASCII alone; None for none.
    """

    request_id: str
    payload: bytes
    trace_header: str
    client_context: str | None = None


_REQUEST_ID = re.compile(r"[A-Za-z0-9._~-]+")
"""What is in a path as it is: RFC 3986, 2.3."""

_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
"""What goes into an HTTP header and comes out of it unchanged."""


def invocation_of(
    request_id: str, payload: bytes, trace_header: str, client_context: str | None
) -> Invocation:
    """Return what a caller asks for, fit for the headers of the Runtime API.

    Args:
        request_id: Its id.
        payload: The event, JSON.
        trace_header: The value of ``X-Amzn-Trace-Id``; empty for none.
        client_context: A JSON object, written in whatever way; None for none.

    Raises:
        SandboxError: In one sentence, what is wrong.
    """
    if not _REQUEST_ID.fullmatch(request_id):
        _refuse(f"request id {request_id!r} has other characters than letters, digits and -._~")
    if not _HEADER_VALUE.fullmatch(trace_header):
        _refuse(f"trace header {trace_header!r} has line breaks, or characters beyond ASCII")
    return Invocation(request_id, payload, trace_header, _on_one_line(client_context))


def _on_one_line(client_context: str | None) -> str | None:
    if client_context is None:
        return None
    try:
        context = json.loads(client_context, parse_constant=_no_constant)
    except RecursionError:
        _refuse("the client context is nested too deeply")
    except ValueError as error:
        _refuse(f"the client context is not JSON: {error}")
    if not isinstance(context, dict):
        _refuse(f"the client context is not a JSON object, but {client_context[:80]!r}")
    return json.dumps(context)


def _no_constant(text: str) -> NoReturn:
    message = f"{text} is none"
    raise ValueError(message)


def _refuse(text: str) -> NoReturn:
    raise SandboxError(text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller gets.

    Attributes:
        request_id: The invocation's.
        payload: What the runtime posted, byte for byte, or the platform's own error (JSON).
        function_error: ``"Unhandled"``, or None if the handler returned.
        status: In the words of ``platform.runtimeDone``, except that a raised exception
            is an ``"error"`` here.
        error_type: Whose fault it was, such as ``"Extension.Crash"``; None on success.
        duration_s: From the INVOKE event to the response.
    """

    request_id: str
    payload: bytes
    function_error: str | None
    status: Status
    error_type: str | None
    duration_s: float


@dataclass(frozen=True, slots=True)
class InitOutcome:
    """How initialisation went.

    Attributes:
        status: ``"success"``, ``"error"`` or ``"timeout"``.
        error_type: Such as ``"Runtime.ImportModuleError"``; None on success.
        error_payload: What the runtime posted to ``/init/error``, if it did.
        duration_s: From the start of the first process.
    """

    status: Status
    error_type: str | None
    error_payload: bytes | None
    duration_s: float


def error_payload(error_type: str, request_id: str, text: str) -> bytes:
    """Return the body with which the platform answers for a function that cannot."""
    error = {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {text}"}
    return json.dumps(error, separators=(",", ":")).encode()


def timeout_payload(request_id: str, timeout_s: float, epoch_s: float) -> bytes:
    """Return the body of an invocation that was cut off.

    Args:
        request_id: The invocation's.
        timeout_s: The function's timeout.
        epoch_s: Now, in seconds since the epoch.
    """
    text = timeout_text(request_id, timeout_s, epoch_s)
    return json.dumps({"errorMessage": text}, separators=(",", ":")).encode()


def timeout_text(request_id: str, timeout_s: float, epoch_s: float) -> str:
    """Return the line that CloudWatch shows for a timeout."""
    return f"{iso_time(epoch_s)} {request_id} Task timed out after {timeout_s:.2f} seconds"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why initialisation or an invocation cannot go on.

    Attributes:
        status: In the words of ``platform.report``.
        error_type: Whose fault it is.
        text: What happened, for people.
        payload: The runtime's own account of it, if it gave one.
    """

    status: Status
    error_type: str
    text: str
    payload: bytes | None = None

    @property
    def reported_type(self) -> str | None:
        """What telemetry reports: a timeout has a status and no type."""
        return None if self.status == "timeout" else self.error_type

    @property
    def shutdown_reason(self) -> ShutdownReason:
        """What the extensions are told when the environment is reset."""
        return "timeout" if self.status == "timeout" else "failure"


OUT_OF_TIME = Failure("timeout", TIMED_OUT, "out of time")
"""Why an initialisation or an invocation is cut off."""


@dataclass(slots=True)
class Run:
    """An invocation under way.

    Attributes:
        invocation: What was asked.
        started_at: When INVOKE was sent.
        deadline_at: When the function's timeout is over.
        charged_at: From when the function's timeout, and its duration, count: earlier than
            ``started_at`` if the environment had to be initialised again for it.
        outcome: What the caller was given; None while it waits.
        runtime_done_at: When the runtime asked next; None while it runs.
    """

    invocation: Invocation
    started_at: float
    deadline_at: float
    charged_at: float
    outcome: Outcome | None = None
    runtime_done_at: float | None = None

    @property
    def request_id(self) -> str:
        """The invocation's."""
        return self.invocation.request_id

    def succeed(self, payload: bytes, now: float) -> Outcome:
        """Take the handler's response: the caller gets it at once."""
        self.outcome = Outcome(
            self.request_id, payload, None, "success", None, now - self.started_at
        )
        return self.outcome

    def fail(self, payload: bytes, status: Status, error_type: str | None, now: float) -> Outcome:
        """Take an error: the runtime's or the platform's."""
        duration_s = now - self.started_at
        self.outcome = Outcome(self.request_id, payload, UNHANDLED, status, error_type, duration_s)
        return self.outcome
