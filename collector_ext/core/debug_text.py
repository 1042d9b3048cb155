"""Export requests as lines that a person reads, briefly or with everything that is in them.

Briefly is a line for each span, data point or log record; in detail is a line for each field,
under its name in OTLP's JSON, with attributes as ``key: value`` and times as dates.
"""

from __future__ import annotations

import datetime as dt

from collector_ext.core.otlp import LOGS, METRICS, TRACES, Signal
from collector_ext.core.transcode.messages import (
    SEVERITIES,
    SPAN_KINDS,
    STATUS_CODES,
    TEMPORALITIES,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    Content = Mapping[str, Any]

BASIC, NORMAL, DETAILED = "basic", "normal", "detailed"

LINES_MAX = 1000
"""Of one export request: CloudWatch Logs is paid by the byte, and each line is a system call."""

LINE_MAX = 4000
"""Characters, most of them of one byte: what a pipe takes whole is 4096 bytes."""

_INDENT = "  "
_NS = 10**9
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, which is written beside it

_LEVELS = {
    TRACES: ("resourceSpans", "scopeSpans", "spans"),
    METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
    LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
}
_DATA = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
_FIGURES = ("count", "sum", "min", "max")  # of a data point that is not one number
_NAMES = {
    "kind": SPAN_KINDS,
    "code": STATUS_CODES,
    "aggregationTemporality": TEMPORALITIES,
    "severityNumber": SEVERITIES,
}


def lines(signal: Signal, content: Content, verbosity: str) -> Iterator[str]:
    """Yield the lines of one export request, at most ``LINES_MAX`` and one that says so.

    Args:
        signal: Of the request.
        content: The request, as OTLP's JSON has it.
        verbosity: BASIC, NORMAL or DETAILED.
    """
    items = list(_items(signal, content))
    yield _summary(signal, content, items)
    if verbosity == BASIC:
        return
    brief = (_BRIEF[signal](item) for item in items)
    for count, line in enumerate(_fields(content, "") if verbosity == DETAILED else brief):
        if count == LINES_MAX:
            yield f"more than {LINES_MAX} lines; the rest is left out"
            return
        yield line if len(line) <= LINE_MAX else f"{line[:LINE_MAX]}…"


def value_text(value: Content) -> str:
    """Return an ``AnyValue``: texts and numbers as they are, bytes in base64, nothing if unset."""
    for kind, content in value.items():
        if kind == "arrayValue":
            return f"[{', '.join(value_text(element) for element in content.get('values', ()))}]"
        if kind == "kvlistValue":
            pairs = (_pair(pair, ": ") for pair in content.get("values", ()))
            return f"{{{', '.join(pairs)}}}"
        return _scalar_text(content)
    return ""


def time_text(at_ns: str) -> str:
    """Return nanoseconds since the epoch as a date in UTC with all its digits."""
    seconds, nanoseconds = divmod(int(at_ns), _NS)
    at = _EPOCH + dt.timedelta(seconds=seconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09}Z"


def _items(signal: Signal, content: Content) -> Iterator[Content]:
    """Yield all spans or log records, or each data point within a copy of its metric."""
    resources, scopes, items = _LEVELS[signal]
    for resource in content.get(resources, ()):
        for scope in resource.get(scopes, ()):
            for item in scope.get(items, ()):
                yield from _points(item) if signal == METRICS else (item,)


def _points(metric: Content) -> Iterator[Content]:
    for data in _DATA:
        for point in metric.get(data, {}).get("dataPoints", ()):
            yield {"point": point, "name": metric.get("name", ""), "unit": metric.get("unit", "")}


def _summary(signal: Signal, content: Content, items: list[Content]) -> str:
    resources = _counted(len(content.get(_LEVELS[signal][0], ())), "resources")
    return f"{signal.name}: {_counted(len(items), signal.items)} of {resources}"


def _counted(count: int, things: str) -> str:
    return f"{count} {things.removesuffix('s') if count == 1 else things}"


def _span(span: Content) -> str:
    status = span.get("status", {})
    code = status.get("code", 0)
    return _joined(
        span.get("name", ""),
        f"trace_id={span.get('traceId', '')}",
        f"span_id={span.get('spanId', '')}",
        f"parent={span['parentSpanId']}" if "parentSpanId" in span else "",
        _duration(span),
        _name("code", code) if code else "",
        repr(status["message"]) if "message" in status else "",
        *_attributes(span),
    )


def _point(item: Content) -> str:
    point = item["point"]
    number = point.get("asInt", point.get("asDouble"))
    figures = " ".join(f"{name}={point[name]}" for name in _FIGURES if name in point)
    value = figures if number is None else str(number)
    return _joined(item["name"], value, item["unit"], *_attributes(point))


def _record(record: Content) -> str:
    severity = record.get("severityText") or _name(
        "severityNumber", record.get("severityNumber", 0)
    )
    return _joined(
        severity,
        record.get("eventName", ""),
        value_text(record.get("body", {})),
        f"trace_id={record['traceId']}" if "traceId" in record else "",
        f"span_id={record['spanId']}" if "spanId" in record else "",
        *_attributes(record),
    )


_BRIEF: dict[Signal, Callable[[Content], str]] = {TRACES: _span, METRICS: _point, LOGS: _record}


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _attributes(item: Content) -> list[str]:
    return [_pair(attribute, "=") for attribute in item.get("attributes", ())]


def _pair(pair: Content, between: str) -> str:
    return f"{pair.get('key', '')}{between}{value_text(pair.get('value', {}))}"


def _duration(span: Content) -> str:
    if "endTimeUnixNano" not in span:
        return "open"
    taken_ns = int(span["endTimeUnixNano"]) - int(span.get("startTimeUnixNano", 0))
    return f"{taken_ns / 1e6:.3f}ms"


def _fields(content: Content, indent: str) -> Iterator[str]:
    """Yield all of a message, one field after the other, inner messages further in."""
    for name, value in content.items():
        if isinstance(value, list):
            yield from _list(name, value, indent)
        elif name in {"value", "body"} and isinstance(value, dict):
            yield f"{indent}{name}: {value_text(value)}"
        elif isinstance(value, dict):
            yield f"{indent}{name}:"
            yield from _fields(value, indent + _INDENT)
        else:
            yield f"{indent}{name}: {_field_text(name, value)}"


def _list(name: str, values: list[Any], indent: str) -> Iterator[str]:
    if not isinstance(values[0], dict):
        yield f"{indent}{name}: {', '.join(str(value) for value in values)}"
    elif name.lower().endswith("attributes") or name == "metadata":
        yield f"{indent}{name}:"
        for pair in values:
            yield f"{indent}{_INDENT}{_pair(pair, ': ')}"
    else:
        for index, value in enumerate(values):
            yield f"{indent}{name}[{index}]:"
            yield from _fields(value, indent + _INDENT)


def _field_text(name: str, value: object) -> str:
    if name.endswith("UnixNano"):
        return time_text(str(value))
    if name in _NAMES and isinstance(value, int):
        return f"{_name(name, value)} ({value})"
    return _scalar_text(value)


def _name(field: str, number: int) -> str:
    names = _NAMES[field]
    return names[number] if 0 <= number < len(names) else str(number)


def _scalar_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
