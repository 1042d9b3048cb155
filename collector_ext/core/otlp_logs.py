"""Requests of OTLP logs, written on the wire.

What comes from a function is of any shape and size, so what is written of it is bounded: values
in lists and maps by their number and depth, texts by their length. What is left out is counted
in the record.

Shapes, from opentelemetry-proto v1 (logs/v1/logs.proto)::

    LogRecord  1: time  2: severity_number  3: severity_text  5: body: AnyValue  6: KeyValue*
               7: dropped_attributes_count  8: flags  9: trace_id  10: span_id  11: observed_time

Loaded when logs of the function are asked for.
"""

from __future__ import annotations

from collector_ext.core import otlp_request
from collector_ext.core.processors import any_value
from collector_ext.core.processors.any_value import INT_MAX, INT_MIN, field, fixed64
from collector_ext.core.wire import FIXED32, VARINT, varint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

    from collector_ext.core.function_logs.log_record import LogRecord

VALUE_COUNT_MAX = 1024
"""Values of one record, those in lists and maps among them: 256 kB may be 131072 of them, which
would keep the collector busy for 0.2 s."""

DEPTH_MAX = 16
"""Of lists and maps in one another. Protobuf's parsers stop at 100 messages in messages: a map is
three, and a record is within four."""

TEXT_MAX = 262_144
"""Characters of one text; Lambda cuts what a function writes at as many bytes."""

_STRING, _ARRAY, _MAP = 1, 5, 6  # of an AnyValue

_SEVERITY_NUMBER = bytes([2 << 3 | VARINT])
_DROPPED_COUNT = bytes([7 << 3 | VARINT])
_FLAGS = bytes([8 << 3 | FIXED32])


def request(
    resource: Mapping[str, str], scope_name: str, version: str, records: Iterable[bytes]
) -> bytes:
    """Return a serialised ``ExportLogsServiceRequest``.

    Args:
        resource: The attributes of what wrote the records.
        scope_name: Of what made them.
        version: Likewise.
        records: Each as ``log_record`` returns it.
    """
    attributes = b"".join(Values().pairs(1, resource))
    return otlp_request.request(field(1, attributes), scope_name, version, records)


def log_record(record: LogRecord, observed_ns: int) -> bytes:
    """Return a serialised ``LogRecord``.

    Args:
        record: What it says.
        observed_ns: When the collector has read it, in nanoseconds since the epoch.
    """
    values = Values()
    attributes = values.pairs(6, record.attributes)
    body = field(5, values.write(record.body))
    parts = [fixed64(1, record.at_ns)] if record.at_ns else []
    if record.severity_number:
        parts.append(_SEVERITY_NUMBER + varint(record.severity_number))
    if record.severity_text:
        parts.append(field(3, _utf8(record.severity_text)))
    parts += [body, *attributes]
    if values.dropped_count:
        parts.append(_DROPPED_COUNT + varint(values.dropped_count))
    trace = record.trace
    if trace is not None:
        parts += [_FLAGS + trace.flags.to_bytes(4, "little"), field(9, trace.trace_id)]
        parts += [field(10, trace.span_id)] if trace.span_id else []
    return b"".join([*parts, fixed64(11, observed_ns)])


class Values:
    """Write the values of one record.

    Attributes:
        dropped_count: Of values that were too many, or too deep.
    """

    def __init__(self) -> None:
        self.dropped_count = 0
        self._left = VALUE_COUNT_MAX

    def write(self, value: object, depth: int = 0) -> bytes:
        """Return a value of JSON as an ``AnyValue``; what it cannot be is a text."""
        if isinstance(value, str):
            return field(_STRING, _utf8(value))
        if isinstance(value, (list, dict)):
            return self._container(value, depth)
        if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
            return field(_STRING, str(value).encode())
        return any_value.write(value)

    def pairs(self, number: int, content: Mapping[str, object], depth: int = 0) -> list[bytes]:
        """Return fields of a number with a ``KeyValue`` for each entry, as many as may be."""
        return [
            field(number, field(1, _utf8(key)) + field(2, self.write(content[key], depth)))
            for key in self._taken(list(content))
        ]

    def _container(self, value: list[object] | dict[str, object], depth: int) -> bytes:
        if depth == DEPTH_MAX:
            self.dropped_count += 1
            return b""
        if isinstance(value, dict):
            return field(_MAP, b"".join(self.pairs(1, value, depth + 1)))
        elements = [field(1, self.write(each, depth + 1)) for each in self._taken(value)]
        return field(_ARRAY, b"".join(elements))

    def _taken(self, found: list[T]) -> list[T]:
        """Return the first of what a container holds, and count the rest as dropped."""
        taken = found[: self._left]
        self._left -= len(taken)
        self.dropped_count += len(found) - len(taken)
        return taken


def _utf8(text: str) -> bytes:
    # JSON can hold what UTF-8 cannot: half a pair of surrogates.
    return text[:TEXT_MAX].encode("utf-8", "replace")
