"""Records that are text, as the managed Python runtime writes them.

A record of ``logging``, with the column that `OTEL_PYTHON_LOG_CORRELATION` adds::

    [WARNING]<tab>2026-11-23T20:38:55.123Z<tab>request id<tab>[trace_id=... ]<tab>sold out

What it reports of an exception that the handler raised; without
``_LAMBDA_TELEMETRY_LOG_FD``, carriage returns are its line breaks::

    [ERROR] ValueError: no such thing
    Traceback (most recent call last):
      File "/var/task/app.py", line 3, in handler

Anything else, as what is printed, is a body and nothing more.
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
    from collector_ext.core.function_logs.log_record import TraceContext

_COLUMN_COUNT = 4
_REPORT = "[ERROR] "
_TRACEBACK = "Traceback (most recent call last):"
_CORRELATION = "[trace_id="
_SAMPLED = 1


def record_of(text: str, at_ns: int) -> LogRecord:
    """Return what a text says.

    Args:
        text: All of the record.
        at_ns: When the platform took it, in nanoseconds since the epoch.
    """
    text = text.removesuffix("\n")
    if text.startswith("["):
        columns = text.split("\t", _COLUMN_COUNT - 1)
        if len(columns) == _COLUMN_COUNT and columns[0].endswith("]"):
            written_ns = ns_of(columns[1])
            if written_ns:
                return _of_logging(columns, written_ns)
        if text.startswith(_REPORT):
            return _of_report(text, at_ns)
    return LogRecord(at_ns, 0, "", text, {}, "", None)


def _of_logging(columns: list[str], written_ns: int) -> LogRecord:
    level, request_id = columns[0][1:-1], request_id_in(columns[2])
    message, trace = _without_correlation(columns[3])
    return LogRecord(written_ns, severity_number(level), level, message, {}, request_id, trace)


def _without_correlation(message: str) -> tuple[str, TraceContext | None]:
    """Return a message without the column that shows its trace, and the trace."""
    column, tab, rest = message.partition("\t")
    if not tab or not column.startswith(_CORRELATION) or not column.endswith("]"):
        return message, None
    fields = dict(word.partition("=")[::2] for word in column[1:-1].split(" "))
    flags = _SAMPLED if fields.get("trace_sampled") == "True" else 0
    trace = trace_context(fields.get("trace_id"), fields.get("span_id"), flags)
    # "0" is what the column shows outside of a span.
    return (rest, trace) if trace or fields.get("trace_id") == "0" else (message, None)


def _of_report(text: str, at_ns: int) -> LogRecord:
    lines = text.replace("\r", "\n")
    said, traceback, frames = lines[len(_REPORT) :].partition("\n" + _TRACEBACK)
    kind, colon, message = said.partition(": ")
    attributes: dict[str, object] = {}
    if traceback:
        if kind.replace(".", "").isidentifier():
            attributes[EXCEPTION_TYPE] = kind
            attributes.update({EXCEPTION_MESSAGE: message} if colon else {})
        attributes[EXCEPTION_STACKTRACE] = _TRACEBACK + frames
    return LogRecord(at_ns, severity_number("ERROR"), "ERROR", said, attributes, "", None)
