"""The platform's events, and the log lines that say the same to people.

Field names and their order are those of the schema; durations on the wire are milliseconds.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_sandbox.core.instant import iso_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_sandbox.core.function import FunctionFacts

Record = dict[str, Any]


def milliseconds(duration_s: float) -> float:
    """Return a duration as telemetry writes it: milliseconds, to the microsecond."""
    return round(duration_s * 1000, 3)


def span(name: str, start_epoch_s: float, duration_s: float) -> Record:
    """Return a part of an invocation: ``{name, start, durationMs}``."""
    return {
        "name": name,
        "start": iso_time(start_epoch_s),
        "durationMs": milliseconds(duration_s),
    }


def tracing(trace_header: str) -> Record:
    """Return ``{"tracing": …}`` for the header of a sampled trace, and nothing for any other."""
    fields = dict(part.strip().partition("=")[::2] for part in trace_header.split(";"))
    if fields.get("Sampled") != "1":
        return {}
    parent = {"spanId": fields["Parent"]} if fields.get("Parent") else {}
    return {"tracing": {**parent, "type": "X-Amzn-Trace-Id", "value": trace_header}}


def error(error_type: str | None) -> Record:
    """Return ``{"errorType": …}`` for an error, and nothing for none."""
    return {"errorType": error_type} if error_type else {}


def init_start(function: FunctionFacts, phase: str) -> Record:
    """Return the record of ``platform.initStart``."""
    return {
        "initializationType": function.initialization_type,
        "phase": phase,
        "functionName": function.name,
        "functionVersion": function.version,
        "runtimeVersion": function.runtime_version,
        "runtimeVersionArn": function.runtime_version_arn,
        "instanceId": function.log_stream,
        "instanceMaxMemory": function.memory_mb * 1024 * 1024,
    }


def init_runtime_done(
    function: FunctionFacts, phase: str, status: str, error_type: str | None
) -> Record:
    """Return the record of ``platform.initRuntimeDone``."""
    return {
        "initializationType": function.initialization_type,
        "phase": phase,
        "status": status,
        **error(error_type),
    }


def init_report(
    function: FunctionFacts, phase: str, status: str, error_type: str | None, duration_s: float
) -> Record:
    """Return the record of ``platform.initReport``."""
    return {
        "initializationType": function.initialization_type,
        "phase": phase,
        "status": status,
        **error(error_type),
        "metrics": {"durationMs": milliseconds(duration_s)},
    }


def restore_start(function: FunctionFacts) -> Record:
    """Return the record of ``platform.restoreStart``."""
    return {
        "functionName": function.name,
        "functionVersion": function.version,
        "instanceId": function.log_stream,
        "instanceMaxMemory": function.memory_mb * 1024 * 1024,
        "runtimeVersion": function.runtime_version,
        "runtimeVersionArn": function.runtime_version_arn,
    }


def restore_runtime_done(status: str, error_type: str | None) -> Record:
    """Return the record of ``platform.restoreRuntimeDone``."""
    return {"status": status, **error(error_type)}


def restore_report(status: str, error_type: str | None, duration_s: float) -> Record:
    """Return the record of ``platform.restoreReport``."""
    return {
        "status": status,
        **error(error_type),
        "metrics": {"durationMs": milliseconds(duration_s)},
    }


def extension(name: str, state: str, events: Iterable[str], error_type: str | None) -> Record:
    """Return the record of ``platform.extension``."""
    return {"name": name, "state": state, "events": sorted(events), **error(error_type)}


def log_record(text: str, log_format: str) -> str | Record:
    """Return a line of a log as subscribers get it that know objects.

    Args:
        text: What was written.
        log_format: Of the function: ``JSON`` makes an object of what is one.
    """
    if log_format != "JSON":
        return text
    try:
        record = json.loads(text)
    except ValueError:
        return text
    return record if isinstance(record, dict) else text


@dataclass(frozen=True, slots=True)
class StartUp:
    """What went before the first invocation of an environment, and is reported with it.

    Attributes:
        restored: Whether it was a restore of a snapshot, and not an initialisation.
        duration_s: How long it took.
    """

    restored: bool
    duration_s: float


def metrics(
    function: FunctionFacts, duration_s: float, start_up: StartUp | None, used_bytes: int
) -> Record:
    """Return the metrics of ``platform.report``.

    Initialisation is billed with the first invocation, as it is since August 2025; a restore is
    billed by itself.

    Args:
        function: The function.
        duration_s: Of the invocation, extensions included.
        start_up: What went before, if it has not been reported yet.
        used_bytes: Peak memory of all processes together.
    """
    billed_s, before = duration_s, {}
    if start_up is not None and start_up.restored:
        before = {
            "restoreDurationMs": milliseconds(start_up.duration_s),
            "billedRestoreDurationMs": math.ceil(start_up.duration_s * 1000),
        }
    elif start_up is not None:
        billed_s += start_up.duration_s
        before = {"initDurationMs": milliseconds(start_up.duration_s)}
    return {
        "durationMs": milliseconds(duration_s),
        "billedDurationMs": math.ceil(billed_s * 1000),
        "memorySizeMB": function.memory_mb,
        "maxMemoryUsedMB": math.ceil(used_bytes / (1024 * 1024)),
        **before,
    }


def report_line(request_id: str, record: Record) -> str:
    """Return the REPORT line that CloudWatch shows for a ``platform.report``."""
    measured = record["metrics"]
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {measured['durationMs']:.2f} ms",
        f"Billed Duration: {measured['billedDurationMs']} ms",
        f"Memory Size: {measured['memorySizeMB']} MB",
        f"Max Memory Used: {measured['maxMemoryUsedMB']} MB",
    ]
    if "initDurationMs" in measured:
        parts.append(f"Init Duration: {measured['initDurationMs']:.2f} ms")
    if "restoreDurationMs" in measured:
        parts.append(f"Restore Duration: {measured['restoreDurationMs']:.2f} ms")
        parts.append(f"Billed Restore Duration: {measured['billedRestoreDurationMs']} ms")
    if record["status"] != "success":
        parts.append(f"Status: {record['status']}")
    if "errorType" in record:
        parts.append(f"Error Type: {record['errorType']}")
    return "\t".join(parts)


def init_report_line(record: Record) -> str:
    """Return the INIT_REPORT line, which CloudWatch shows when initialisation fails."""
    parts = [
        f"INIT_REPORT Init Duration: {record['metrics']['durationMs']:.2f} ms",
        f"Phase: {record['phase']}",
        f"Status: {record['status']}",
    ]
    if "errorType" in record:
        parts.append(f"Error Type: {record['errorType']}")
    return "\t".join(parts)
