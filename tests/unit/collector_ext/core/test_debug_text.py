"""What people read of an export request."""

from __future__ import annotations

import pytest

from collector_ext.core.debug_text import (
    BASIC,
    DETAILED,
    LINE_MAX,
    LINES_MAX,
    NORMAL,
    lines,
    time_text,
    value_text,
)
from collector_ext.core.otlp import LOGS, METRICS, TRACES

TRACE_ID, SPAN_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0b"
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
ROOT = {
    "traceId": TRACE_ID,
    "spanId": SPAN_ID,
    "name": "GET /",
    "kind": 2,
    "startTimeUnixNano": "1700000000000000000",
    "endTimeUnixNano": "1700000000012345678",
    "attributes": [
        {"key": "http.method", "value": {"stringValue": "GET"}},
        {"key": "sampled", "value": {"boolValue": True}},
    ],
    "events": [{"timeUnixNano": "1700000000000000001", "name": "exception"}],
    "status": {"message": "no room", "code": 2},
}
CHILD = {"traceId": TRACE_ID, "spanId": SPAN_ID, "parentSpanId": PARENT_ID, "name": "open"}


def traces(*spans):
    return {
        "resourceSpans": [
            {
                "resource": RESOURCE,
                "scopeSpans": [{"scope": {"name": "tests"}, "spans": list(spans)}],
            }
        ]
    }


def metrics(*items):
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": list(items)}]}]}


def logs(*records):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


GAUGE = {
    "name": "memory",
    "unit": "MB",
    "gauge": {
        "dataPoints": [
            {"asInt": "5", "attributes": [{"key": "a", "value": {"intValue": "1"}}]},
            {"asDouble": 0.5},
        ]
    },
}
HISTOGRAM = {
    "name": "duration",
    "histogram": {
        "dataPoints": [
            {
                "count": "2",
                "sum": 3.5,
                "min": 1.0,
                "max": 2.5,
                "bucketCounts": ["1", "1"],
                "explicitBounds": [2.0],
            }
        ],
        "aggregationTemporality": 1,
    },
}
RECORD = {
    "timeUnixNano": "1700000000000000000",
    "severityNumber": 9,
    "body": {"stringValue": "hello"},
    "attributes": [{"key": "user", "value": {"stringValue": "x"}}],
    "traceId": TRACE_ID,
    "spanId": SPAN_ID,
}


class TestBasic:
    """One line that counts."""

    @pytest.mark.parametrize(
        ("signal", "content", "line"),
        [
            (TRACES, traces(ROOT, CHILD), "traces: 2 spans of 1 resource"),
            (TRACES, traces(ROOT), "traces: 1 span of 1 resource"),
            (METRICS, metrics(GAUGE, HISTOGRAM), "metrics: 3 data points of 1 resource"),
            (LOGS, logs(RECORD), "logs: 1 log record of 1 resource"),
            (LOGS, {}, "logs: 0 log records of 0 resources"),
        ],
    )
    def test_it_counts_what_there_is(self, signal, content, line):
        assert list(lines(signal, content, BASIC)) == [line]


class TestNormal:
    """A line for each span, data point and record."""

    def test_a_span_that_failed(self):
        (_, line) = lines(TRACES, traces(ROOT), NORMAL)

        assert line == (
            f"GET / trace_id={TRACE_ID} span_id={SPAN_ID} 12.346ms ERROR 'no room' "
            "http.method=GET sampled=true"
        )

    def test_a_span_that_is_open(self):
        (_, line) = lines(TRACES, traces(CHILD), NORMAL)

        assert line == f"open trace_id={TRACE_ID} span_id={SPAN_ID} parent={PARENT_ID} open"

    def test_data_points(self):
        (_, *points) = lines(METRICS, metrics(GAUGE, HISTOGRAM), NORMAL)

        assert points == [
            "memory 5 MB a=1",
            "memory 0.5 MB",
            "duration count=2 sum=3.5 min=1.0 max=2.5",
        ]

    def test_a_log_record(self):
        (_, line) = lines(LOGS, logs(RECORD), NORMAL)

        assert line == f"INFO hello trace_id={TRACE_ID} span_id={SPAN_ID} user=x"

    def test_the_severity_as_it_was_written_goes_before_its_number(self):
        (_, line) = lines(LOGS, logs({"severityText": "note", "severityNumber": 9}), NORMAL)

        assert line == "note"


