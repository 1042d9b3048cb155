"""Over generated requests, the transcoder means what the protobuf library makes of them."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector_ext.core.otlp import LOGS, METRICS, PROTOBUF, TRACES, ExportRequest, Signal
from collector_ext.core.transcode.from_json import json_to_protobuf
from collector_ext.core.transcode.to_json import protobuf_to_json, to_json
from tests.fakes.payloads import payload_of

REQUESTS: dict[Signal, Any] = {
    TRACES: ExportTraceServiceRequest,
    METRICS: ExportMetricsServiceRequest,
    LOGS: ExportLogsServiceRequest,
}
IDS = {"traceId", "spanId", "parentSpanId"}
OUTER = 5  # messages in messages, down to the data points of metrics
DEPTH = 9  # the same of values, which may be of any depth

SCALARS = {
    FieldDescriptor.TYPE_STRING: st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=9),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    # JSON has one NaN, where the wire has many.
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(float("nan")),
    FieldDescriptor.TYPE_ENUM: st.integers(0, 2),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
}


RECURSIVE = {"ArrayValue", "KeyValueList"}


@st.composite
def messages(draw, descriptor, depth=1):
    """A message of this type with some of its fields; the outer ones are all there."""
    message = GetMessageClass(descriptor)()
    chosen = [draw(st.sampled_from(list(oneof.fields))) for oneof in descriptor.oneofs]
    for field in descriptor.fields:
        inner = field.message_type
        if depth > DEPTH and inner is not None and inner.name in RECURSIVE:
            continue
        if field.containing_oneof is not None and field not in chosen:
            continue
        is_there = (inner is not None and depth <= OUTER) or draw(st.booleans())
        if is_there:
            value = messages(inner, depth + 1) if inner is not None else SCALARS[field.type]
            fill(draw, message, field, value)
    return message


def fill(draw, message, field, value):
    """Give one field of a message a value, or some."""
    if field.is_repeated:
        for _ in range(draw(st.integers(1, 2))):
            getattr(message, field.name).append(draw(value))
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(draw(value))
    else:
        setattr(message, field.name, draw(value))


def requests():
    return st.sampled_from(list(REQUESTS)).flatmap(
        lambda signal: st.tuples(st.just(signal), messages(REQUESTS[signal].DESCRIPTOR))
    )


def with_ids_in(value, change):
    """The same JSON with each id written another way."""
    if isinstance(value, list):
        return [with_ids_in(element, change) for element in value]
    if isinstance(value, dict):
        return {
            key: change(inner) if key in IDS else with_ids_in(inner, change)
            for key, inner in value.items()
        }
    return value


def to_hex(text):
    return base64.b64decode(text).hex()


def as_library_writes(request):
    """OTLP's JSON by the library's own mapping, but for the ids, which OTLP writes in hex."""
    content = json_format.MessageToDict(request, use_integers_for_enums=True)
    return with_ids_in(content, to_hex)


def parsed(signal, body):
    return REQUESTS[signal].FromString(body)


def same(one, other):
    """Equality of JSON in which 0.0 is not -0.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(requests())
def test_protobuf_becomes_the_json_that_the_library_makes(case):
    signal, request = case

    made = protobuf_to_json(signal, request.SerializeToString())

    assert same(made, as_library_writes(request))


@given(requests())
def test_json_becomes_the_request_that_the_library_makes(case):
    signal, request = case
    text = json.dumps(as_library_writes(request)).encode()

    body = json_to_protobuf(signal, text)

    assert same(as_library_writes(parsed(signal, body)), as_library_writes(request))


@given(requests())
def test_names_as_protobuf_spells_them_and_enums_by_name_are_the_same(case):
    signal, request = case
    content = json_format.MessageToDict(request, preserving_proto_field_name=True)
    snake = {"trace_id", "span_id", "parent_span_id"}

    def hexed(value):
        if isinstance(value, list):
            return [hexed(element) for element in value]
        if isinstance(value, dict):
            return {k: to_hex(v) if k in snake else hexed(v) for k, v in value.items()}
        return value

    body = json_to_protobuf(signal, json.dumps(hexed(content)).encode())

    assert same(as_library_writes(parsed(signal, body)), as_library_writes(request))


@given(requests())
def test_a_round_trip_changes_nothing(case):
    signal, request = case
    body = request.SerializeToString(deterministic=True)
    payload = payload_of(signal, PROTOBUF, body)

    there = to_json(ExportRequest("otlp_http", signal, (payload,)))
    back = json_to_protobuf(signal, there)

    assert parsed(signal, back).SerializeToString(deterministic=True) == body


@given(requests(), requests())
def test_joined_requests_become_joined_lists(one, other):
    (signal, first), (other_signal, second) = one, other
    if signal != other_signal:
        second = first

    joined = protobuf_to_json(signal, first.SerializeToString() + second.SerializeToString())

    first.MergeFrom(second)
    assert same(joined, as_library_writes(first))


@given(requests(), st.data())
def test_whatever_the_bytes_there_is_json_or_a_value_error(case, data):
    signal, request = case
    body = bytearray(request.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(len(body) - 1, 0)))
        body[at : at + 1] = data.draw(st.binary(max_size=2))

    try:
        content = protobuf_to_json(signal, bytes(body))
    except ValueError:
        return
    json_to_protobuf(signal, json.dumps(content, allow_nan=False).encode())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


def places(value, path=()):
    """The path of each value inside a JSON value."""
    if isinstance(value, (dict, list)):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, step)
            yield from places(inner, (*path, step))


@given(requests(), json_values, st.data())
def test_whatever_the_json_there_is_a_request_or_a_value_error(case, wrong, data):
    signal, request = case
    content = as_library_writes(request)
    *outer, last = data.draw(st.sampled_from(list(places(content))))
    parent = content
    for step in outer:
        parent = parent[step]
    parent[last] = wrong

    try:
        body = json_to_protobuf(signal, json.dumps(content).encode())
    except ValueError:
        return
    parsed(signal, body)
