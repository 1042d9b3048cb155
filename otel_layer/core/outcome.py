"""How an invocation ended, in the words of the semantic conventions.

Source: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable

TEXT_CHARACTERS_MAX = 16 * 1024
"""Of the message and of the stack trace that are recorded: each is copied some ten times on its
way, and a message can hold megabytes."""

ENTRY_CHARACTERS_MAX = 2 * 1024
"""Of one frame, or of one message, in a stack trace: no message is to leave no room for frames."""

STATUS_CHARACTERS_MAX = 1024
"""Of a status: the event has the message."""


RESULT_BYTES_MAX = 6 * 1024 * 1024 + 100
"""What Lambda takes of a result: with more, its answer to the runtime client is 413, and that
ends the process.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

TOO_LARGE = "Function.ResponseSizeTooLarge"
"""What Lambda calls it."""


def error_type(exception: BaseException) -> str:
    """Return the exception's class with its module, which built-in ones do without."""
    kind = type(exception)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def exception_event(kind: str, message: str, stacktrace: str) -> dict[str, str | bool]:
    """Return the attributes of the event that records an exception which ended the span."""
    return {
        "exception.type": kind,
        "exception.message": message,
        "exception.stacktrace": stacktrace,
        "exception.escaped": True,
    }


def cut(pieces: Iterable[str], characters_max: int) -> str:
    """Join pieces of text up to a bound, and say how much there would have been after it.

    Args:
        pieces: The text. No two of them are held at a time once the bound is reached.
        characters_max: Of the result, without the mark.
    """
    kept = []
    left, lost = characters_max, 0
    for piece in pieces:
        kept.append(piece[:left])
        lost += max(len(piece) - left, 0)
        left = max(left - len(piece), 0)
    if lost:
        kept.append(f"… [{lost} more characters]")
    return "".join(kept)


def runtime_fault(exception: BaseException) -> tuple[str, str] | None:
    """Read what the runtime client makes of a handler that it does not find.

    Args:
        exception: What was raised instead; the client's own, ``FaultException``, keeps its type
            and its message apart, and neither is its text.

    Returns:
        Type and message; None for an exception of the customer's.
    """
    kind, message = (getattr(exception, name, None) for name in ("exception_type", "msg"))
    return (kind, message) if isinstance(kind, str) and isinstance(message, str) else None


def is_too_large(result: object) -> bool:
    """Return whether Lambda will not take a result.

    Args:
        result: What the runtime client posts: JSON text, or bytes.
    """
    if not isinstance(result, (str, bytes)):
        return False
    size_bytes = len(result)
    # Most results are small or ASCII: nothing is encoded to know their size.
    if isinstance(result, str) and RESULT_BYTES_MAX >= size_bytes > RESULT_BYTES_MAX // 4:
        size_bytes = len(result.encode("utf-8", "replace"))
    return size_bytes > RESULT_BYTES_MAX


def cut_middle(entries: Iterable[str], characters_max: int) -> str:
    """Join the entries of a stack trace; what is too long loses those in its middle.

    Where it began and where it failed are what one looks for: the latter is at the end, after
    all exceptions that led to it.

    Args:
        entries: Frames, messages, and what is between them.
        characters_max: Of the result, without the mark that says what is not there.
    """
    head: list[str] = []
    tail: deque[str] = deque()
    head_left = tail_left = characters_max // 2
    lost = 0
    for entry in entries:
        text = cut([entry], ENTRY_CHARACTERS_MAX)
        if len(text) <= head_left and not tail:
            head.append(text)
            head_left -= len(text)
            continue
        tail.append(text)
        tail_left -= len(text)
        while tail_left < 0:
            lost += len(tail[0])
            tail_left += len(tail.popleft())
    mark = [f"… [{lost} more characters] …\n"] if lost else []
    return "".join([*head, *mark, *tail])


def posted_error(body: object) -> tuple[str, str]:
    """Read the error that the runtime posts by itself, about an event or a result.

    Args:
        body: The JSON text of the runtime client.

    Returns:
        The error's type and its message; empty where they could not be read.
    """
    try:
        error = json.loads(body) if isinstance(body, (str, bytes)) else None
    except ValueError:
        error = None
    if not isinstance(error, dict):
        return "", ""
    return str(error.get("errorType", "")), str(error.get("errorMessage", ""))
