"""The platform's telemetry as events: how an initialisation, or an invocation, ended.

A batch is a JSON array of ``{"time": ISO 8601, "type": ..., "record": {...}}``. Whatever we do
not know, or cannot read, is passed over: the platform would only send it again.

``platform.report`` is read like ``platform.runtimeDone``, which Managed Instances do not have;
where there are both, it repeats what is known.

Specification: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

from __future__ import annotations

from collector_ext.core import json_text
from collector_ext.core.events import InitDone, InitStarted, RuntimeDone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    PlatformEvent = InitStarted | InitDone | RuntimeDone

_INIT_START, _INIT_REPORT = "platform.initStart", "platform.initReport"
_ENDS = ("platform.runtimeDone", "platform.report")

_LEAP_SECOND = 61

_DAYS_TO_EPOCH = 719_468  # from 1 March of year 0, the calendar's start below


def events_in(body: bytes, now: float) -> list[PlatformEvent]:
    """Return what a batch says about initialisations and ends of invocations, in its order.

    Args:
        body: What the platform posted.
        now: Seconds since the epoch; taken when a record's time cannot be read.
    """
    return ends_in(entries_in(body), now)


def entries_in(body: bytes) -> list[Any]:
    """Return the entries of a batch, of whatever shape each is; none of what is no batch."""
    try:
        batch = json_text.parse(body)
    except ValueError:
        return []
    return batch if isinstance(batch, list) else []


def ends_in(entries: list[Any], now: float) -> list[PlatformEvent]:
    """Return what entries say about beginnings and ends; ``now`` as in ``events_in``."""
    events = [_event(entry, now) for entry in entries if isinstance(entry, dict)]
    return [event for event in events if event is not None]


def _event(entry: dict[str, Any], now: float) -> PlatformEvent | None:
    kind, record = entry.get("type"), entry.get("record")
    if not isinstance(record, dict):
        return None
    status = str(record.get("status", ""))
    if kind in _ENDS and isinstance(record.get("requestId"), str):
        error_type = str(record.get("errorType") or "")
        return RuntimeDone(record["requestId"], status, error_type, _at(entry, now))
    if kind == _INIT_START:
        return InitStarted(record.get("phase") == "invoke", _at(entry, now))
    return InitDone(status, _at(entry, now)) if kind == _INIT_REPORT else None


def _at(entry: dict[str, Any], now: float) -> float:
    try:
        return epoch_s(str(entry.get("time")))
    except ValueError:
        return now


def epoch_s(text: str) -> float:
    """Return the seconds since the epoch of a UTC time such as ``2026-11-23T07:10:41.800Z``.

    By hand: `datetime` costs 3 ms to import. The days are counted in a calendar that starts
    with March, where the leap day is the last of a year.

    Raises:
        ValueError: It is not such a time.
    """
    if len(text) < len("2026-11-23T07:10:41Z") or text[10] != "T" or text[-1] != "Z":
        message = f"not a UTC time: {text[:40]!r}"
        raise ValueError(message)
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), float(text[17:-1])
    if not 0 <= second <= _LEAP_SECOND:  # `float` reads "inf" and "nan" as well
        message = f"not a second: {text[:40]!r}"
        raise ValueError(message)
    year -= month < 3  # noqa: PLR2004 - March
    month_from_march = (month + 9) % 12
    days = 365 * year + year // 4 - year // 100 + year // 400
    days += (153 * month_from_march + 2) // 5 + day - 1 - _DAYS_TO_EPOCH
    return days * 86_400 + hour * 3_600 + minute * 60 + second
