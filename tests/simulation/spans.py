"""Spans as the SDK in the function knows them, and as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_layer.core.otlp import EncodedItem
from tests.simulation.bodies import TRACE_ID, field

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = "otel_layer.unfinished"
OWN_ERROR = "its own error"

PLATFORM_SCOPE = "otel_layer.platform"
INVOCATION_ID = "faas.invocation_id"

_ERROR = 2


class Span:
    """One that has started.

    Args:
        id_: Its id.
        parent: The root's; empty for the root.
        at: When it started, in seconds since the epoch.

    Attributes:
        start_ns: Since the epoch; never whole milliseconds, as the platform's times are.
        end_time: Likewise; None while it is open.
        is_error: Whether the function's process has said so.
    """

    def __init__(self, id_: bytes, parent: bytes, at: float) -> None:
        self.id = id_
        self.number = int.from_bytes(id_, "big")
        self.parent = parent
        self.start_ns = _ns(at)
        self.end_time: int | None = None
        self.is_error = False

    def end(self, at: float) -> None:
        """End it; the clock may have gone back."""
        self.end_time = max(_ns(at), self.start_ns + 2)

    def encoded(self, *, is_unfinished: bool = False, filling: bytes = b"") -> EncodedItem:
        """Return it as it goes to the collector.

        Args:
            is_unfinished: Whether it is a snapshot's that is not the root.
            filling: The schema's URL, to make it larger or worse.
        """
        content = field(1, TRACE_ID) + field(2, self.id)
        content += field(4, self.parent) if self.parent else b""
        content += b"\x39" + self.start_ns.to_bytes(8, "little")
        content += b"\x41" + self.end_time.to_bytes(8, "little") if self.end_time else b""
        if is_unfinished:
            content += field(9, field(1, UNFINISHED.encode()) + field(2, b"\x10\x01"))
        if self.is_error:
            content += field(15, field(2, OWN_ERROR.encode()) + bytes([3 << 3, _ERROR]))
        return EncodedItem(field(3, filling) if filling else b"", b"", field(2, content))


class Seen(NamedTuple):
    """One as the collector passes it on."""

    id: bytes
    parent: bytes
    start_ns: int
    end_ns: int
    is_error: bool
    message: str
    is_unfinished: bool
    request_id: str  # of a root that the collector has made, or has completed
    is_platform: bool


def spans_in(body: bytes) -> Iterator[Seen]:
    """Read a request with the real protobuf library."""
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                found = {each.key: each.value for each in span.attributes}
                yield Seen(
                    span.span_id,
                    span.parent_span_id,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == _ERROR,
                    span.status.message,
                    UNFINISHED in found,
                    found[INVOCATION_ID].string_value if INVOCATION_ID in found else "",
                    scope_spans.scope.name == PLATFORM_SCOPE,
                )


def _ns(at: float) -> int:
    return int(at * 1_000_000) * 1_000 + 1
