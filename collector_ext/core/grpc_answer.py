"""What the answer to an export call means.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response
"""

from __future__ import annotations

from collector_ext.core import otlp_answer
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.events import Delivered, Failed, Outcome, Refused
from collector_ext.core.http1 import Response
from collector_ext.core.otlp import PROTOBUF, ExportRequest
from collector_ext.core.value import Value

RETRYABLE = (
    "ABORTED",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "OUT_OF_RANGE",
    "UNAVAILABLE",
)
"""All others must not be sent again, but for RESOURCE_EXHAUSTED with a RetryInfo:
https://opentelemetry.io/docs/specs/otlp/#failures"""

_EXHAUSTED = "RESOURCE_EXHAUSTED"

_RETRY_INFO = b"type.googleapis.com/google.rpc.RetryInfo"
"""The type of a detail, as it is spelled in a serialised ``google.rpc.Status``."""

_KINDS = {
    "INVALID_ARGUMENT": failures.CONTENT,
    "UNAUTHENTICATED": failures.UNAUTHORISED,
    "PERMISSION_DENIED": failures.UNAUTHORISED,
    "UNIMPLEMENTED": failures.NOT_FOUND,
    "UNAVAILABLE": failures.UNAVAILABLE,
    "DEADLINE_EXCEEDED": failures.TIMEOUT,
    _EXHAUSTED: failures.TOO_LARGE,  # as a rule, the request is larger than the peer takes
}

_ANSWER_TOO_LARGE = "CLIENT: Received message larger than max"
"""What gRPC says of an answer. It came, so the request was accepted."""

_EXCERPT = 200  # characters of what a peer says that are passed on


class Status(Value):
    """A call that did not end with OK."""

    code: str  # as the specification spells it: UNAVAILABLE
    message: str
    details: bytes  # a serialised ``google.rpc.Status``; empty without one


def outcome(request: ExportRequest, body: bytes) -> Outcome:
    """Return what became of a request whose call ended with OK.

    Args:
        request: That was sent.
        body: The serialised ``Export*ServiceResponse``.
    """
    # It is the message of OTLP/HTTP, partial success included.
    response = Response(200, {"content-type": PROTOBUF}, body, keep_alive=True)
    return otlp_answer.outcome(request, response)


def failure(request: ExportRequest, status: Status, *, reason: str) -> Outcome:
    """Return what became of a request whose call ended with another status.

    Args:
        request: That was sent.
        status: How the call ended.
        reason: As ``reason`` has it.
    """
    if status.code == _EXHAUSTED and _ANSWER_TOO_LARGE in status.message:
        return Delivered(request, 0, "")
    is_pause = status.code == _EXHAUSTED and _RETRY_INFO in status.details
    kind = failures.THROTTLED if is_pause else _KINDS.get(status.code, failures.ANSWER)
    if is_pause or status.code in RETRYABLE:
        return Failed(request, Failure(kind, reason, None))
    return Refused(request, Failure(kind, reason, None))


def reason(status: Status, secrets: tuple[str, ...]) -> str:
    """Return a status in words.

    Args:
        status: What the peer or the library says, which may quote what it was sent.
        secrets: What must not be said.
    """
    if status.code == "DEADLINE_EXCEEDED":
        return "no answer in time"
    # Of "failed to connect to all addresses; last error: UNKNOWN: ipv4:…", what is of use.
    message = status.message.rpartition("last error: ")[2].removeprefix("UNKNOWN: ")
    for secret in secrets:
        message = message.replace(secret, "****")
    return f"gRPC {status.code}: {message[:_EXCERPT]}" if message else f"gRPC {status.code}"
