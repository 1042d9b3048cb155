"""Protobuf to OTLP's JSON; that it means the same is held by properties."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, ResourceMetrics, ScopeMetrics

from collector_ext.core.otlp import JSON, LOGS, METRICS, PROTOBUF, TRACES, ExportRequest
from collector_ext.core.transcode.schema import DEPTH_MAX
from collector_ext.core.transcode.to_json import protobuf_to_json, to_json
from collector_ext.core.wire import MalformedError, end_spans
from tests.fakes.payloads import payload_of
from tests.fakes.trace_requests import export_request, span_id

REQUEST = export_request(("GET /", span_id(1)))


def message(number, content):
    """A field that holds these bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def in_resource_spans(content):
    return message(1, content)


def in_span(content):
    return in_resource_spans(message(2, message(2, content)))


def span_of(content):
    (resource_spans,) = protobuf_to_json(TRACES, in_span(content))["resourceSpans"]
    (span,) = resource_spans["scopeSpans"][0]["spans"]
    return span


def points_of(content):
    """The data points of a histogram with these bytes as its only one."""
    body = message(1, message(2, message(2, message(9, message(1, content)))))
    (resource_metrics,) = protobuf_to_json(METRICS, body)["resourceMetrics"]
    return resource_metrics["scopeMetrics"][0]["metrics"][0]["histogram"]["dataPoints"]


def log_body(value):
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.CopyFrom(value)
    content = protobuf_to_json(LOGS, request.SerializeToString())
    return content["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"]


def nested(depth):
    """A value in lists in lists; each is two messages."""
    value = AnyValue(int_value=1)
    for _ in range(depth):
        outer = AnyValue()
        outer.array_value.values.add().CopyFrom(value)
        value = outer
    return value


def request_of(content_type, *bodies):
    payloads = [payload_of(TRACES, content_type, body) for body in bodies]
    return ExportRequest("otlp_http", TRACES, tuple(payloads))


