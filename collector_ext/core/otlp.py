"""OTLP as the collector sees it: opaque bodies, one per export request.

Specification: https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class Signal(Value):
    """One of OTLP's signals."""

    name: str  # as in the names of variables and in messages
    path: str  # of an OTLP/HTTP request
    json_key: str  # the only key of an export request in JSON


TRACES = Signal("traces", "/v1/traces", "resourceSpans")
METRICS = Signal("metrics", "/v1/metrics", "resourceMetrics")
LOGS = Signal("logs", "/v1/logs", "resourceLogs")
SIGNALS = (TRACES, METRICS, LOGS)


class Payload(Value):
    """One serialised ``Export*ServiceRequest``, uncompressed."""

    signal: Signal
    content_type: str  # PROTOBUF or JSON
    body: bytes
    is_alone: bool  # sent in a request of its own: the endpoint refused it with others


class ExportRequest(Value):
    """Payloads of one signal that are sent as one request; never empty."""

    signal: Signal
    payloads: tuple[Payload, ...]

    @property
    def content_type(self) -> str:
        """The encoding that all its payloads share."""
        return self.payloads[0].content_type

    def merged(self) -> bytes:
        """Return the body to send.

        An export request is a single repeated field, and protobuf defines the concatenation
        of two messages as their merge: joining the bytes joins the lists.

        Source: https://protobuf.dev/programming-guides/encoding/#last-one-wins
        """
        return b"".join([payload.body for payload in self.payloads])


def export_requests(
    payloads: Iterable[Payload], *, size_bytes_max: int
) -> tuple[ExportRequest, ...]:
    """Merge payloads into as few requests as may be.

    Args:
        payloads: Oldest first. JSON is never merged: its lists are not joined by joining text.
        size_bytes_max: Bound of a merged body; a single payload may exceed it.

    Returns:
        Requests signal by signal, each in the order of arrival.
    """
    requests: list[ExportRequest] = []
    by_signal: dict[Signal, list[Payload]] = {signal: [] for signal in SIGNALS}
    for payload in payloads:
        by_signal[payload.signal].append(payload)
    for signal, of_signal in by_signal.items():
        requests += _merged_requests(signal, of_signal, size_bytes_max)
    return tuple(requests)


def _merged_requests(
    signal: Signal, payloads: Sequence[Payload], size_bytes_max: int
) -> list[ExportRequest]:
    requests: list[ExportRequest] = []
    group: list[Payload] = []
    group_bytes = 0
    for payload in payloads:
        if payload.is_alone or payload.content_type == JSON:
            requests.append(ExportRequest(signal, (payload,)))
            continue
        if group and group_bytes + len(payload.body) > size_bytes_max:
            requests.append(ExportRequest(signal, tuple(group)))
            group, group_bytes = [], 0
        group.append(payload)
        group_bytes += len(payload.body)
    if group:
        requests.append(ExportRequest(signal, tuple(group)))
    return requests
