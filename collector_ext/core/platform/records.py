"""The platform's telemetry in full: what took how long.

An entry of a batch is ``{"time": ISO 8601, "type": ..., "record": {...}}``. Only what is about
initialisation, restore and invocations is read; anything else, and whatever is not of the shape
that the schema gives it, is passed over.

Specification: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

from __future__ import annotations

from collector_ext.core import telemetry
from collector_ext.core.events import PlatformReported
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from collector_ext.core.telemetry import PlatformEvent

_PREFIX = "platform."

INIT_START, INIT_RUNTIME_DONE, INIT_REPORT = "initStart", "initRuntimeDone", "initReport"
RESTORE_START = "restoreStart"
RESTORE_RUNTIME_DONE = "restoreRuntimeDone"
RESTORE_REPORT = "restoreReport"
INVOKE_START, INVOKE_RUNTIME_DONE, INVOKE_REPORT = "start", "runtimeDone", "report"

KINDS = (
    INIT_START,
    INIT_RUNTIME_DONE,
    INIT_REPORT,
    RESTORE_START,
    RESTORE_RUNTIME_DONE,
    RESTORE_REPORT,
    INVOKE_START,
    INVOKE_RUNTIME_DONE,
    INVOKE_REPORT,
)
"""Types of entries, without ``platform.``; the last three are of an invocation."""

PART_COUNT_MAX = 16
"""Of one record; Lambda has three."""

_TEXT_MAX = 100  # characters: of names, which Lambda chooses
_NUMBER_MAX = 1e12  # ms: 31 years
_NS_PER_MS = 1_000_000
_AT_NS_MAX = 1 << 63  # in the year 2262; with any duration, an instant has 64 bits


class Part(Value):
    """A part of an invocation that Lambda has measured."""

    name: str  # e.g. responseLatency
    start_ns: int  # since the epoch; whole milliseconds
    duration_ns: int


class PlatformRecord(Value):
    """One entry. What it does not say is empty."""

    kind: str  # one of KINDS
    at_ns: int  # since the epoch, when it was told; whole milliseconds
    request_id: str
    status: str  # success, failure, error or timeout
    error_type: str  # e.g. Runtime.ExitError
    initialization_type: str  # on-demand, provisioned-concurrency, snap-start, ...
    phase: str  # init, or invoke for an initialisation within an invocation
    metrics: dict[str, float]  # e.g. durationMs, in the unit that the name ends with
    parts: tuple[Part, ...]


def events_in(body: bytes, now: float) -> list[PlatformEvent | PlatformReported]:
    """Return what a batch says, in its order.

    What a record says of durations goes before what it says of the end of an invocation: that
    may order a flush, and it is to be in it.

    Args:
        body: What the platform posted.
        now: Seconds since the epoch; taken for the end of an invocation without a time.
    """
    return told_in(telemetry.entries_in(body), now)


def told_in(entries: Iterable[Any], now: float) -> list[PlatformEvent | PlatformReported]:
    """Return what entries say, in their order; ``now`` as in ``events_in``."""
    events: list[PlatformEvent | PlatformReported] = []
    for entry in entries:
        record = record_in(entry)
        if record is not None:
            events.append(PlatformReported(record))
        events += telemetry.ends_in([entry], now)
    return events


def record_in(entry: object) -> PlatformRecord | None:
    """Return what an entry says; None for one that is not read."""
    if not isinstance(entry, dict):
        return None
    kind = str(entry.get("type", "")).removeprefix(_PREFIX)
    at_ns, record = _ns(entry.get("time")), entry.get("record")
    if kind not in KINDS or at_ns is None or not isinstance(record, dict):
        return None
    request_id = _text(record, "requestId")
    if kind in KINDS[-3:] and not request_id:
        return None
    return PlatformRecord(
        kind=kind,
        at_ns=at_ns,
        request_id=request_id,
        status=_text(record, "status"),
        error_type=_text(record, "errorType"),
        initialization_type=_text(record, "initializationType"),
        phase=_text(record, "phase"),
        metrics=_metrics(record.get("metrics")),
        parts=_parts(record.get("spans")),
    )


def _text(record: dict[str, Any], name: str) -> str:
    found = record.get(name)
    # JSON can hold what UTF-8 cannot: half a pair of surrogates.
    return found[:_TEXT_MAX].encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def _metrics(found: object) -> dict[str, float]:
    if not isinstance(found, dict):
        return {}
    amounts = {name: _amount(value) for name, value in found.items()}
    return {name: value for name, value in amounts.items() if value is not None}


def _parts(found: object) -> tuple[Part, ...]:
    if not isinstance(found, list):
        return ()
    parts = [_part(each) for each in found[:PART_COUNT_MAX] if isinstance(each, dict)]
    return tuple([part for part in parts if part is not None])


def _part(found: dict[str, Any]) -> Part | None:
    name, start_ns = _text(found, "name"), _ns(found.get("start"))
    duration_ms = _amount(found.get("durationMs"))
    if not name or start_ns is None or duration_ms is None:
        return None
    return Part(name, start_ns, ns_of(duration_ms))


def ns_of(duration_ms: float) -> int:
    """Return milliseconds in nanoseconds."""
    return round(duration_ms * _NS_PER_MS)


def _amount(value: object) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return value if 0 <= value < _NUMBER_MAX else None


def _ns(text: object) -> int | None:
    """Return an instant in nanoseconds since the epoch; None for none that can be written."""
    try:
        # Lambda writes whole milliseconds; as seconds they are not exact.
        at_ns = round(telemetry.epoch_s(str(text)) * 1_000) * _NS_PER_MS
    except ValueError:
        return None
    return at_ns if 0 < at_ns < _AT_NS_MAX else None
