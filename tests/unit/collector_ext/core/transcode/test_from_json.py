"""OTLP's JSON to protobuf; that it means the same is held by properties.

The texts have the shapes of the examples that opentelemetry-proto documents.
"""

from __future__ import annotations

import json

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.transcode.from_json import NotOtlpError, json_to_protobuf
from collector_ext.core.transcode.schema import DEPTH_MAX

AT = 1_544_712_660_300_000_000
TRACE_ID, SPAN_ID = "5B8EFFF798038103D269B633813FC60C", "EEE19B7EC3C1B174"
ATTRIBUTES = [{"key": "my.attribute", "value": {"stringValue": "some value"}}]

SPAN = {
    "traceId": TRACE_ID,
    "spanId": SPAN_ID,
    "parentSpanId": "EEE19B7EC3C1B173",
    "name": "I'm a server span",
    "startTimeUnixNano": str(AT),
    "endTimeUnixNano": str(AT + 1),
    "kind": 2,
    "links": [{"traceId": TRACE_ID, "spanId": SPAN_ID}],
    "attributes": ATTRIBUTES,
}
RECORD = {
    "timeUnixNano": str(AT),
    "severityNumber": 10,
    "severityText": "Information",
    "traceId": TRACE_ID,
    "spanId": SPAN_ID,
    "body": {"stringValue": "Example log record"},
    "attributes": [
        {"key": "boolean", "value": {"boolValue": True}},
        {"key": "int", "value": {"intValue": "10"}},
        {"key": "double", "value": {"doubleValue": 637.704}},
        {
            "key": "array",
            "value": {
                "arrayValue": {"values": [{"stringValue": "many"}, {"stringValue": "values"}]}
            },
        },
        {
            "key": "map",
            "value": {
                "kvlistValue": {
                    "values": [{"key": "some.map.key", "value": {"stringValue": "some value"}}]
                }
            },
        },
    ],
}


def of_span(span):
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def of_record(record):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def of_point(kind, point):
    metric = {"name": "my.metric", kind: {"dataPoints": [point]}}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}


def of_value(value):
    return of_record({"body": value})


def encoded(signal, content):
    return json_to_protobuf(signal, json.dumps(content).encode())


def span_from(content):
    request = ExportTraceServiceRequest.FromString(encoded(TRACES, content))
    return request.resource_spans[0].scope_spans[0].spans[0]


def record_from(content):
    request = ExportLogsServiceRequest.FromString(encoded(LOGS, content))
    return request.resource_logs[0].scope_logs[0].log_records[0]


def point_from(kind, point):
    request = ExportMetricsServiceRequest.FromString(encoded(METRICS, of_point(kind, point)))
    metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
    return getattr(metric, metric.WhichOneof("data") or "").data_points[0]


def nested(depth):
    value: dict[str, object] = {"intValue": 1}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return value


def fault_of(signal, content):
    with pytest.raises(NotOtlpError) as fault:
        encoded(signal, content)
    return str(fault.value)


class TestTheDocumentedExamples:
    """They become what they stand for."""

    def test_a_span(self):
        expected = Span(
            trace_id=bytes.fromhex(TRACE_ID),
            span_id=bytes.fromhex(SPAN_ID),
            parent_span_id=bytes.fromhex("EEE19B7EC3C1B173"),
            name="I'm a server span",
            start_time_unix_nano=AT,
            end_time_unix_nano=AT + 1,
            kind=Span.SPAN_KIND_SERVER,
        )
        expected.links.add(trace_id=bytes.fromhex(TRACE_ID), span_id=bytes.fromhex(SPAN_ID))
        expected.attributes.add(key="my.attribute").value.string_value = "some value"

        assert span_from(of_span(SPAN)) == expected

    def test_a_log_record(self):
        expected = LogRecord(
            time_unix_nano=AT,
            severity_number=SeverityNumber.SEVERITY_NUMBER_INFO2,
            severity_text="Information",
            trace_id=bytes.fromhex(TRACE_ID),
            span_id=bytes.fromhex(SPAN_ID),
        )
        expected.body.string_value = "Example log record"
        expected.attributes.add(key="boolean").value.bool_value = True
        expected.attributes.add(key="int").value.int_value = 10
        expected.attributes.add(key="double").value.double_value = 637.704
        array = expected.attributes.add(key="array").value.array_value
        array.values.add(string_value="many")
        array.values.add(string_value="values")
        pairs = expected.attributes.add(key="map").value.kvlist_value
        pairs.values.add(key="some.map.key").value.string_value = "some value"

        assert record_from(of_record(RECORD)) == expected

    def test_a_number_with_an_exemplar(self):
        exemplar = {"asInt": "7", "timeUnixNano": str(AT), "spanId": SPAN_ID, "traceId": TRACE_ID}
        expected = NumberDataPoint(as_double=5, time_unix_nano=AT)
        expected.exemplars.add(
            as_int=7,
            time_unix_nano=AT,
            span_id=bytes.fromhex(SPAN_ID),
            trace_id=bytes.fromhex(TRACE_ID),
        )

        point = {"asDouble": 5, "timeUnixNano": str(AT), "exemplars": [exemplar]}
        assert point_from("gauge", point) == expected

    def test_a_histogram(self):
        expected = HistogramDataPoint(
            count=2, sum=2, bucket_counts=[1, 1], explicit_bounds=[1], min=0, max=2
        )

        point = {
            "count": 2,
            "sum": 2,
            "bucketCounts": [1, 1],
            "explicitBounds": [1],
            "min": 0,
            "max": 2,
        }
        assert point_from("histogram", point) == expected

    def test_an_exponential_histogram(self):
        expected = ExponentialHistogramDataPoint(count=3, sum=10, scale=-2, zero_count=1)
        expected.positive.offset = 1
        expected.positive.bucket_counts[:] = [0, 2]

        point = {
            "count": "3",
            "sum": 10,
            "scale": -2,
            "zeroCount": "1",
            "positive": {"offset": 1, "bucketCounts": ["0", "2"]},
        }
        assert point_from("exponentialHistogram", point) == expected

    def test_a_summary(self):
        expected = SummaryDataPoint(count=3, sum=10)
        expected.quantile_values.add(quantile=0.5, value=2)

        point = {"count": 3, "sum": 10, "quantileValues": [{"quantile": 0.5, "value": 2}]}
        assert point_from("summary", point) == expected


