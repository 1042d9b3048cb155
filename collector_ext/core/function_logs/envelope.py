"""Records that are JSON objects: Lambda's envelope, and what else a function may write.

The fields of the envelope become what OpenTelemetry has for them; the others are attributes.
An object without a message is the body itself. A field is taken only if it is of the shape that
it has in the envelope: what is not understood stays as it was written.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

from __future__ import annotations

from collector_ext.core.function_logs.log_record import (
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
    LogRecord,
    ns_of,
    request_id_in,
    severity_number,
    trace_context,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collector_ext.core.function_logs.log_record import TraceContext

_LEVELS = ("level", "log_level")
"""The second is what awslambdaric 4.0.1 to 4.0.3 called that of an error."""

_REQUEST_IDS = ("requestId", "AWSRequestId", "function_request_id")
"""Lambda's; that of its other runtimes; that of Powertools for AWS Lambda."""

_FRACTION_AT = len("2026-11-23T20:38:55")
_LEVEL_MAX = 100  # characters
_LOCATION_PARTS = 3
_LINE_DIGITS_MAX = 9
_SAMPLED = 1


def record_of(found: dict[str, Any], at_ns: int) -> LogRecord:
    """Return what an object says.

    Args:
        found: It; what is not understood of it is handed on.
        at_ns: When the platform took it, in nanoseconds since the epoch.
    """
    rest = dict(found)
    written_ns = _take_time(rest)
    level = _take_level(rest)
    request_id = _take_request_id(rest)
    trace = _take_trace(rest)
    attributes = _take_exception(rest)
    body: object = rest
    if "message" in rest:
        body = rest.pop("message")
    elif EXCEPTION_MESSAGE in attributes:
        body = attributes[EXCEPTION_MESSAGE]
    if body is not rest:
        attributes.update(rest)
    # The runtime's own formatter writes whole seconds; the platform knows better.
    at_ns = written_ns or at_ns
    return LogRecord(at_ns, severity_number(level), level, body, attributes, request_id, trace)


def _take_time(rest: dict[str, Any]) -> int:
    """Return when it was written, where that is told more exactly than in seconds."""
    text = rest.get("timestamp")
    written_ns = ns_of(text)
    if not isinstance(text, str) or not written_ns:
        return 0
    del rest["timestamp"]
    return written_ns if text[_FRACTION_AT : _FRACTION_AT + 1] == "." else 0


def _take_level(rest: dict[str, Any]) -> str:
    for key in _LEVELS:
        found = rest.get(key)
        if isinstance(found, str) and len(found) <= _LEVEL_MAX:
            return str(rest.pop(key))
    return ""


def _take_request_id(rest: dict[str, Any]) -> str:
    for key in _REQUEST_IDS:
        found = request_id_in(rest.get(key))
        if found:
            del rest[key]
            return found
    return ""


def _take_trace(rest: dict[str, Any]) -> TraceContext | None:
    """Return the trace that `docs/logs.md` says a record leads to, by either family of names."""
    trace = trace_context(rest.get("trace_id"), rest.get("span_id"), _flags(rest))
    if trace:
        _drop(rest, "trace_id", "span_id", "trace_flags")
    elif "otelTraceID" in rest:
        flags = _SAMPLED if rest.get("otelTraceSampled") is True else 0
        trace = trace_context(rest["otelTraceID"], rest.get("otelSpanID"), flags)
    if trace or rest.get("otelTraceID") == "0":
        _drop(rest, "otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName")
    _drop(rest, "service.name")  # it is the resource's
    return trace


def _flags(rest: dict[str, Any]) -> int:
    found = rest.get("trace_flags")
    try:
        return int(found, 16) if isinstance(found, str) else 0
    except ValueError:
        return 0


def _take_exception(rest: dict[str, Any]) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for key, name in (("errorType", EXCEPTION_TYPE), ("errorMessage", EXCEPTION_MESSAGE)):
        if isinstance(rest.get(key), str):
            attributes[name] = rest.pop(key)
    frames = rest.get("stackTrace")
    if isinstance(frames, list) and all(isinstance(frame, str) for frame in frames):
        del rest["stackTrace"]
        if frames:
            attributes[EXCEPTION_STACKTRACE] = "\n".join([f.removesuffix("\n") for f in frames])
    attributes.update(_take_location(rest))
    return attributes


def _take_location(rest: dict[str, Any]) -> dict[str, object]:
    """Return what ``path:function:line`` says.

    Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
    """
    found = rest.get("location")
    parts = found.rsplit(":", _LOCATION_PARTS - 1) if isinstance(found, str) else []
    if len(parts) != _LOCATION_PARTS:
        return {}
    path, function, line = parts
    if not (line.isascii() and line.isdigit() and len(line) <= _LINE_DIGITS_MAX):
        return {}
    del rest["location"]
    return {"code.file.path": path, "code.function.name": function, "code.line.number": int(line)}


def _drop(rest: dict[str, Any], *names: str) -> None:
    for name in names:
        rest.pop(name, None)
