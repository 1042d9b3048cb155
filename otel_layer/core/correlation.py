"""What leads from a log record to its trace: attributes of the record, and a line that shows them.

There are two families of names, for two kinds of readers. Formats of Lambda's own JSON and of
other structured formatters make a field of each attribute; a text format names those it shows.
"""

from __future__ import annotations

NO_SPAN = (0, 0, 0)
"""Trace id, span id and trace flags, where there is no span."""

_SAMPLED = 0x01
"""The trace flag of W3C Trace Context."""

_MESSAGE = "%(message)s"
_IN_BRACKETS = (
    "[trace_id=%(otelTraceID)s span_id=%(otelSpanID)s"
    " resource.service.name=%(otelServiceName)s trace_sampled=%(otelTraceSampled)s]\t"
)
"""As the SDK's users know it, and the expressions by which log stores find a trace id in it."""


def for_text(trace_id: int, span_id: int, trace_flags: int, service_name: str) -> dict[str, object]:
    """Return the attributes that OpenTelemetry's instrumentor of ``logging`` gives a record.

    So a format made for it works here. Without a span the ids are ``"0"``, as there.

    Source: https://opentelemetry-python-contrib.readthedocs.io/en/latest/instrumentation/logging/logging.html
    """
    return {
        "otelTraceID": f"{trace_id:032x}" if trace_id else "0",
        "otelSpanID": f"{span_id:016x}" if span_id else "0",
        "otelTraceSampled": bool(trace_flags & _SAMPLED),
        "otelServiceName": service_name,
    }


def for_json(trace_id: int, span_id: int, trace_flags: int, service_name: str) -> dict[str, object]:
    """Return the attributes that become fields of a JSON object; no ids without a span.

    Source: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
    """
    fields: dict[str, object] = {}
    if trace_id:
        fields["trace_id"] = f"{trace_id:032x}"
        fields["span_id"] = f"{span_id:016x}"
        fields["trace_flags"] = f"{trace_flags:02x}"
    fields["service.name"] = service_name
    return fields


def text_format(present: str, configured: str) -> str:
    r"""Return the format of a line that shows the trace.

    Args:
        present: The format so far: Lambda's, whose columns are between tabs. It ends in a
            line feed, because the runtime's handlers write what they are given.
        configured: The operator's own format; empty for a column more before the message.
    """
    if configured:
        return configured.removesuffix("\n") + "\n"
    return present.replace(_MESSAGE, _IN_BRACKETS + _MESSAGE, 1)
