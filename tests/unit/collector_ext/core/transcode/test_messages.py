"""The tables say what opentelemetry-proto says."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import FieldDescriptor as Of
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.transcode import kinds, messages
from collector_ext.core.transcode.schema import EITHER, MANY, MAYBE, ONE, Message

LIBRARY = {
    TRACES: ExportTraceServiceRequest.DESCRIPTOR,
    METRICS: ExportMetricsServiceRequest.DESCRIPTOR,
    LOGS: ExportLogsServiceRequest.DESCRIPTOR,
}
KINDS = {
    Of.TYPE_STRING: kinds.STRING,
    Of.TYPE_BYTES: kinds.BYTES,
    Of.TYPE_BOOL: kinds.BOOL,
    Of.TYPE_DOUBLE: kinds.DOUBLE,
    Of.TYPE_INT32: kinds.INT32,
    Of.TYPE_SINT32: kinds.SINT32,
    Of.TYPE_UINT32: kinds.UINT32,
    Of.TYPE_FIXED32: kinds.FIXED_32,
    Of.TYPE_INT64: kinds.INT64,
    Of.TYPE_SFIXED64: kinds.SFIXED_64,
    Of.TYPE_UINT64: kinds.UINT64,
    Of.TYPE_FIXED64: kinds.FIXED_64,
}


def descriptors():
    """All messages that the requests are made of, by their names."""
    found = {}
    waiting = list(LIBRARY.values())
    while waiting:
        descriptor = waiting.pop()
        if descriptor.name not in found:
            found[descriptor.name] = descriptor
            waiting += [f.message_type for f in descriptor.fields if f.message_type is not None]
    return found


DESCRIPTORS = descriptors()


def label(field):
    if field.is_repeated:
        return MANY
    if field.containing_oneof is None:
        return ONE
    return EITHER if len(field.containing_oneof.fields) > 1 else MAYBE


def kind(field):
    if field.name.endswith(("trace_id", "span_id")):
        return kinds.ID
    return KINDS[field.type]


def test_there_is_a_table_for_each_message_and_no_other():
    assert set(messages.MESSAGES) == set(DESCRIPTORS)


@pytest.mark.parametrize("name", sorted(DESCRIPTORS))
def test_each_field_has_its_number_name_and_label(name):
    table = {f.number: (f.json_name, f.label) for f in messages.MESSAGES[name].by_number.values()}

    assert table == {f.number: (f.json_name, label(f)) for f in DESCRIPTORS[name].fields}


@pytest.mark.parametrize("name", sorted(DESCRIPTORS))
def test_each_field_has_its_type(name):
    for field in DESCRIPTORS[name].fields:
        type_ = messages.MESSAGES[name].by_number[field.number].type

        if field.message_type is not None:
            assert type_ is messages.MESSAGES[field.message_type.name]
        elif field.enum_type is None:
            assert type_ is kind(field)


@pytest.mark.parametrize("name", sorted(DESCRIPTORS))
def test_each_enum_knows_all_names(name):
    for field in DESCRIPTORS[name].fields:
        if field.enum_type is not None:
            type_ = messages.MESSAGES[name].by_number[field.number].type

            assert not isinstance(type_, Message)
            written = {n: type_.write(n)[0] for n in field.enum_type.values_by_name}
            assert written == {n: v.number for n, v in field.enum_type.values_by_name.items()}


@pytest.mark.parametrize("name", sorted(DESCRIPTORS))
def test_each_field_is_also_known_as_protobuf_spells_it(name):
    message = messages.MESSAGES[name]

    for field in DESCRIPTORS[name].fields:
        assert message.by_name[field.name] is message.by_number[field.number]


def test_a_message_has_one_oneof_at_most():
    for descriptor in DESCRIPTORS.values():
        assert sum(len(oneof.fields) > 1 for oneof in descriptor.oneofs) <= 1


@pytest.mark.parametrize("signal", LIBRARY, ids=lambda signal: signal.name)
def test_each_signal_has_its_request(signal):
    assert messages.REQUESTS[signal].name == LIBRARY[signal].name
