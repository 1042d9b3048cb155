"""Metrics on the wire, read by the real protobuf library."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, HistogramDataPoint

from collector_ext.core import otlp_metrics
from collector_ext.core.otlp import METRICS
from collector_ext.core.otlp_items import item_count
from collector_ext.core.wire import check_export_request
from tests.fakes.telemetry_requests import key_values

START_NS, END_NS = 1_700_000_000_000_000_000, 1_700_000_020_000_000_001
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
HEAD = otlp_metrics.head("faas.é", "What it is.", "s")
TRIGGER = (("faas.trigger", "http"),)


def requested(*metrics):
    return otlp_metrics.request({"service.name": "shop"}, "platform", "0.1.0", metrics)


def expected():
    """The request of one metric without points, and that metric."""
    message = ExportMetricsServiceRequest()
    group = message.resource_metrics.add()
    group.resource.attributes.extend(key_values({"service.name": "shop"}))
    scoped = group.scope_metrics.add()
    scoped.scope.name, scoped.scope.version = "platform", "0.1.0"
    return message, scoped.metrics.add(name="faas.é", description="What it is.", unit="s")


def histogram_point_of(*values, bounds=(1.0, 10.0)):
    point = otlp_metrics.histogram_point(values, bounds, (), START_NS, END_NS)
    return HistogramDataPoint.FromString(point)


class TestAMetric:
    """It means what the library makes of the same."""

    @pytest.mark.parametrize(("value", "field"), [(3, "as_int"), (0.5, "as_double")])
    def test_that_counts(self, value, field):
        message, metric = expected()
        metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, DELTA
        times = {"start_time_unix_nano": START_NS, "time_unix_nano": END_NS}
        metric.sum.data_points.add(
            **times, **{field: value}, attributes=key_values({"faas.trigger": "http"})
        )

        point = otlp_metrics.number_point(value, TRIGGER, START_NS, END_NS)
        body = requested(otlp_metrics.counter(HEAD, [point]))

        assert ExportMetricsServiceRequest.FromString(body) == message

    def test_that_is_of_one_moment(self):
        message, metric = expected()
        metric.gauge.data_points.add(time_unix_nano=END_NS, as_int=3)

        point = otlp_metrics.number_point(3, (), 0, END_NS)
        body = requested(otlp_metrics.gauge(HEAD, [point]))

        assert ExportMetricsServiceRequest.FromString(body) == message

    def test_that_is_a_distribution(self):
        message, metric = expected()
        metric.histogram.aggregation_temporality = DELTA
        metric.histogram.data_points.add(
            start_time_unix_nano=START_NS,
            time_unix_nano=END_NS,
            count=3,
            sum=15.5,
            bucket_counts=[1, 1, 1],
            explicit_bounds=[1.0, 10.0],
            attributes=key_values({"faas.trigger": "http"}),
            min=0.5,
            max=12.0,
        )

        values = [3.0, 0.5, 12.0]
        point = otlp_metrics.histogram_point(values, (1.0, 10.0), TRIGGER, START_NS, END_NS)
        body = requested(otlp_metrics.histogram(HEAD, [point]))

        assert ExportMetricsServiceRequest.FromString(body) == message

    def test_counts_as_its_points(self):
        point = otlp_metrics.number_point(3, (), START_NS, END_NS)

        body = requested(otlp_metrics.counter(HEAD, [point, point]))

        check_export_request(body)
        assert item_count(METRICS, body) == 2


class TestABucket:
    """Its bound belongs to it: what is equal is not in the one above."""

    @pytest.mark.parametrize(
        ("value", "counts"),
        [(0.0, [1, 0, 0]), (1.0, [1, 0, 0]), (1.1, [0, 1, 0]), (10, [0, 1, 0]), (11, [0, 0, 1])],
    )
    def test_has_what_is_at_most_its_bound(self, value, counts):
        assert histogram_point_of(value).bucket_counts == counts


def test_without_metrics_there_is_no_request():
    assert requested() == b""
