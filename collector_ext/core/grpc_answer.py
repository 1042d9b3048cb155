"""What the answer to an export call means.

A peer that cannot be reached has the status of one that says it is busy, UNAVAILABLE: the
library tells them apart by its own words alone, here those of `grpcio` 1.85. Where they
change, a failure is of a broader kind, and its reason is said all the same.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response
"""

from __future__ import annotations

from collector_ext.core import grpc_metadata, otlp_answer, wire
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure, Kind
from collector_ext.core.events import Delivered, Failed, Outcome, Refused
from collector_ext.core.otlp import PROTOBUF, ExportRequest
from collector_ext.core.refusal import bounded, excerpt, sent_with
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.grpc_metadata import Metadata

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

_EXHAUSTED, _UNAVAILABLE = "RESOURCE_EXHAUSTED", "UNAVAILABLE"

_RETRY_INFO = b"type.googleapis.com/google.rpc.RetryInfo"
"""The type of a detail, as it is spelled in a serialised ``google.rpc.Status``."""

KINDS = {
    "INVALID_ARGUMENT": failures.CONTENT,
    "UNAUTHENTICATED": failures.UNAUTHORISED,
    "PERMISSION_DENIED": failures.UNAUTHORISED,
    "UNIMPLEMENTED": failures.NOT_FOUND,
    _UNAVAILABLE: failures.UNAVAILABLE,
    "DEADLINE_EXCEEDED": failures.TIMEOUT,
    _EXHAUSTED: failures.TOO_LARGE,  # as a rule, the request is larger than the peer takes
}
"""By code; any other is `failures.ANSWER`, and some of UNAVAILABLE are told apart below."""

_ANSWER_TOO_LARGE = "CLIENT: Received message larger than max"
"""What gRPC says of an answer. It came, so the request was accepted."""

_NEGATIVE_FROM = 2**63  # in a varint

_NOT_RESOLVED = ("errors resolving", "DNS resolution failed")
_LOOKUP = "[field:hostname lookup error:"
_NOT_CONNECTED = "failed to connect to all addresses"
_BROKEN = ("Socket closed", "recvmsg:", "sendmsg:", "Connection reset", "Broken pipe")
"""How the messages of the library begin; the last are of a connection that was good."""

_NOT_CONNECTED_AS = (
    (
        "CERTIFICATE_VERIFY_FAILED: certificate has expired",
        failures.TLS,
        "its certificate has expired",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED: certificate is not yet valid",
        failures.TLS,
        "its certificate is not valid yet",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        failures.TLS,
        "its certificate is of an authority that is not trusted here",
    ),
    ("ostname Verification Check", failures.TLS, "its certificate is for another host"),
    ("WRONG_VERSION_NUMBER", failures.TLS, "it does not speak TLS"),
    ("handshake failed", failures.TLS, "it does not shake hands"),
    ("http1.x server", failures.ANSWER, "it speaks HTTP/1, as OTLP/HTTP does"),
    ("HTTP proxy returned", failures.PROXY, ""),
    ("imeout occurred", failures.TIMEOUT, ""),
    ("Connection timed out", failures.TIMEOUT, ""),
)
"""What there is in such a message, and what it means in words."""


class Status(Value):
    """A call that did not end with OK."""

    code: str  # as the specification spells it: UNAVAILABLE
    message: str
    details: bytes  # a serialised ``google.rpc.Status``; empty without one


def outcome(request: ExportRequest, body: bytes, metadata: Metadata) -> Outcome:
    """Return what became of a request whose call ended with OK.

    Args:
        request: That was sent.
        body: The serialised ``Export*ServiceResponse``.
        metadata: That was sent.
    """
    values = [value for _, value in metadata if isinstance(value, str)]
    # It is the message of OTLP/HTTP, partial success included.
    return otlp_answer.accepted(request, PROTOBUF, body, values)


def refused(request: ExportRequest, status: Status, failure: Failure) -> Outcome:
    """Return what became of a request whose call ended with another status.

    Args:
        request: That was sent.
        status: How the call ended.
        failure: As ``failure_of`` has it of the same status.
    """
    if status.code == _EXHAUSTED and _ANSWER_TOO_LARGE in status.message:
        return Delivered(request, 0, "")
    if failure.kind is failures.THROTTLED or status.code in RETRYABLE:
        return Failed(request, failure)
    return Refused(request, failure)


