"""What an endpoint says when it does not take a request: why, and for how long.

Loaded with the first answer that is none of success. What is passed on of an endpoint's words
is short, printable, and without what we sent it: an endpoint may quote the key it refuses.

Sources: https://opentelemetry.io/docs/specs/otlp/#failures-1 and
https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
"""

from __future__ import annotations

from collector_ext.core import json_text, wire
from collector_ext.core.delivery.failures import RETRY_AFTER_S_MAX
from collector_ext.core.http1 import BAD_REQUEST
from collector_ext.core.otlp import JSON, PROTOBUF
from collector_ext.core.telemetry import epoch_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from collector_ext.core.http1 import Response

_EXCERPT = 200  # characters of what an endpoint says that are passed on

_BODY_BYTES_MAX = 16 * 1024
"""Longer ones are pages for browsers and are not read: a google.rpc.Status is a sentence."""

_SECRET_CHARACTERS_MIN = 4
_SCHEMES = ("basic", "bearer")
"""Shorter values, and these of Authorization, are part of any sentence and no secrets."""

_JSON_KEYS = ("message", "Message", "error", "errors", "errorMessage", "detail", "title")
"""Where vendors put it; the first is google.rpc.Status."""

_OF_TLS = (
    b"HTTP request to an HTTPS server",  # Go, and so most Collectors
    b"HTTP request was sent to HTTPS port",  # nginx
    b"speaking plain HTTP to an SSL-enabled server",  # Apache
)
"""With which servers in TLS answer 400 to what is not."""

_REDIRECTIONS = range(300, 400)

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_CENTURY, _NEXT_CENTURY = 1900, 70
"""A year of two digits is of this century up to 69, as POSIX has it."""


def said(response: Response, secrets: Iterable[str]) -> str:
    """Return what the endpoint says of it in a clause; empty for nothing of use.

    Args:
        response: Of a status other than success.
        secrets: As ``secrets_of`` has them.
    """
    location = response.headers.get("location", "")
    if response.status in _REDIRECTIONS and location:
        return excerpt(f"it redirects to {location}", secrets)
    if len(response.body) > _BODY_BYTES_MAX:
        return ""
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = _rpc_message(response.body) if content_type == PROTOBUF else ""
    if content_type == JSON or response.body.lstrip().startswith(b"{"):
        text = _json_message(response.body)
    return excerpt(text or _plain(response.body), secrets)


def is_of_tls(response: Response) -> bool:
    """Whether it refuses the request because it did not come in TLS."""
    is_read = response.status == BAD_REQUEST and len(response.body) <= _BODY_BYTES_MAX
    return is_read and any(words in response.body for words in _OF_TLS)


def excerpt(text: str, secrets: Iterable[str]) -> str:
    """Return the beginning of a text in one line, printable, with what is secret masked."""
    for secret in secrets:
        text = text.replace(secret, "****")
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:_EXCERPT].rstrip(" .:;,")


def secrets_of(values: Iterable[str]) -> tuple[str, ...]:
    """Return what of the values that were sent must not be said: they, and words within them.

    Returns:
        The longest first, so that none is left half.
    """
    words = {word for value in values for word in (value, *value.split())}
    long = [word for word in words if len(word) >= _SECRET_CHARACTERS_MIN]
    secret = [word for word in long if word.lower() not in _SCHEMES]
    return tuple(sorted(secret, key=lambda word: (-len(word), word)))


def sent_with(names: Iterable[str]) -> str:
    """Return which headers of the operator's a refused request had, never what they hold."""
    names = sorted(names)
    if not names:
        return "sent with no header of the configuration"
    return f"sent with the header{'s' if len(names) > 1 else ''} {', '.join(names)}"


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Return for how long the endpoint wants to be left alone; None where it does not say.

    A date is taken relative to the endpoint's own clock, if it shows it.

    Args:
        headers: Of its answer.
        now: Seconds since the epoch.
    """
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_S_MAX)
    until = _date(text)
    if until is None:
        return None
    date = _date(headers.get("date", ""))
    return bounded(until - (now if date is None else date))


def bounded(delay_s: float) -> float:
    """Return a delay that somebody else asked for, within what is granted."""
    return min(max(delay_s, 0.0), RETRY_AFTER_S_MAX)


def _date(text: str) -> float | None:
    """Return the seconds since the epoch of an HTTP date, in any of its three forms; else None.

    ::

        Sun, 06 Nov 1994 08:49:37 GMT     Sunday, 06-Nov-94 08:49:37 GMT
        Sun Nov  6 08:49:37 1994

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats
    """
    words = text.replace(",", " ").replace("-", " ").split()
    try:
        if words[-1] == "GMT":
            _, day, month, year, clock, _ = words
        else:
            _, month, day, clock, year = words
        number = int(year)
        if len(year) == 2:  # noqa: PLR2004 - digits
            number += _CENTURY if number >= _NEXT_CENTURY else _CENTURY + 100
        return epoch_s(f"{number:04}-{_MONTHS.index(month) + 1:02}-{int(day):02}T{clock}Z")
    except (ValueError, IndexError):
        return None


def _rpc_message(body: bytes) -> str:
    """Return the message of a ``google.rpc.Status {1: code, 2: message}``; empty for none."""
    message = ""
    try:
        for field in wire.fields(body, 0, len(body)):
            if field.number == 2 and field.wire_type == wire.LENGTH_DELIMITED:  # noqa: PLR2004
                message = body[field.value_at : field.end].decode("utf-8", "replace")
    except wire.MalformedError:
        return ""
    return message


def _json_message(body: bytes) -> str:
    try:
        return _message_in(json_text.parse(body))
    except ValueError:
        return ""


def _message_in(value: Any, depth_max: int = 4) -> str:  # noqa: ANN401 - JSON is of any shape
    """Return the first text where a message may be: ``{"error": {"message": "..."}}``."""
    if isinstance(value, str):
        return value
    if not value or not depth_max or not isinstance(value, dict | list):
        return ""
    inner = value[:1] if isinstance(value, list) else [value[k] for k in _JSON_KEYS if k in value]
    return next(filter(None, (_message_in(item, depth_max - 1) for item in inner)), "")


def _plain(body: bytes) -> str:
    """Return a body that is text for people; empty for a page, or for what is no text."""
    try:
        text = body.decode("utf-8").strip()
    except UnicodeDecodeError:
        return ""
    is_text = all(c.isprintable() or c.isspace() for c in text)
    return text if is_text and not text.startswith("<") else ""
