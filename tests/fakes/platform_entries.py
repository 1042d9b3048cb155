"""Entries of the platform's telemetry for tests, made by the sandbox as Lambda makes them.

Instants are milliseconds after ``T0_S``. An environment on demand, and its first invocation::

    entries = [*init(0, 120), *invocation("r-1", 121, took_ms=30)]
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from collector_ext.core.platform.records import PlatformRecord, record_in
from lambda_sandbox.core.function import ON_DEMAND, FunctionFacts
from lambda_sandbox.core.instant import iso_time
from lambda_sandbox.core.telemetry import records
from lambda_sandbox.core.telemetry.records import StartUp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_sandbox.core.function import InitializationType

Entry = dict[str, Any]

T0_S = 1_795_438_801.0
T0_NS = 1_795_438_801_000_000_000
"""2026-11-23 13:00:01 UTC."""

MS = 1_000_000
"""Nanoseconds."""

MEMORY_MB = 256
USED_MB = 64
RESPONSE_BYTES = 101


def at_s(at_ms: float) -> float:
    """Return an instant in seconds since the epoch."""
    return T0_S + at_ms / 1000


def at_ns(at_ms: float) -> int:
    """Return an instant in nanoseconds since the epoch."""
    return T0_NS + round(at_ms * MS)


def entry(kind: str, record: object, at_ms: float) -> Entry:
    """Return one entry of a batch."""
    return {"time": iso_time(at_s(at_ms)), "type": f"platform.{kind}", "record": record}


def init(
    start_ms: float,
    end_ms: float,
    *,
    initialization_type: InitializationType = ON_DEMAND,
    phase: str = "init",
    error_type: str | None = None,
) -> list[Entry]:
    """Return what is told of an initialisation; its runtime is done 2 ms before its end."""
    facts = _facts(initialization_type)
    status = "error" if error_type else "success"
    done = records.init_runtime_done(facts, phase, status, error_type)
    duration_s = (end_ms - start_ms) / 1000
    return [
        entry("initStart", records.init_start(facts, phase), start_ms),
        entry("initRuntimeDone", done, end_ms - 2),
        entry(
            "initReport", records.init_report(facts, phase, status, error_type, duration_s), end_ms
        ),
    ]


def restore(start_ms: float, end_ms: float) -> list[Entry]:
    """Return what is told of the restore of a snapshot."""
    duration_s = (end_ms - start_ms) / 1000
    return [
        entry("restoreStart", records.restore_start(_facts("snap-start")), start_ms),
        entry("restoreRuntimeDone", records.restore_runtime_done("success", None), end_ms - 2),
        entry("restoreReport", records.restore_report("success", None, duration_s), end_ms),
    ]


def start(request_id: str, at_ms: float) -> Entry:
    """Return what is told of the beginning of an invocation."""
    return entry("start", {"requestId": request_id, "version": "$LATEST"}, at_ms)


def runtime_done(
    request_id: str, start_ms: float, took_ms: float, *, status: str = "success", **fields: Any
) -> Entry:
    """Return what is told when the runtime is done; the last millisecond is its overhead."""
    responded_ms = start_ms + took_ms - 1
    record = {
        "requestId": request_id,
        "status": status,
        "metrics": {"durationMs": took_ms, "producedBytes": RESPONSE_BYTES},
        "spans": [
            records.span("responseLatency", at_s(start_ms), (took_ms - 1) / 1000),
            records.span("responseDuration", at_s(responded_ms), 0.0),
            records.span("runtimeOverhead", at_s(responded_ms), 0.001),
        ],
        **fields,
    }
    return entry("runtimeDone", record, start_ms + took_ms)


def report(  # noqa: PLR0913 - each has a default that most tests take
    request_id: str,
    start_ms: float,
    took_ms: float,
    *,
    overhead_ms: float = 3,
    status: str = "success",
    start_up: StartUp | None = None,
    **fields: Any,
) -> Entry:
    """Return what is told when all are done, extensions last."""
    done_ms, duration_s = start_ms + took_ms, (took_ms + overhead_ms) / 1000
    used_bytes = USED_MB * 1024 * 1024
    record = {
        "requestId": request_id,
        "status": status,
        "metrics": records.metrics(_facts(ON_DEMAND), duration_s, start_up, used_bytes),
        "spans": [records.span("extensionOverhead", at_s(done_ms), overhead_ms / 1000)],
        **fields,
    }
    return entry("report", record, done_ms + overhead_ms)


def invocation(
    request_id: str, start_ms: float, *, took_ms: float, status: str = "success"
) -> list[Entry]:
    """Return what is told of an invocation from its beginning to its report."""
    return [
        start(request_id, start_ms),
        runtime_done(request_id, start_ms, took_ms, status=status),
        report(request_id, start_ms, took_ms, status=status),
    ]


def record_of(entry: Entry) -> PlatformRecord:
    """Return what the collector reads of an entry that it reads."""
    (found,) = records_in([entry])
    return found


def records_in(entries: Iterable[Entry]) -> list[PlatformRecord]:
    """Return what the collector reads of entries."""
    found = [record_in(each) for each in entries]
    return [record for record in found if record is not None]


def batch(*entries: Entry) -> bytes:
    """Return what Lambda posts."""
    return json.dumps(entries).encode()


def _facts(initialization_type: InitializationType) -> FunctionFacts:
    return FunctionFacts(
        "hello",
        "$LATEST",
        "app.handler",
        MEMORY_MB,
        3.0,
        "3.13",
        "stream",
        initialization_type=initialization_type,
    )
