"""Log records on the wire, as the protobuf library reads them."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as Decoded

from collector_ext.core.function_logs.log_record import LogRecord, TraceContext
from collector_ext.core.otlp_logs import (
    DEPTH_MAX,
    TEXT_MAX,
    VALUE_COUNT_MAX,
    log_record,
    request,
)

TRACE = TraceContext(bytes(15) + b"\x01", bytes(7) + b"\x02", 3)


def encoded(body="so", attributes=None, **fields):
    """A record that is written and read again."""
    whole = {
        "at_ns": 0,
        "severity_number": 0,
        "severity_text": "",
        "request_id": "",
        "trace": None,
        **fields,
    }
    record = LogRecord(body=body, attributes=attributes or {}, **whole)
    return Decoded.FromString(log_record(record, 7))


def shown(value):
    """A body as OTLP's JSON has it."""
    return MessageToDict(encoded(value).body)


def nested(depth):
    """A text in so many lists."""
    return "x" if depth == 0 else [nested(depth - 1)]


class TestARequest:
    """Is of one resource and one scope."""

    def test_it_says_whose_the_records_are(self):
        record = log_record(LogRecord(1, 0, "", "so", {}, "", None), 2)

        message = ExportLogsServiceRequest.FromString(
            request({"service.name": "shop"}, "scope", "0.1.0", [record, record])
        )

        (group,) = message.resource_logs
        (scoped,) = group.scope_logs
        attributes = {each.key: each.value.string_value for each in group.resource.attributes}
        assert attributes == {"service.name": "shop"}
        assert (scoped.scope.name, scoped.scope.version) == ("scope", "0.1.0")
        assert [each.time_unix_nano for each in scoped.log_records] == [1, 1]


class TestARecord:
    """Has what is known of it, and nothing else."""

    def test_all_of_it(self):
        found = encoded(at_ns=5, severity_number=13, severity_text="WARNING", trace=TRACE)

        assert (found.time_unix_nano, found.observed_time_unix_nano) == (5, 7)
        assert (found.severity_number, found.severity_text) == (13, "WARNING")
        assert (found.trace_id, found.span_id, found.flags) == (TRACE.trace_id, TRACE.span_id, 3)
        assert found.body.string_value == "so"

    def test_none_of_it(self):
        fields = {field.name for field, _ in encoded().ListFields()}

        assert fields == {"observed_time_unix_nano", "body"}

    def test_a_trace_without_a_span(self):
        assert encoded(trace=TraceContext(TRACE.trace_id, b"", 1)).span_id == b""


class TestAValue:
    """Is what JSON has, or a text."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("é", {"stringValue": "é"}),
            (True, {"boolValue": True}),
            (3, {"intValue": "3"}),
            (1.5, {"doubleValue": 1.5}),
            (None, {}),
            (1 << 70, {"stringValue": str(1 << 70)}),
            ("\ud800x\udcff", {"stringValue": "?x?"}),
            ([1, "a"], {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "a"}]}}),
            (
                {"a": {"b": None}},
                {
                    "kvlistValue": {
                        "values": [
                            {
                                "key": "a",
                                "value": {"kvlistValue": {"values": [{"key": "b", "value": {}}]}},
                            }
                        ]
                    }
                },
            ),
        ],
    )
    def test_it_is_written(self, value, expected):
        assert shown(value) == expected


class TestBounds:
    """What is left out is counted."""

    def test_of_attributes(self):
        found = encoded(attributes={str(n): n for n in range(VALUE_COUNT_MAX + 5)})

        assert (len(found.attributes), found.dropped_attributes_count) == (VALUE_COUNT_MAX, 5)

    def test_of_values_in_a_body(self):
        found = encoded([[0] * VALUE_COUNT_MAX, [0, 0]])

        first, second = found.body.array_value.values
        assert len(first.array_value.values) == VALUE_COUNT_MAX - 2
        assert len(second.array_value.values) == 0
        assert found.dropped_attributes_count == 4

    def test_attributes_come_before_the_body(self):
        found = encoded([0] * VALUE_COUNT_MAX, {"a": 1})

        assert [each.key for each in found.attributes] == ["a"]

    def test_of_depth(self):
        assert encoded(nested(DEPTH_MAX)).dropped_attributes_count == 0
        assert encoded(nested(DEPTH_MAX + 1)).dropped_attributes_count == 1
        assert encoded(nested(500)).dropped_attributes_count == 1

    def test_of_a_text(self):
        assert len(encoded("x" * (TEXT_MAX + 1)).body.string_value) == TEXT_MAX
