"""What a record of the function's output says, whatever format it was written in."""

from __future__ import annotations

from collector_ext.core import telemetry
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"
"""Of the semantic conventions: https://opentelemetry.io/docs/specs/semconv/exceptions/"""

SEVERITIES = {
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "WARN": 13,
    "WARNING": 13,
    "ERROR": 17,
    "FATAL": 21,
    "CRITICAL": 21,
}
"""Lambda's levels and Python's. Any other word is kept, and has no number.

Source: https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
"""

_TRACE_ID_DIGITS, _SPAN_ID_DIGITS = 32, 16
_HEX = frozenset("0123456789abcdef")
_REQUEST_ID_MAX = 100  # characters; Lambda's have 36
_AT_NS_MAX = 1 << 63  # in the year 2262
_NS_PER_US = 1_000


class TraceContext(Value):
    """The span that a record was written in."""

    trace_id: bytes
    span_id: bytes  # empty where it is not known
    flags: int  # of W3C Trace Context


class LogRecord(Value):
    """One record. What it does not say is empty."""

    at_ns: int  # when it was written, since the epoch; 0 where that is not known
    severity_number: int
    severity_text: str
    body: object  # a text as a rule; else a value of JSON
    attributes: Mapping[str, object]
    request_id: str
    trace: TraceContext | None


def severity_number(word: str) -> int:
    """Return OpenTelemetry's number of a level; 0, unspecified, of an unknown one."""
    return SEVERITIES.get(word.upper(), 0)


def trace_context(trace_id: object, span_id: object, flags: int) -> TraceContext | None:
    """Return what two ids in hexadecimal digits name; None unless the first is one."""
    trace_bytes = _id(trace_id, _TRACE_ID_DIGITS)
    if trace_bytes is None:
        return None
    return TraceContext(trace_bytes, _id(span_id, _SPAN_ID_DIGITS) or b"", flags & 0xFF)


def _id(found: object, digit_count: int) -> bytes | None:
    if not isinstance(found, str) or len(found) != digit_count or not _HEX.issuperset(found):
        return None
    # No id is all zeros.
    return bytes.fromhex(found) if found.strip("0") else None


def request_id_in(found: object) -> str:
    """Return the request id that a field holds; empty for none."""
    return found if isinstance(found, str) and len(found) <= _REQUEST_ID_MAX else ""


def ns_of(text: object) -> int:
    """Return a UTC time in ISO 8601 as nanoseconds since the epoch; 0 for anything else."""
    try:
        # Microseconds: as seconds in a float, nanoseconds are not exact.
        at_ns = round(telemetry.epoch_s(str(text)) * 1_000_000) * _NS_PER_US
    except ValueError:
        return 0
    return at_ns if 0 < at_ns < _AT_NS_MAX else 0
