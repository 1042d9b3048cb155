"""The root span of an invocation that failed before its handler could be called.

The function's process may have sent what it knows, as a provisional root; else it is made here.

Shapes, from opentelemetry-proto v1 (trace/v1/trace.proto)::

    ExportTraceServiceRequest  1: ResourceSpans*
    ResourceSpans              1: Resource {1: KeyValue*}  2: ScopeSpans*
    ScopeSpans                 1: InstrumentationScope {1: name  2: version}  2: Span*
    Span                       1: trace_id  2: span_id  5: name  6: kind  7: start  9: KeyValue*

Loaded when an initialisation has failed.
"""

from __future__ import annotations

from collector_ext.core import wire
from collector_ext.core.processors.any_value import field, write, write_key_value
from collector_ext.core.wire import FIXED64, VARINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.initialisation import FailedInit

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8

_SCOPE_NAME = "otel_layer.collector"

_KIND_SERVER = bytes([6 << 3 | VARINT, 2])
_START_TAG = bytes([7 << 3 | FIXED64])

_NS_PER_MS = 1_000_000
_MS_PER_S = 1_000


def root_of(failure: FailedInit, resource: Mapping[str, str], version: str, chance: bytes) -> bytes:
    """Return an export request that holds the root span, ended as an error.

    Args:
        failure: What is known of the invocation.
        resource: The attributes of the function's resource.
        version: The collector's own.
        chance: TRACE_ID_BYTES and SPAN_ID_BYTES random bytes, used if the root is made here.
    """
    root = failure.root or _made(failure, resource, version, chance)
    # Of a repeated singular field the last one counts: the initialisation began before the
    # function's process knew of anything.
    told = _START_TAG + _ns(failure.started_at).to_bytes(8, "little")
    told += _attribute("faas.invocation_id", failure.request_id)
    root = wire.append_to_spans(root, told)
    return wire.end_spans(root, end_ns=_ns(failure.ended_at), message=failure.error_type)


def _made(failure: FailedInit, resource: Mapping[str, str], version: str, chance: bytes) -> bytes:
    trace_id, span_id = chance[:TRACE_ID_BYTES], chance[TRACE_ID_BYTES:]
    name = resource.get("faas.name", "handler").encode()
    span = field(1, trace_id) + field(2, span_id) + field(5, name) + _KIND_SERVER
    span += _attribute("faas.coldstart", failure.is_cold_start)
    span += _attribute("error.type", failure.error_type)
    scope = field(1, _SCOPE_NAME.encode()) + field(2, version.encode())
    pairs = [field(1, write_key_value(key, write(value))) for key, value in resource.items()]
    return field(1, field(1, b"".join(pairs)) + field(2, field(1, scope) + field(2, span)))


def _attribute(key: str, value: object) -> bytes:
    return field(9, write_key_value(key, write(value)))


def _ns(at: float) -> int:
    return round(at * _MS_PER_S) * _NS_PER_MS
