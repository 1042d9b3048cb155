"""Log records to OTLP: a record of the SDK in, an item of a ``/v1/logs`` request out.

Source: https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from otel_layer.core.correlation import for_json, for_text
from otel_layer.core.otlp import EncodedItem, Encoder
from otel_layer.core.protobuf import FIXED32, FIXED64, field, utf8, varint

if TYPE_CHECKING:
    # For the shapes alone: this module runs without the SDK.
    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


class LogEncoder(Encoder):
    """Serialise log records, remembering the bytes that come again."""

    def encode_record(
        self,
        record: LogRecord,
        attributes: Mapping[str, object] | None,
        resource: Resource,
        scope: InstrumentationScope | None,
    ) -> EncodedItem:
        """Serialise one record.

        Args:
            record: It may be changed by others afterwards.
            attributes: Of the record, those that shall be sent.
            resource: Of its provider.
            scope: Of its logger.
        """
        parts: list[bytes] = []
        _add_time(b"\x09", record.timestamp, parts)
        if record.severity_number is not None and record.severity_number.value:
            parts += b"\x10", varint(record.severity_number.value)
        _add_text(b"\x1a", record.severity_text, parts)
        parts.append(field(b"\x2a", self._value(record.body)))
        self._add_attributes(b"\x32", attributes, parts)
        # Those that the SDK's limits have taken from it.
        dropped_count = getattr(record.attributes, "dropped", 0)
        if dropped_count:
            parts += b"\x38", varint(dropped_count)
        if record.trace_flags:
            parts += b"\x45", FIXED32(record.trace_flags)
        if record.trace_id:
            parts += b"\x4a\x10", record.trace_id.to_bytes(16, "big")
        if record.span_id:
            parts += b"\x52\x08", record.span_id.to_bytes(8, "big")
        _add_time(b"\x59", record.observed_timestamp, parts)
        # The customer's own SDK may be older than the names of events (1.35).
        _add_text(b"\x62", getattr(record, "event_name", None), parts)
        return self._item(resource, scope, b"".join(parts))


def without_correlation(
    attributes: Mapping[str, object],
    span: tuple[int, int, int],
    service_name: str,
) -> dict[str, object]:
    """Leave out what only leads a line of text to its trace: the record knows it.

    Args:
        attributes: Of a record that was made with ``logging``.
        span: Trace id, span id and trace flags of the record.
        service_name: Of the resource.
    """
    ours = {**for_text(*span, service_name), **for_json(*span, service_name)}
    absent = object()
    return {key: one for key, one in attributes.items() if ours.get(key, absent) != one}


def _add_time(tag: bytes, time_ns: int | None, parts: list[bytes]) -> None:
    if time_ns:
        parts += tag, FIXED64(time_ns)


def _add_text(tag: bytes, text: str | None, parts: list[bytes]) -> None:
    if text:
        parts.append(field(tag, utf8(str(text))))
