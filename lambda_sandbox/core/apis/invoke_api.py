"""Lambda's Invoke API: an HTTP request → a call of the function, its outcome → an HTTP answer.

Promise: whatever the request, it is either a call or an answer that says what is wrong with it.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING, NamedTuple

from lambda_sandbox.core.api import JSON_TYPE, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.http1 import Request
    from lambda_sandbox.core.invocation import Outcome

SYNCHRONOUS = "RequestResponse"
ASYNCHRONOUS = "Event"
DRY_RUN = "DryRun"
INVOCATION_TYPES = (SYNCHRONOUS, ASYNCHRONOUS, DRY_RUN)

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024
"""The largest event of a synchronous invocation (Lambda's quotas)."""

ASYNCHRONOUS_PAYLOAD_BYTES_MAX = 1024 * 1024
"""The largest event of an asynchronous one."""

CLIENT_CONTEXT_BYTES_MAX = 3583
"""The largest client context, in base64."""

LOG_TAIL_BYTES = 4096
"""How much of the log ``X-Amz-Log-Result`` holds."""

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")

_NAME = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
"""A name, a partial or a whole ARN, with or without a qualifier (the API's own pattern)."""

_OCTET = re.compile(r"%([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that makes sense.

    Attributes:
        invocation_type: One of ``INVOCATION_TYPES``.
        payload: The event, JSON.
        trace_header: The value of ``X-Amzn-Trace-Id``, if there was one.
        client_context: JSON, if there was one; synchronous invocations alone have it.
        log_wanted: Whether the answer is to hold the end of the log.
    """

    invocation_type: str
    payload: bytes
    trace_header: str | None = None
    client_context: str | None = None
    log_wanted: bool = False


class ErrorType(NamedTuple):
    """A documented error: its name, its status, and the member that holds its message."""

    name: str
    status: int
    member: str = "message"
    at_fault: str = "User"


INVALID_CONTENT = ErrorType("InvalidRequestContentException", 400)
INVALID_PARAMETER = ErrorType("InvalidParameterValueException", 400)
NOT_FOUND = ErrorType("ResourceNotFoundException", 404, "Message")
TOO_LARGE = ErrorType("RequestTooLargeException", 413)
UNKNOWN_OPERATION = ErrorType("UnknownOperationException", 404)
SERVICE = ErrorType("ServiceException", 500, "Message", "Service")


class _RefusedError(Exception):
    """The request makes no sense."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


def call_of(request: Request, function: FunctionFacts, request_id: str) -> Call | Reply:
    """Read a request.

    Args:
        request: Of a client of AWS; its signature is not looked at.
        function: The one there is. An ARN may name any region and account, an alias is taken
            for one of its version.
        request_id: What the answer is to be called.
    """
    try:
        return _call(request, function, request_id)
    except _RefusedError as refused:
        return refused.reply


def _call(request: Request, function: FunctionFacts, request_id: str) -> Call:
    path, _, query = request.target.partition("?")
    match = _PATH.fullmatch(path)
    if match is None or request.method != "POST":
        text = f"{request.method} {path} is not served here, Invoke alone is"
        _refuse(UNKNOWN_OPERATION, text, request_id)
    _check_function(_decoded(match[1]), _qualifier_of(query), function, request_id)
    invocation_type = request.headers.get("x-amz-invocation-type") or SYNCHRONOUS
    if invocation_type not in INVOCATION_TYPES:
        text = f"Value '{invocation_type}' at 'invocationType' is none of {_listed()}"
        _refuse(INVALID_PARAMETER, text, request_id)
    _check_size(request.body, invocation_type, request_id)
    payload = request.body or b"{}"
    _check_json(payload, request_id)
    context = _client_context(request.headers.get("x-amz-client-context", ""), request_id)
    synchronous = invocation_type == SYNCHRONOUS
    return Call(
        invocation_type,
        payload,
        request.headers.get("x-amzn-trace-id") or None,
        context if synchronous else None,
        synchronous and request.headers.get("x-amz-log-type") == "Tail",
    )


def _listed() -> str:
    return ", ".join(INVOCATION_TYPES)


def _decoded(text: str) -> str:
    """Decode a part of a URL; what is not ASCII is in no name."""
    return _OCTET.sub(lambda octet: chr(int(octet[1], 16)), text)


def _qualifier_of(query: str) -> str:
    fields = dict(field.partition("=")[::2] for field in query.split("&"))
    return _decoded(fields.get("Qualifier", ""))


def _check_function(asked: str, qualifier: str, function: FunctionFacts, request_id: str) -> None:
    match = _NAME.fullmatch(asked)
    if match is None:
        text = f"Value '{asked}' at 'functionName' is neither a function's name nor an ARN"
        _refuse(INVALID_PARAMETER, text, request_id)
    name, derived = match["name"], match["qualifier"] or ""
    if qualifier and derived and qualifier != derived:
        text = "The derived qualifier from the function name does not match the specified qualifier"
        _refuse(INVALID_PARAMETER, text, request_id)
    wanted = derived or qualifier
    another_version = wanted != function.version and (wanted == "$LATEST" or wanted.isdecimal())
    if name != function.name or another_version:
        arn = function.arn_of(name, wanted)
        _refuse(NOT_FOUND, f"Function not found: {arn}", request_id)


def _check_size(body: bytes, invocation_type: str, request_id: str) -> None:
    if len(body) > PAYLOAD_BYTES_MAX:
        text = (
            f"Request must be smaller than {PAYLOAD_BYTES_MAX} bytes "
            "for the InvokeFunction operation"
        )
        _refuse(TOO_LARGE, text, request_id)
    if invocation_type == ASYNCHRONOUS and len(body) > ASYNCHRONOUS_PAYLOAD_BYTES_MAX:
        text = (
            f"{len(body)} byte payload is too large for the Event invocation type "
            f"(limit {ASYNCHRONOUS_PAYLOAD_BYTES_MAX} bytes)"
        )
        _refuse(TOO_LARGE, text, request_id)


def _check_json(payload: bytes, request_id: str) -> None:
    try:
        # Not from the bytes: those may be UTF-16 to json, never to Lambda. And numbers are
        # left as text, because Python refuses to read very long ones.
        json.loads(
            payload.decode("utf-8"), parse_int=str, parse_float=str, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        text = f"Could not parse request body into json: Could not parse payload into json: {error}"
        _refuse(INVALID_CONTENT, text, request_id)


def _no_constant(text: str) -> NoReturn:
    message = f"{text} is not JSON"
    raise ValueError(message)


def _client_context(header: str, request_id: str) -> str | None:
    if not header:
        return None
    if len(header) > CLIENT_CONTEXT_BYTES_MAX:
        text = f"Client context must be no more than {CLIENT_CONTEXT_BYTES_MAX} bytes when encoded"
        _refuse(INVALID_CONTENT, text, request_id)
    try:
        context = base64.b64decode(header, validate=True).decode("utf-8")
        is_object = isinstance(json.loads(context, parse_constant=_no_constant), dict)
    except (ValueError, RecursionError):
        context, is_object = "", False
    if not is_object:
        text = "Client context must be a valid Base64-encoded JSON object."
        _refuse(INVALID_CONTENT, text, request_id)
    return context


def _refuse(error_type: ErrorType, text: str, request_id: str) -> NoReturn:
    raise _RefusedError(refusal(error_type, text, request_id))


def refusal(error_type: ErrorType, text: str, request_id: str) -> Reply:
    """Answer a request that is not carried out."""
    body = json.dumps({"Type": error_type.at_fault, error_type.member: text}).encode()
    headers = (JSON_TYPE, _named(request_id), ("x-amzn-ErrorType", error_type.name))
    return Reply(error_type.status, body, headers)


def accepted(call: Call, function: FunctionFacts, request_id: str) -> Reply:
    """Answer a call whose outcome nobody waits for: an event, or a dry run."""
    if call.invocation_type == ASYNCHRONOUS:
        return Reply(202, b"", (_named(request_id),))
    return Reply(204, b"", (_named(request_id), _version(function)))


def answer(outcome: Outcome, function: FunctionFacts, log: str | None = None) -> Reply:
    """Answer with the outcome: an error of the function is a success of the API.

    Args:
        outcome: What came of the invocation.
        function: Whose it was.
        log: Of the invocation, if its end was asked for.
    """
    if outcome.status == "failure":  # of the environment, before the function was asked
        return refusal(SERVICE, json.loads(outcome.payload)["errorMessage"], outcome.request_id)
    headers = [JSON_TYPE, _named(outcome.request_id), _version(function)]
    if outcome.function_error:
        headers.append(("X-Amz-Function-Error", outcome.function_error))
    if log is not None:
        tail = log.encode("utf-8")[-LOG_TAIL_BYTES:]
        headers.append(("X-Amz-Log-Result", base64.b64encode(tail).decode("ascii")))
    return Reply(200, outcome.payload, tuple(headers))


def _named(request_id: str) -> tuple[str, str]:
    return "x-amzn-RequestId", request_id


def _version(function: FunctionFacts) -> tuple[str, str]:
    return "X-Amz-Executed-Version", function.version


def log_of(lines: Iterable[str], request_id: str) -> str:
    """Return the log of one invocation: from its START line to its REPORT line.

    Args:
        lines: The log of its environment, in either format. May be endless: nothing is taken
            after the REPORT line.
        request_id: The invocation's.
    """
    own = []
    for line in dropwhile(lambda text: not _tells(text, "start", request_id), lines):
        own.append(line)
        if _tells(line, "report", request_id):
            break
    return "".join(f"{line}\n" for line in own)


def _tells(line: str, what: str, request_id: str) -> bool:
    """Return whether a line is the platform's on an invocation: a text, or an event in JSON."""
    if line.startswith(f"{what.upper()} RequestId: {request_id}"):
        return True
    if f'"platform.{what}"' not in line:
        return False
    try:
        event = json.loads(line)
        return bool(
            event["type"] == f"platform.{what}" and event["record"]["requestId"] == request_id
        )
    except (ValueError, TypeError, KeyError):  # the function may write what it likes
        return False
