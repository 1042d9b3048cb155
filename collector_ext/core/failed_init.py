"""The root span of an invocation that failed before its handler could be called.

The function's process may have sent what it knows, as a provisional root; else it is made here.

Shape, from opentelemetry-proto v1 (trace/v1/trace.proto)::

    Span  1: trace_id  2: span_id  5: name  6: kind  7: start  9: KeyValue*

Loaded when an initialisation has failed.
"""

from __future__ import annotations

from collector_ext.core import wire
from collector_ext.core.otlp_request import attributes, request
from collector_ext.core.processors.any_value import field, fixed64
from collector_ext.core.wire import VARINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.initialisation import FailedInit

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8

_SCOPE_NAME = "otel_layer.collector"

_KIND_SERVER = bytes([6 << 3 | VARINT, 2])

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
    told = fixed64(7, _ns(failure.started_at))
    told += attributes(9, [("faas.invocation_id", failure.request_id)])
    root = wire.append_to_spans(root, told)
    return wire.end_spans(root, end_ns=_ns(failure.ended_at), message=failure.error_type)


def _made(failure: FailedInit, resource: Mapping[str, str], version: str, chance: bytes) -> bytes:
    trace_id, span_id = chance[:TRACE_ID_BYTES], chance[TRACE_ID_BYTES:]
    name = resource.get("faas.name", "handler").encode()
    span = field(1, trace_id) + field(2, span_id) + field(5, name) + _KIND_SERVER
    known = {"faas.coldstart": failure.is_cold_start, "error.type": failure.error_type}
    span += attributes(9, known.items())
    return request(field(1, attributes(1, resource.items())), _SCOPE_NAME, version, [span])


def _ns(at: float) -> int:
    return round(at * _MS_PER_S) * _NS_PER_MS
