"""Counting the items of export requests."""

from __future__ import annotations

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from collector_ext.core.otlp_items import item_count, json_item_count
from tests.fakes.telemetry_requests import gauge, record, request, span

TWO_SPANS = request(TRACES, span("a"), span("b"))
KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]
SCOPES = {TRACES: "scopeSpans", METRICS: "scopeMetrics", LOGS: "scopeLogs"}
ITEMS = {TRACES: "spans", METRICS: "metrics", LOGS: "logRecords"}


def metric_of(kind, count):
    """A metric of some points."""
    metric = Metric(name=kind)
    for _ in range(count):
        getattr(metric, kind).data_points.add(time_unix_nano=1)
    return metric


class TestInProtobuf:
    """What is counted is what an endpoint may reject: spans, data points, log records."""

    def test_spans(self):
        assert item_count(TRACES, TWO_SPANS) == 2

    def test_log_records(self):
        assert item_count(LOGS, request(LOGS, record(), record(), record())) == 3

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_data_points_of_metrics_of_each_kind(self, kind):
        body = request(METRICS, metric_of(kind, 3), gauge("none"), metric_of(kind, 1))

        assert item_count(METRICS, body) == 4

    def test_those_of_all_resources(self):
        assert item_count(TRACES, TWO_SPANS + request(TRACES, span()) + TWO_SPANS) == 5

    def test_there_are_none_in_an_empty_request(self):
        assert item_count(TRACES, b"") == 0

    def test_a_tag_may_be_longer_than_it_has_to_be(self):
        resource_spans = b"\x92\x00\x02\x12\x00"

        assert item_count(TRACES, b"\x0a\x05" + resource_spans) == 1


class TestWhatCannotBeWalked:
    """What is before the fault is counted, and what is of other resources."""

    def test_a_request_that_is_cut_off(self):
        last = request(TRACES, span("c"), span("d"))

        assert item_count(TRACES, TWO_SPANS + last[:-1]) == 2

    @pytest.mark.parametrize(
        "scope_spans", [b"\x12\x00\x12\x05", b"\x12\x00\x13", b"\x12\x00\x12\xff\xff"]
    )
    def test_a_scope_of_which_a_part_can_be_walked(self, scope_spans):
        resource_spans = bytes([0x12, len(scope_spans)]) + scope_spans
        body = bytes([0x0A, len(resource_spans)]) + resource_spans

        assert item_count(TRACES, body) == 1
        assert item_count(TRACES, body + TWO_SPANS) == 1 + 2

    @pytest.mark.parametrize("signal", SIGNALS)
    def test_text(self, signal):
        assert item_count(signal, b"hello") == 0


def in_json(signal, *items):
    """The value of a request of one resource and one scope."""
    return {signal.json_key: [{SCOPES[signal]: [{ITEMS[signal]: list(items)}]}]}


class TestInJson:
    """The same, of what was read as JSON already."""

    @pytest.mark.parametrize("signal", [TRACES, LOGS])
    def test_spans_and_log_records(self, signal):
        content = in_json(signal, {}, {"name": "a"})

        assert json_item_count(signal, content) == 2

    @pytest.mark.parametrize(
        "kind", ["gauge", "sum", "histogram", "exponentialHistogram", "summary"]
    )
    def test_the_data_points_of_metrics_of_each_kind(self, kind):
        content = in_json(METRICS, {kind: {"dataPoints": [{}, {}]}}, {"name": "none"})

        assert json_item_count(METRICS, content) == 2

    def test_those_of_all_resources_and_scopes(self):
        group: dict[str, object] = {"scopeSpans": [{"spans": [{}]}, {"spans": [{}]}]}

        assert json_item_count(TRACES, {"resourceSpans": [group, {}, group]}) == 4

    @pytest.mark.parametrize(
        "content",
        [
            None,
            [],
            "text",
            1.5,
            {},
            {"resourceSpans": None},
            {"resourceSpans": {"scopeSpans": []}},
            {"resourceSpans": [None, 1, "scopeSpans", [], {"scopeSpans": 7}]},
            {"resourceSpans": [{"scopeSpans": [{"spans": "many"}]}]},
            in_json(TRACES, None, 1, []),
        ],
    )
    def test_what_is_not_otlp_has_none(self, content):
        assert json_item_count(TRACES, content) == 0

    @pytest.mark.parametrize("metric", [None, {"gauge": [{}]}, {"sum": {"dataPoints": {}}}])
    def test_nor_has_what_is_no_metric(self, metric):
        assert json_item_count(METRICS, in_json(METRICS, metric)) == 0