class TestDetailed:
    """A line for each field, inner ones further in."""

    def test_a_span(self):
        assert list(lines(TRACES, traces(ROOT), DETAILED)) == [
            "traces: 1 span of 1 resource",
            "resourceSpans[0]:",
            "  resource:",
            "    attributes:",
            "      service.name: shop",
            "  scopeSpans[0]:",
            "    scope:",
            "      name: tests",
            "    spans[0]:",
            f"      traceId: {TRACE_ID}",
            f"      spanId: {SPAN_ID}",
            "      name: GET /",
            "      kind: SERVER (2)",
            "      startTimeUnixNano: 2023-11-14T22:13:20.000000000Z",
            "      endTimeUnixNano: 2023-11-14T22:13:20.012345678Z",
            "      attributes:",
            "        http.method: GET",
            "        sampled: true",
            "      events[0]:",
            "        timeUnixNano: 2023-11-14T22:13:20.000000001Z",
            "        name: exception",
            "      status:",
            "        message: no room",
            "        code: ERROR (2)",
        ]

    def test_a_metric(self):
        (_, _, _, *found) = lines(METRICS, metrics(HISTOGRAM), DETAILED)

        assert [line.strip() for line in found] == [
            "metrics[0]:",
            "name: duration",
            "histogram:",
            "dataPoints[0]:",
            "count: 2",
            "sum: 3.5",
            "min: 1.0",
            "max: 2.5",
            "bucketCounts: 1, 1",
            "explicitBounds: 2.0",
            "aggregationTemporality: DELTA (1)",
        ]

    def test_a_log_record(self):
        (*_, body) = lines(LOGS, logs({"body": {"intValue": "1"}}), DETAILED)

        assert body.strip() == "body: 1"

    def test_a_number_of_a_later_version_is_shown_as_it_is(self):
        (*_, kind) = lines(TRACES, traces({"kind": 77}), DETAILED)

        assert kind.strip() == "kind: 77 (77)"


class TestBounds:
    """The log is not flooded."""

    def test_lines_are_counted(self):
        of_many = list(lines(TRACES, traces(*[ROOT] * (LINES_MAX + 1)), NORMAL))

        assert len(of_many) == 1 + LINES_MAX + 1
        assert of_many[-1] == f"more than {LINES_MAX} lines; the rest is left out"

    def test_as_many_as_there_may_be_are_all_said(self):
        of_many = list(lines(TRACES, traces(*[ROOT] * LINES_MAX), NORMAL))

        assert len(of_many) == 1 + LINES_MAX

    def test_a_long_one_is_cut(self):
        (_, line) = lines(TRACES, traces({"name": "x" * (LINE_MAX + 1)}), NORMAL)

        assert line == "x" * LINE_MAX + "…"


class TestValues:
    """They are shown without their types."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ({}, ""),
            ({"stringValue": "a"}, "a"),
            ({"boolValue": False}, "false"),
            ({"intValue": "-1"}, "-1"),
            ({"doubleValue": "NaN"}, "NaN"),
            ({"bytesValue": "/w=="}, "/w=="),
            ({"arrayValue": {}}, "[]"),
            ({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "b"}]}}, "[1, b]"),
            (
                {
                    "kvlistValue": {
                        "values": [{"key": "a", "value": {"intValue": "1"}}, {"key": "b"}]
                    }
                },
                "{a: 1, b: }",
            ),
        ],
    )
    def test_each_kind(self, value, text):
        assert value_text(value) == text

    def test_the_last_time_there_is(self):
        assert time_text(str(2**64 - 1)) == "2554-07-21T23:34:33.709551615Z"
