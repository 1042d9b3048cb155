"""Metrics, serialised: where we differ from the stock encoder, on purpose."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_layer.core.otlp import INT64_MAX, request
from otel_layer.core.otlp_metrics import POINTS_MAX, MetricEncoder

SCOPE = ScopeMetrics(InstrumentationScope("shop"), [], "")


def counter(values):
    """Make a counter with a point for each value."""
    points = [NumberDataPoint({}, 1, 2, value) for value in values]
    data = Sum(points, AggregationTemporality.DELTA, is_monotonic=True)
    return Metric("orders", "", "", data)


def encoded(metric):
    return list(MetricEncoder().encode_metric(metric, Resource({}), SCOPE))


def decoded(items):
    """Have the protocol's own library read the metrics of a request."""
    export = ExportMetricsServiceRequest.FromString(request(items))
    return [
        metric
        for of_resource in export.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    ]


class TestAMetricWithManyPoints:
    """It is divided: no item is larger than a request may be."""

    def test_each_item_is_a_metric_of_the_same_name(self):
        items = encoded(counter(range(2 * POINTS_MAX + 1)))

        metrics = decoded(items)
        assert [(m.name, m.sum.is_monotonic, len(m.sum.data_points)) for m in metrics] == [
            ("orders", True, POINTS_MAX),
            ("orders", True, POINTS_MAX),
            ("orders", True, 1),
        ]
        values = [point.as_int for metric in metrics for point in metric.sum.data_points]
        assert values == list(range(2 * POINTS_MAX + 1))

    def test_one_without_points_is_none(self):
        assert encoded(counter([])) == []


class TestAnOldSdk:
    """The function may bring its own."""

    def test_a_point_without_exemplars_is_one_that_has_none(self):
        class OldPoint:
            attributes = None
            start_time_unix_nano = 1
            time_unix_nano = 2
            value = 3

        data = Sum([OldPoint()], AggregationTemporality.DELTA, is_monotonic=True)  # type: ignore[list-item]  # as it was

        (old,) = decoded(encoded(Metric("orders", "", "", data)))
        (new,) = decoded(encoded(counter([3])))
        assert old == new


class TestNumbers:
    """What the protocol cannot hold becomes what it can."""

    def test_an_integer_beyond_64_bits_is_a_double(self):
        (metric,) = decoded(encoded(counter([INT64_MAX, INT64_MAX + 1])))

        points = metric.sum.data_points
        assert [point.WhichOneof("value") for point in points] == ["as_int", "as_double"]
        assert points[1].as_double == pytest.approx(2.0**63)