def failure_of(status: Status, metadata: Metadata, proxy: str) -> Failure:
    """Return what a status means, and how it is said.

    Args:
        status: What the peer or the library says, which may quote what it was sent.
        metadata: That was sent: its names may be said, its values not.
        proxy: The name of the one between us and the peer; empty for none.
    """
    is_pause, delay_s = _pause(status.details)
    if status.code == "DEADLINE_EXCEEDED":
        return Failure(failures.TIMEOUT, "no answer in time", None)
    if status.code == _UNAVAILABLE and not is_pause:
        kind, meaning = _of_library(status.message)
        if proxy and kind in {failures.NAME, failures.CONNECTION, failures.PROXY}:
            # The peer's own name is not resolved here, and all connections are to the proxy.
            reason = f"by the proxy {proxy}: {_said(status, metadata)}"
            return Failure(failures.PROXY, reason, None)
        return Failure(kind, _reason(status, metadata, meaning), None)
    is_throttled = is_pause and status.code == _EXHAUSTED
    kind = failures.THROTTLED if is_throttled else KINDS.get(status.code, failures.ANSWER)
    may_wait = is_throttled or status.code == _UNAVAILABLE
    return Failure(kind, _reason(status, metadata, ""), delay_s if may_wait else None)


def _of_library(message: str) -> tuple[Kind, str]:
    """Return what the library means by a message with UNAVAILABLE, and words for it."""
    if message.startswith(_NOT_RESOLVED):
        return failures.NAME, ""
    if message.startswith(_NOT_CONNECTED):
        for part, kind, meaning in _NOT_CONNECTED_AS:
            if part in message:
                return kind, meaning
        return failures.CONNECTION, ""
    return (failures.CONNECTION if message.startswith(_BROKEN) else failures.UNAVAILABLE), ""


def _reason(status: Status, metadata: Metadata, meaning: str) -> str:
    reason = f"gRPC {status.code}"
    if KINDS.get(status.code) is failures.UNAUTHORISED:
        reason += f" ({sent_with(name for name, _ in metadata)})"
    text = _said(status, metadata)
    if meaning:
        return f"{reason}: {meaning} ({text})"
    return f"{reason}: {text}" if text else reason


def _said(status: Status, metadata: Metadata) -> str:
    """Return what is of use of "failed to connect to all addresses; last error: UNKNOWN: ..."."""
    message = status.message.rpartition("last error: ")[2]
    message = message.removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ")
    if _LOOKUP in message:
        message = message.rpartition(_LOOKUP)[2].rstrip("]")
    return excerpt(message, grpc_metadata.secrets(metadata))


def _pause(details: bytes) -> tuple[bool, float | None]:
    """Return whether there is a RetryInfo, and the delay it asks for, in seconds.

    Shapes: ``google.rpc.Status {3: Any*}``, ``Any {1: type, 2: value}``,
    ``RetryInfo {1: Duration}``, ``Duration {1: seconds, 2: nanoseconds}``.

    Source: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
    """
    try:
        for detail in _messages(details, 3):
            if _RETRY_INFO in _messages(detail, 1):
                return True, _delay_s(detail)
    except wire.MalformedError:
        return False, None
    return False, None


def _delay_s(detail: bytes) -> float | None:
    durations = [text for info in _messages(detail, 2) for text in _messages(info, 1)]
    if not durations:
        return None
    duration, parts = durations[-1], {1: 0, 2: 0}
    for field in wire.fields(duration, 0, len(duration)):
        parts[field.number] = wire.read_varint(duration, field.value_at, field.end)[0]
    is_negative = max(parts.values()) >= _NEGATIVE_FROM
    return None if is_negative else bounded(parts[1] + parts[2] / 1e9)


def _messages(message: bytes, number: int) -> list[bytes]:
    """Return the values of a field of messages, text or bytes."""
    return [
        message[field.value_at : field.end]
        for field in wire.fields(message, 0, len(message))
        if field.number == number and field.wire_type == wire.LENGTH_DELIMITED
    ]
