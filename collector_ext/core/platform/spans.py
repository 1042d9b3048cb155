"""What the platform did for an invocation, as spans below its root.

OpenTelemetry has no conventions for them. A part that Lambda names has Lambda's name, after
``aws.lambda.``; so have those of initialisation and restore. They are INTERNAL, and none has
``faas.invocation_id``: who counts spans by that counts invocations.

Shapes, from opentelemetry-proto v1 (trace/v1/trace.proto)::

    Span  1: trace_id  2: span_id  3: trace_state  4: parent_span_id  5: name  6: kind
          7: start  8: end  9: KeyValue*  15: Status {3: code}  16: flags
"""

from __future__ import annotations

from collector_ext.core import otlp_request
from collector_ext.core.platform.startup import Initialisation
from collector_ext.core.processors.any_value import field, fixed64
from collector_ext.core.value import Value
from collector_ext.core.wire import FIXED32, VARINT, varint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector_ext.core.platform.records import PlatformRecord
    from collector_ext.core.platform.root import Root

PREFIX = "aws.lambda."

INIT, INIT_RUNTIME, INIT_EXTENSIONS = "init", "initRuntime", "initExtensions"
RESTORE, RESTORE_RUNTIME = "restore", "restoreRuntime"
RESPONSE_DURATION = "responseDuration"
"""Lambda's name for the sending of the response."""

SUCCESS = "success"

_SCOPE_NAME = "otel_layer.platform"
_INTERNAL = bytes([6 << 3 | VARINT, 1])
_ERROR = field(15, bytes([3 << 3 | VARINT, 2]))
_PARENT_IS_LOCAL = varint(16 << 3 | FIXED32) + (1 << 8).to_bytes(4, "little")
"""``flags``: bit 8, it is known whether the parent is remote; bit 9 is not set, it is not."""

_FNV_OFFSET, _FNV_PRIME, _UINT64 = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


class PlatformSpan(Value):
    """One span."""

    name: str  # without PREFIX; once for each root
    parent: str  # the name of another one; empty for the root
    start_ns: int  # since the epoch
    end_ns: int
    attributes: tuple[tuple[str, str | int], ...]
    is_failed: bool


def of_initialisation(found: Initialisation) -> list[PlatformSpan]:
    """Return the spans of a cold start: the whole of it, and its phases where they are told."""
    attributes: list[tuple[str, str | int]] = [
        (f"{PREFIX}initialization_type", found.initialization_type)
    ]
    if found.phase:
        attributes.append((f"{PREFIX}initialization_phase", found.phase))
    is_failed = found.status not in {"", SUCCESS}
    if is_failed:
        attributes.append(("error.type", found.error_type or found.status))
    whole = RESTORE if found.is_restore else INIT
    spans = [
        PlatformSpan(
            whole, "", found.start_ns, found.end_ns, tuple(attributes), is_failed=is_failed
        )
    ]
    # Lambda's instants are cut to milliseconds, its durations are not.
    ready_ns = min(found.runtime_done_ns, found.end_ns)
    phases = [(RESTORE_RUNTIME if found.is_restore else INIT_RUNTIME, found.start_ns, ready_ns)]
    if ready_ns and not found.is_restore:
        phases.append((INIT_EXTENSIONS, ready_ns, found.end_ns))
    return spans + [
        PlatformSpan(name, whole, start_ns, end_ns, (), is_failed=False)
        for name, start_ns, end_ns in phases
        if start_ns < end_ns
    ]


def of_invocation(record: PlatformRecord) -> list[PlatformSpan]:
    """Return the spans of the parts that a record tells of."""
    produced = record.metrics.get("producedBytes")
    size = ((f"{PREFIX}produced_bytes", int(produced)),) if produced is not None else ()
    return [
        PlatformSpan(
            part.name,
            "",
            part.start_ns,
            part.start_ns + part.duration_ns,
            size if part.name == RESPONSE_DURATION else (),
            is_failed=False,
        )
        for part in record.parts
    ]


def encode(root: Root, spans: Sequence[PlatformSpan], version: str) -> bytes:
    """Return a serialised ``ExportTraceServiceRequest``.

    Args:
        root: Whose trace they are part of; they are of the same resource.
        spans: Not empty.
        version: The collector's own.
    """
    encoded = [_span(root, span) for span in spans]
    return otlp_request.request(root.resource, _SCOPE_NAME, version, encoded)


def span_id(root_id: bytes, name: str) -> bytes:
    """Return the id of the span of a name below a root.

    It is made of the two (FNV-1a), so that what Lambda tells twice has one id, and no chance
    is needed here: among others it is as rare as the root's own.

    Source: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv
    """
    value = _FNV_OFFSET
    for byte in name.encode():
        value = (value ^ byte) * _FNV_PRIME & _UINT64
    # No id is all zeros.
    return (int.from_bytes(root_id, "big") ^ value or 1).to_bytes(8, "big")


def _span(root: Root, span: PlatformSpan) -> bytes:
    parent_id = span_id(root.span_id, span.parent) if span.parent else root.span_id
    return b"".join(
        [
            field(1, root.trace_id),
            field(2, span_id(root.span_id, span.name)),
            field(3, root.trace_state) if root.trace_state else b"",
            field(4, parent_id),
            field(5, (PREFIX + span.name).encode()),
            _INTERNAL,
            fixed64(7, span.start_ns),
            fixed64(8, span.end_ns),
            otlp_request.attributes(9, span.attributes),
            _ERROR if span.is_failed else b"",
            _PARENT_IS_LOCAL,
        ]
    )
