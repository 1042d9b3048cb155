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
    json_key: str  # of the list that an export request in JSON is
    items: str  # what the list is of, in messages

    def amount(self, count: int) -> str:
        """Return so many of its items in words: ``1 span``, ``2 log records``."""
        return f"{count} {self.items if count != 1 else self.items[:-1]}"


TRACES = Signal("traces", "/v1/traces", "resourceSpans", "spans")
METRICS = Signal("metrics", "/v1/metrics", "resourceMetrics", "data points")
LOGS = Signal("logs", "/v1/logs", "resourceLogs", "log records")
SIGNALS = (TRACES, METRICS, LOGS)


class Payload(Value):
    """One serialised ``Export*ServiceRequest``, uncompressed."""

    signal: Signal
    content_type: str  # PROTOBUF or JSON
    body: bytes
    item_count: int  # spans, data points or log records
    is_suspect: bool  # kept from the others: the endpoint refused a request that it was part of

    def as_suspect(self) -> Payload:
        """Return it as one to be kept from the others."""
        return Payload(self.signal, self.content_type, self.body, self.item_count, is_suspect=True)


def item_count_of(payloads: Iterable[Payload]) -> int:
    """Return how many spans, data points and log records payloads hold."""
    return sum(payload.item_count for payload in payloads)


class ExportRequest(Value):
    """Payloads of one signal that are sent as one request; never empty."""

    exporter: str  # by whom: its id in the configuration
    signal: Signal
    payloads: tuple[Payload, ...]

    @property
    def content_type(self) -> str:
        """The encoding that all its payloads share."""
        return self.payloads[0].content_type

    @property
    def size_bytes(self) -> int:
        """Of the body to send."""
        return sum(len(payload.body) for payload in self.payloads)

    def merged(self) -> bytes:
        """Return the body to send.

        An export request is a single repeated field, and protobuf defines the concatenation
        of two messages as their merge: joining the bytes joins the lists.

        Source: https://protobuf.dev/programming-guides/encoding/#last-one-wins
        """
        return b"".join([payload.body for payload in self.payloads])


def export_requests(
    exporter: str, payloads: Iterable[Payload], *, size_bytes_max: int, suspect_count_max: int = 1
) -> tuple[ExportRequest, ...]:
    """Merge payloads into as few requests as may be.

    Args:
        exporter: By whom they are sent.
        payloads: Oldest first. JSON is never merged: its lists are not joined by joining text.
        size_bytes_max: Bound of a merged body; a single payload may exceed it.
        suspect_count_max: How many of those kept from the others go into one request.

    Returns:
        Requests signal by signal, each in the order of arrival.
    """
    requests: list[ExportRequest] = []
    by_signal: dict[Signal, list[Payload]] = {signal: [] for signal in SIGNALS}
    for payload in payloads:
        by_signal[payload.signal].append(payload)
    for signal, of_signal in by_signal.items():
        texts = [payload for payload in of_signal if payload.content_type == JSON]
        binary = [payload for payload in of_signal if payload.content_type != JSON]
        suspects = [payload for payload in binary if payload.is_suspect]
        others = [payload for payload in binary if not payload.is_suspect]
        groups = [
            *((text,) for text in texts),
            *_groups(suspects, size_bytes_max, suspect_count_max),
            *_groups(others, size_bytes_max, len(others)),
        ]
        requests += [ExportRequest(exporter, signal, group) for group in groups]
    return tuple(requests)


def _groups(
    payloads: Sequence[Payload], size_bytes_max: int, count_max: int
) -> list[tuple[Payload, ...]]:
    groups: list[tuple[Payload, ...]] = []
    group: list[Payload] = []
    group_bytes = 0
    for payload in payloads:
        is_full = group_bytes + len(payload.body) > size_bytes_max or len(group) == count_max
        if group and is_full:
            groups.append(tuple(group))
            group, group_bytes = [], 0
        group.append(payload)
        group_bytes += len(payload.body)
    return [*groups, tuple(group)] if group else groups
