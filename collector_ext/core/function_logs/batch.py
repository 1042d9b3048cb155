"""Batches of telemetry with what the function wrote in them.

What a function writes may be of any shape. A record that cannot be read must not cost the others
of its batch, least of all those that say how an invocation ended. So this reads what Lambda may
have taken over from the function: numbers of any length, ``NaN``, texts that are no UTF-8; and,
where an entry is nested too deeply, the others.

Specification: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

from __future__ import annotations

import _json

from collector_ext.core.events import FunctionLogged
from collector_ext.core.platform import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collector_ext.core.events import PlatformReported
    from collector_ext.core.telemetry import PlatformEvent

FUNCTION = "function"
LOGS_DROPPED = "platform.logsDropped"
STARTS = ("platform.start",)
ENDS = ("platform.report", "platform.initStart", "platform.restoreStart")
"""What says which invocation is in progress, and that none is. Between a report and the next
start the environment is frozen; a process that initialises serves none yet."""

_TOLD = frozenset((FUNCTION, LOGS_DROPPED, *STARTS, *ENDS))
_BETWEEN = " \t\n\r,"


class _Context:
    """What the scanner asks its creator for: more than JSON is read."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_constant = float

    @staticmethod
    def parse_int(digits: str) -> float:
        """Return a number; above 4300 digits Python has no whole one."""
        try:
            return int(digits)
        except ValueError:
            return float(digits)


def events_in(body: bytes, now: float) -> list[PlatformEvent | PlatformReported | FunctionLogged]:
    """Return what a batch says: first what the function wrote, then as `records.events_in`.

    The first goes before what the others may order, a flush: it is to be in it.

    Args:
        body: What the platform posted.
        now: Seconds since the epoch; taken for the end of an invocation without a time.
    """
    entries = [entry for entry in entries_in(body) if isinstance(entry, dict)]
    told = tuple([each for each in entries if _kind(each) in _TOLD])
    platform = [each for each in entries if _kind(each) != FUNCTION]
    logged = [FunctionLogged(hash(body), told)] if told else []
    return [*logged, *records.told_in(platform, now)]


def entries_in(body: bytes) -> list[Any]:
    """Return the entries of a batch, of whatever shape each is; none of what is no batch."""
    text = body.decode("utf-8", "replace").strip()
    try:
        batch, _ = _scan(text, 0)
    except (StopIteration, RecursionError, ValueError):
        return _one_by_one(text)
    return batch if isinstance(batch, list) else []


def _one_by_one(text: str) -> list[Any]:
    """Return the entries up to the first that is no JSON; one that is too deep as its text."""
    found: list[Any] = []
    at, end = 1, len(text) if text.startswith("[") else 0
    while True:
        while at < end and text[at] in _BETWEEN:
            at += 1
        if at >= end or text[at] == "]":
            return found
        try:
            entry, at = _scan(text, at)
        except RecursionError:
            start, at = at, _end_of(text, at)
            entry = {"type": FUNCTION, "record": text[start:at]}
        except (StopIteration, ValueError):
            return found
        found.append(entry)


def _end_of(text: str, at: int) -> int:
    """Return where the object that begins here ends; the text's end where it does not."""
    depth = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == '"':
            try:
                _, at = _json.scanstring(text, at, False)  # noqa: FBT003 - not strict
            except ValueError:
                break
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if not depth:
                return at
    return len(text)


def _kind(entry: dict[str, Any]) -> str:
    found = entry.get("type")
    return found if isinstance(found, str) else ""


_scan = _json.make_scanner(_Context())  # type: ignore[arg-type]  # typeshed names the result
