"""Invocations written down, one JSON object a line, to be invoked again.

``{"payload": …, "clientContext": {…}, "traceHeader": "…", "secondsSincePrevious": 1.5}``, of
which only ``payload`` has to be there. A line that is just an event is refused, not guessed at:
an event may have a ``payload`` of its own.

Promise: a payload is read as it was written, octet for octet; line breaks between its tokens
alone become spaces.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

PAYLOAD = "payload"
CLIENT_CONTEXT = "clientContext"
TRACE_HEADER = "traceHeader"
SINCE_PREVIOUS = "secondsSincePrevious"
MEMBERS = (PAYLOAD, CLIENT_CONTEXT, TRACE_HEADER, SINCE_PREVIOUS)

_SPACE = re.compile(r"[ \t\r]*")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
"""What goes into an HTTP header and comes out of it unchanged."""


class NotJsonError(ValueError):
    """A text is no JSON; the message says where and why."""


class MalformedRecordingError(Exception):
    """A recording cannot be read; the message names the line, and says why."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An invocation, as one can ask for it again.

    Attributes:
        payload: The event, JSON.
        client_context: A JSON object; None for none.
        trace_header: As ``Sandbox.invoke`` takes it: None for a new one, empty for none at all.
        since_previous_s: How long before it the previous one was asked for; 0 for the first.
    """

    payload: bytes
    client_context: str | None = None
    trace_header: str | None = None
    since_previous_s: float = 0.0


def payload_of(text: str) -> bytes:
    """Return the payload that a text is.

    Raises:
        NotJsonError: It is not JSON, as Lambda has it: ``NaN`` is none.
    """
    try:
        _JSON.decode(text)
        return text.encode("utf-8")
    except RecursionError as error:
        message = "it is nested too deeply"
        raise NotJsonError(message) from error
    except ValueError as error:
        raise NotJsonError(str(error)) from error


def line_of(recorded: Recorded) -> str:
    """Write an invocation down, without a line break."""
    members = {PAYLOAD: recorded.payload.decode("utf-8")}
    if recorded.client_context is not None:
        members[CLIENT_CONTEXT] = recorded.client_context
    if recorded.trace_header is not None:
        members[TRACE_HEADER] = json.dumps(recorded.trace_header)
    if recorded.since_previous_s:
        members[SINCE_PREVIOUS] = f"{recorded.since_previous_s:.3f}"
    # Not by way of Python's values: they know neither 1.10 from 1.1 nor a member given twice.
    line = ", ".join(f'"{name}": {text}' for name, text in members.items())
    # Within a string of JSON a line break is escaped, so these are between tokens.
    return "{" + line.replace("\r", " ").replace("\n", " ") + "}"


def recording_of(content: bytes) -> list[Recorded]:
    """Read a recording.

    Args:
        content: Of a file; blank lines are nothing.

    Raises:
        MalformedRecordingError: A line is not a recorded invocation, or there is none.
    """
    recording = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            recording.append(_recorded(line.decode("utf-8")))
        except (_RefusedError, ValueError, RecursionError) as error:
            message = f"line {number}: {_reason(error)}"
            raise MalformedRecordingError(message) from error
    if not recording:
        message = "no invocation is in it"
        raise MalformedRecordingError(message)
    return recording


class _RefusedError(Exception):
    """A line is JSON, but not a recorded invocation."""


def _reason(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "not UTF-8"
        case json.JSONDecodeError():
            return f"not JSON: {error.msg} at column {error.colno}"
        case ValueError():
            return f"not JSON: {error}"
        case RecursionError():
            return "nested too deeply"
        case _:
            return str(error)


def _recorded(line: str) -> Recorded:
    if not isinstance(_JSON.decode(line), dict):
        _refuse(f'not an object; an event is written as {{"{PAYLOAD}": …}}')
    texts = _texts(line)
    unknown = [name for name in texts if name not in MEMBERS]
    if PAYLOAD not in texts:
        _refuse(f'no "{PAYLOAD}"; an event is written as {{"{PAYLOAD}": …}}')
    if unknown:
        _refuse(f"unknown member {unknown[0]!r}; there are {', '.join(MEMBERS)}")
    return Recorded(
        texts[PAYLOAD].encode("utf-8"),
        _client_context(texts.get(CLIENT_CONTEXT)),
        _trace_header(texts.get(TRACE_HEADER)),
        _since_previous_s(texts.get(SINCE_PREVIOUS, "0")),
    )


def _texts(line: str) -> dict[str, str]:
    """Return the text of each member's value.

    Args:
        line: JSON, and an object.
    """
    texts = {}
    at = _after_space(line, line.index("{") + 1)
    while line[at] != "}":
        name, at = _JSON.raw_decode(line, at)
        begin = _after_space(line, _after_space(line, at) + 1)  # behind the colon
        _, end = _JSON.raw_decode(line, begin)
        texts[name] = line[begin:end]
        at = _after_space(line, end)
        if line[at] == ",":
            at = _after_space(line, at + 1)
    return texts


def _after_space(line: str, at: int) -> int:
    space = _SPACE.match(line, at)
    assert space is not None, "it matches the empty text"
    return space.end()


def _client_context(text: str | None) -> str | None:
    context = None if text is None else json.loads(text)
    if context is not None and not isinstance(context, dict):
        _refuse(f'"{CLIENT_CONTEXT}" is not an object')
    return None if context is None else text


def _trace_header(text: str | None) -> str | None:
    header = None if text is None else json.loads(text)
    if header is None or (isinstance(header, str) and _HEADER_VALUE.fullmatch(header)):
        return header
    return _refuse(f'"{TRACE_HEADER}" is not a header\'s value')


def _since_previous_s(text: str) -> float:
    seconds = json.loads(text)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        _refuse(f'"{SINCE_PREVIOUS}" is not a number')
    if not 0 <= seconds < math.inf:
        _refuse(f'"{SINCE_PREVIOUS}" is not a duration')
    return float(seconds)


def _refuse(text: str) -> NoReturn:
    raise _RefusedError(text)


def _no_constant(text: str) -> NoReturn:
    message = f"{text} is not JSON"
    raise ValueError(message)


# Numbers are left as text, because Python refuses to read very long ones.
_JSON = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_constant)