class TestARequest:
    """It becomes what OTLP's JSON has for it."""

    def test_ids_are_hex_times_are_texts_and_default_values_are_left_out(self):
        assert protobuf_to_json(TRACES, REQUEST) == {
            "resourceSpans": [
                {
                    "resource": {
                        "attributes": [{"key": "service.name", "value": {"stringValue": "fake"}}]
                    },
                    "scopeSpans": [
                        {
                            "scope": {"name": "tests"},
                            "spans": [
                                {
                                    "traceId": "000102030405060708090a0b0c0d0e0f",
                                    "spanId": "0000000000000001",
                                    "name": "GET /",
                                    "startTimeUnixNano": "1000000000",
                                    "endTimeUnixNano": "2000000000",
                                }
                            ],
                        }
                    ],
                    "schemaUrl": "https://opentelemetry.io/schemas/1.0",
                }
            ]
        }

    def test_an_empty_one_is_an_empty_object(self):
        assert protobuf_to_json(TRACES, b"") == {}

    def test_a_default_value_of_a_choice_is_kept(self):
        assert log_body(AnyValue(string_value="")) == {"stringValue": ""}
        assert log_body(AnyValue(int_value=0)) == {"intValue": "0"}

    def test_what_is_in_a_value_is_kept(self):
        value = AnyValue()
        value.kvlist_value.values.add().CopyFrom(
            KeyValue(key="raw", value=AnyValue(bytes_value=b"\xff"))
        )

        assert log_body(value) == {
            "kvlistValue": {"values": [{"key": "raw", "value": {"bytesValue": "/w=="}}]}
        }

    def test_numbers_that_json_has_not_are_texts(self):
        gauge = Gauge()
        gauge.data_points.add(as_double=float("nan"))
        scope_metrics = ScopeMetrics(metrics=[Metric(name="m", gauge=gauge)])
        request = ExportMetricsServiceRequest(
            resource_metrics=[ResourceMetrics(scope_metrics=[scope_metrics])]
        )

        content = protobuf_to_json(METRICS, request.SerializeToString())

        (metric,) = content["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
        assert metric == {"name": "m", "gauge": {"dataPoints": [{"asDouble": "NaN"}]}}


class TestWhatIsUnusual:
    """What protobuf says of it holds."""

    def test_fields_that_are_not_known_are_left_out(self):
        assert span_of(message(2, span_id(1)) + b"\x98\x06\x01") == {"spanId": "0000000000000001"}

    def test_so_are_known_ones_of_another_type(self):
        assert span_of(b"\x10\x01" + b"\x4d" + bytes(4) + message(5, b"a")) == {"name": "a"}

    def test_of_a_scalar_the_last_counts(self):
        assert span_of(message(5, b"a") + message(5, b"b")) == {"name": "b"}
        assert span_of(message(5, b"a") + message(5, b"")) == {}

    def test_messages_merge(self):
        status = message(15, message(2, b"timeout")) + message(15, b"\x18\x02")

        assert span_of(status) == {"status": {"message": "timeout", "code": 2}}

    def test_as_they_do_in_spans_that_were_ended_for_a_failed_invocation(self):
        body = end_spans(REQUEST, end_ns=3_000_000_000, message="timeout")

        (resource_spans,) = protobuf_to_json(TRACES, body)["resourceSpans"]

        (span,) = resource_spans["scopeSpans"][0]["spans"]
        assert span["endTimeUnixNano"] == "3000000000"
        assert span["status"] == {"message": "timeout", "code": 2}

    def test_of_a_choice_the_last_counts_whatever_was_before(self):
        either = message(1, b"a") + message(5, b"") + b"\x18\x05"

        assert span_of(message(9, message(2, either))) == {
            "attributes": [{"value": {"intValue": "5"}}]
        }

    @pytest.mark.parametrize(
        "counts",
        [
            b"\x31" + (1).to_bytes(8, "little") + b"\x31" + (2).to_bytes(8, "little"),
            message(6, (1).to_bytes(8, "little") + (2).to_bytes(8, "little")),
        ],
        ids=["one by one", "packed"],
    )
    def test_numbers_in_lists_may_be_packed_or_not(self, counts):
        assert points_of(counts) == [{"bucketCounts": ["1", "2"]}]

    def test_an_empty_list_is_left_out(self):
        assert points_of(message(6, b"")) == [{}]

    def test_packed_varints_are_read_one_by_one(self):
        buckets = message(2, b"\x01\xac\x02")
        body = message(1, message(2, message(2, message(10, message(1, message(8, buckets))))))

        (resource_metrics,) = protobuf_to_json(METRICS, body)["resourceMetrics"]

        (metric,) = resource_metrics["scopeMetrics"][0]["metrics"]
        assert metric["exponentialHistogram"]["dataPoints"] == [
            {"positive": {"bucketCounts": ["1", "300"]}}
        ]


class TestWhatIsNoRequest:
    """It is refused."""

    @pytest.mark.parametrize(
        "body",
        [REQUEST[:-1], in_span(b"\x12"), in_span(b"\x0b"), b"hello"],
        ids=["cut", "a span without an end", "a group", "text"],
    )
    def test_bytes_that_cannot_be_walked(self, body):
        with pytest.raises(MalformedError):
            protobuf_to_json(TRACES, body)

    def test_a_packed_list_that_ends_in_a_number(self):
        with pytest.raises(MalformedError, match="a packed number at byte 10 that ends beyond"):
            points_of(message(6, bytes(12)))

    def test_messages_that_are_nested_too_deeply(self):
        log_body(nested(DEPTH_MAX // 2 - 3))

        with pytest.raises(MalformedError, match="messages nested deeper than 100"):
            log_body(nested(DEPTH_MAX // 2 - 2))


class TestABody:
    """It is OTLP's JSON as text."""

    def test_payloads_in_protobuf_become_one_text(self):
        text = to_json(request_of(PROTOBUF, REQUEST, REQUEST))

        assert json.loads(text) == protobuf_to_json(TRACES, REQUEST + REQUEST)

    def test_it_has_no_spaces_and_letters_as_they_are(self):
        text = to_json(request_of(PROTOBUF, in_resource_spans(message(3, "é".encode()))))

        assert text == '{"resourceSpans":[{"schemaUrl":"é"}]}'.encode()

    def test_a_payload_in_json_stays_as_it_is(self):
        assert to_json(request_of(JSON, b'{ "resourceSpans": null }')) == (
            b'{ "resourceSpans": null }'
        )
