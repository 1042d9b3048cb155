"""From what the function wrote to OTLP logs, joined to the trace of their invocation.

An invocation is known by what the record itself says, else by what the platform tells in the
same order: what came after the start of an invocation and before its report belongs to it. Where
invocations are concurrent that says nothing, and nothing is guessed.

Its trace is what the record says, else that of the root span, which is known from the start of
the invocation: it was sent before anything that follows could be written, and telemetry is
buffered for 25 ms. So nothing waits for a root that is not known; there is none, as of an
invocation that is not sampled, and the record has no trace.
"""

from __future__ import annotations

from collector_ext.core import json_text, otlp_logs
from collector_ext.core.actions import WARN, Say
from collector_ext.core.function_logs import envelope, text_line
from collector_ext.core.function_logs.batch import ENDS, FUNCTION, LOGS_DROPPED, STARTS
from collector_ext.core.function_logs.log_record import (
    LogRecord,
    TraceContext,
    ns_of,
    request_id_in,
)
from collector_ext.core.otlp import LOGS, PROTOBUF, Payload
from collector_ext.core.platform.root import root_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from collector_ext.core.events import FunctionLogged
    from collector_ext.core.platform.root import Root

INVOCATION_COUNT_MAX = 256
"""Traces that are remembered, as of unfinished roots: beyond, the oldest is forgotten."""

BATCH_COUNT_MAX = 16
"""Batches that are known if they are told again: Lambda repeats one whose answer it did not read,
as when the environment was frozen before."""

RECORD_COUNT_MAX, PAYLOAD_BYTES_MAX = 1000, 1024 * 1024
"""Of one payload; Lambda's batches have at most as many records, and half of the bytes."""

INVOCATION_ID = "faas.invocation_id"

_SCOPE_NAME = "otel_layer.function_logs"
_SAMPLED = 1
_NS = 1_000_000_000
_COUNT_MAX = 1 << 53


class FunctionLogs:
    """Make the log records.

    Args:
        resource: The attributes of the function.
        version: The collector's own.
        is_concurrent: Whether there may be several invocations at a time.
    """

    def __init__(self, resource: Mapping[str, str], version: str, *, is_concurrent: bool) -> None:
        self._resource = resource
        self._version = version
        self._is_concurrent = is_concurrent
        self._running = ""  # the request id of the invocation in progress, as far as it is told
        self._traces: dict[str, TraceContext] = {}  # by request id
        self._batches: dict[int, None] = {}
        self._lost_count = 0  # records that Lambda dropped
        self._said_count = 0  # of these, when it was last said

    def started(self, request_id: str, root: Root | None) -> None:
        """Take the provisional root of an invocation; None for one that cannot be read."""
        if request_id and root is not None:
            self._remember(request_id, TraceContext(root.trace_id, root.span_id, _SAMPLED))

    def ended(self, request_id: str, body: bytes) -> None:
        """Take the last spans of an invocation: there may have been no provisional root."""
        first = root_in(body) if request_id and request_id not in self._traces else None
        if first is not None:
            # Any of its spans is of the trace; which one is the root, nobody knows.
            self._remember(request_id, TraceContext(first.trace_id, b"", _SAMPLED))

    def told(self, event: FunctionLogged, now: float) -> list[Payload]:
        """Take a batch; return the records that are new, oldest first.

        Args:
            event: What it says.
            now: Seconds since the epoch.
        """
        if event.batch in self._batches:
            return []
        self._batches[event.batch] = None
        if len(self._batches) > BATCH_COUNT_MAX:
            del self._batches[next(iter(self._batches))]
        observed_ns = int(now * _NS)
        encoded = []
        for entry in event.entries:
            if entry["type"] == FUNCTION:
                encoded.append(otlp_logs.log_record(self._record(entry), observed_ns))
            else:
                self._note(entry)
        return self._payloads(encoded)

    def said(self, *, is_last: bool = False) -> list[Say]:
        """Return what is to be said of lost records: at first, when they have doubled, at last."""
        count = self._lost_count
        if count == self._said_count or (count < 2 * self._said_count and not is_last):
            return []
        self._said_count = count
        found = (
            f"Lambda dropped {count} {'record' if count == 1 else 'records'} of telemetry so far"
        )
        return [Say(WARN, f"{found}, which came faster than they were read; they are not exported")]

    def _note(self, entry: dict[str, Any]) -> None:
        kind, record = entry["type"], entry.get("record")
        found = record if isinstance(record, dict) else {}
        if kind == LOGS_DROPPED:
            count = found.get("droppedRecords")
            self._lost_count += count if isinstance(count, int) and 0 < count < _COUNT_MAX else 1
        elif kind in STARTS and not self._is_concurrent:
            self._running = request_id_in(found.get("requestId"))
        elif kind in ENDS:
            self._running = ""

    def _record(self, entry: dict[str, Any]) -> LogRecord:
        found = _read(entry.get("record"), ns_of(entry.get("time")))
        request_id = found.request_id or self._running
        # First and last: it counts whatever the function wrote, and is not left out for that.
        own = {INVOCATION_ID: request_id} if request_id else {}
        attributes = {**own, **found.attributes, **own}
        trace = found.trace or self._traces.get(request_id)
        return LogRecord(**{**found.__dict__, "attributes": attributes, "trace": trace})

    def _payloads(self, encoded: list[bytes]) -> list[Payload]:
        payloads: list[Payload] = []
        group: list[bytes] = []
        size_bytes = 0
        for record in encoded:
            is_full = size_bytes + len(record) > PAYLOAD_BYTES_MAX
            if group and (is_full or len(group) == RECORD_COUNT_MAX):
                payloads.append(self._payload(group))
                group, size_bytes = [], 0
            group.append(record)
            size_bytes += len(record)
        return [*payloads, self._payload(group)] if group else payloads

    def _payload(self, group: list[bytes]) -> Payload:
        body = otlp_logs.request(self._resource, _SCOPE_NAME, self._version, group)
        return Payload(LOGS, PROTOBUF, body, len(group), is_suspect=False)

    def _remember(self, request_id: str, trace: TraceContext) -> None:
        self._traces.pop(request_id, None)
        self._traces[request_id] = trace
        if len(self._traces) > INVOCATION_COUNT_MAX:
            del self._traces[next(iter(self._traces))]


def _read(record: object, at_ns: int) -> LogRecord:
    """Return what a record says, in whichever format it is."""
    if isinstance(record, dict):
        return envelope.record_of(record, at_ns)
    if not isinstance(record, str):
        return LogRecord(at_ns, 0, "", record, {}, "", None)
    if record.startswith("{"):
        # With Lambda's text format, a structured formatter's lines come as they were written.
        try:
            found = json_text.parse(record.encode("utf-8", "replace"))
        except ValueError:
            found = None
        if isinstance(found, dict):
            return envelope.record_of(found, at_ns)
    return text_line.record_of(record, at_ns)