class TestWhatIsAccepted:
    """What the specification lets clients do."""

    def test_fields_that_are_not_known_are_left_out(self):
        content = {**of_span({"name": "a", "of": {"a": "later version"}}), "version": 2}

        assert span_from(content) == Span(name="a")

    def test_null_is_an_absent_field(self):
        assert span_from(of_span({"name": None, "attributes": None, "status": None})) == Span()
        assert record_from(of_value({"stringValue": None, "intValue": 1})).body.int_value == 1

    def test_names_may_be_spelled_as_protobuf_does(self):
        content = {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "00"}]}]}]}

        assert span_from(content) == Span(trace_id=b"\0")

    def test_enums_may_be_named(self):
        assert span_from(of_span({"kind": "SPAN_KIND_CLIENT"})).kind == Span.SPAN_KIND_CLIENT

    def test_default_values_cost_nothing(self):
        assert encoded(TRACES, of_span({"name": "", "kind": 0, "events": []})) == encoded(
            TRACES, of_span({})
        )

    def test_but_a_default_value_of_a_choice_is_one(self):
        assert record_from(of_value({"boolValue": False})).body.WhichOneof("value") == "bool_value"

    def test_an_empty_request_is_one(self):
        assert encoded(LOGS, {}) == b""


class TestWhatIsNotAccepted:
    """It is said where it is, and never what."""

    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            ([], "the request is a list, not an object"),
            ({"resourceSpans": {}}, "resourceSpans is an object, not a list"),
            ({"resourceSpans": [None]}, "resourceSpans[0] is null, not an object"),
            (
                {"resourceSpans": [{}, {"scopeSpans": [{"spans": ["x"]}]}]},
                "resourceSpans[1].scopeSpans[0].spans[0] is a string, not an object",
            ),
            (
                of_span({"traceId": "W47/95gDgQPSabYzgT/GDA=="}),
                "resourceSpans[0].scopeSpans[0].spans[0].traceId is a string, not hex digits",
            ),
            (
                {"resource_spans": [{"resource": {"droppedAttributesCount": -1}}]},
                (
                    "resource_spans[0].resource.droppedAttributesCount is a number, "
                    "not a whole number from 0 to 4294967295"
                ),
            ),
            (
                of_span({"name": True}),
                "resourceSpans[0].scopeSpans[0].spans[0].name is true or false, not a string",
            ),
        ],
    )
    def test_by_its_path(self, content, fault):
        assert fault_of(TRACES, content) == fault

    def test_an_element_of_a_list_is_known_by_its_index(self):
        fault = fault_of(METRICS, of_point("histogram", {"bucketCounts": ["1", "x"]}))

        assert fault.endswith(
            "dataPoints[0].bucketCounts[1] is a string, not a whole number from 0"
            " to 18446744073709551615"
        )

    def test_two_of_a_choice(self):
        fault = fault_of(LOGS, of_value({"stringValue": "a", "intValue": 1}))

        assert fault.endswith("logRecords[0].body has both stringValue and intValue")

    def test_what_is_nested_too_deeply(self):
        fault = fault_of(LOGS, of_value(nested(DEPTH_MAX // 2 - 2)))

        assert fault.endswith("values[0] is nested deeper than 100 messages")

    def test_which_the_library_would_not_read_either(self, monkeypatch):
        deepest = encoded(LOGS, of_value(nested(DEPTH_MAX // 2 - 3)))
        monkeypatch.setattr("collector_ext.core.transcode.from_json.DEPTH_MAX", 1000)
        deeper = encoded(LOGS, of_value(nested(DEPTH_MAX // 2 + 1)))

        ExportLogsServiceRequest.FromString(deepest)
        with pytest.raises(DecodeError):
            ExportLogsServiceRequest.FromString(deeper)

    @pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"NaN", b"[" * 100_000])
    def test_what_is_not_json(self, text):
        with pytest.raises(ValueError):  # noqa: PT011 - its kinds are the parser's own
            json_to_protobuf(TRACES, text)
