"""The collector's own metrics, read by the real protobuf library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from collector_ext.core.delivery.own_metrics import (
    ACCEPTED,
    ENQUEUE_FAILED,
    ERROR_TYPE,
    EXPORTER,
    QUEUE_SIZE,
    RECEIVER,
    SEND_FAILED,
    SENT,
    Metric,
    Point,
    encode,
    item_metric,
)
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from collector_ext.core.otlp_items import item_count
from collector_ext.core.wire import check_export_request
from tests.fakes.telemetry_requests import attributes_in, key_values

RESOURCE = {"service.name": "shop", "faas.name": "shop-é"}
START_NS, END_NS = 1_700_000_000_000_000_000, 1_700_000_020_000_000_001
RECEIVED = Point(item_metric(ACCEPTED, TRACES), ((RECEIVER, "otlp"),), 12)
WAITING = Point(QUEUE_SIZE, ((EXPORTER, "otlp_http"), ("data_type", "traces")), 3)


def encoded(*points):
    return encode(points, RESOURCE, "0.1.0", start_ns=START_NS, end_ns=END_NS)


def failed(count, why):
    return Point(item_metric(SEND_FAILED, LOGS), ((EXPORTER, "debug"), (ERROR_TYPE, why)), count)


def metrics_in(body):
    (group,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
    (scoped,) = group.scope_metrics
    return list(scoped.metrics)


class TestTheRequest:
    """One resource, one scope, and the points by their metrics."""

    def test_is_what_the_library_makes_of_the_same(self):
        expected = ExportMetricsServiceRequest()
        group = expected.resource_metrics.add()
        group.resource.attributes.extend(key_values(RESOURCE))
        scoped = group.scope_metrics.add()
        scoped.scope.name, scoped.scope.version = "otel_layer.collector", "0.1.0"
        accepted = scoped.metrics.add(
            name="otelcol_receiver_accepted_spans", description="Spans received", unit="{spans}"
        )
        accepted.sum.is_monotonic = True
        accepted.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        accepted.sum.data_points.add(
            start_time_unix_nano=START_NS,
            time_unix_nano=END_NS,
            as_int=12,
            attributes=key_values({"receiver": "otlp"}),
        )
        waiting = scoped.metrics.add(
            name="otelcol_exporter_queue_size",
            description="Payloads that wait for the exporter",
            unit="{batches}",
        )
        waiting.gauge.data_points.add(
            time_unix_nano=END_NS,
            as_int=3,
            attributes=key_values({"exporter": "otlp_http", "data_type": "traces"}),
        )

        found = ExportMetricsServiceRequest.FromString(encoded(RECEIVED, WAITING))

        assert found == expected

    def test_points_of_one_metric_are_in_one(self):
        body = encoded(failed(1, "timeout"), RECEIVED, failed(2, "tls"))

        first, second = metrics_in(body)

        points = [(attributes_in(p.attributes), p.as_int) for p in first.sum.data_points]
        assert points == [
            ({"exporter": "debug", "error.type": "timeout"}, 1),
            ({"exporter": "debug", "error.type": "tls"}, 2),
        ]
        assert second.name == "otelcol_receiver_accepted_spans"

    def test_of_no_points_there_is_none(self):
        assert encoded() == b""

    def test_is_accepted_by_our_own_receiver_and_counted(self):
        body = encoded(failed(1, "timeout"), RECEIVED, WAITING)

        check_export_request(body)
        assert item_count(METRICS, body) == 3


class TestNames:
    """They are the OpenTelemetry Collector's."""

    @pytest.mark.parametrize("signal", SIGNALS)
    @pytest.mark.parametrize(
        ("counted", "prefix"),
        [
            (ACCEPTED, "otelcol_receiver_accepted"),
            (SENT, "otelcol_exporter_sent"),
            (SEND_FAILED, "otelcol_exporter_send_failed"),
            (ENQUEUE_FAILED, "otelcol_exporter_enqueue_failed"),
        ],
    )
    def test_of_each_signal(self, counted, prefix, signal):
        suffix, unit = {
            TRACES: ("spans", "{spans}"),
            METRICS: ("metric_points", "{datapoints}"),
            LOGS: ("log_records", "{records}"),
        }[signal]

        found = item_metric(counted, signal)

        assert (found.name, found.unit, found.is_sum) == (f"{prefix}_{suffix}", unit, True)
        assert found.description.startswith(signal.items.capitalize())


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
counts = st.integers(0, 2**63 - 1)
metrics = st.builds(Metric, name=texts, description=texts, unit=texts, is_sum=st.booleans())
points = st.builds(
    Point,
    metric=metrics,
    attributes=st.dictionaries(texts, texts, max_size=3).map(lambda pairs: (*pairs.items(),)),
    count=counts,
)


@given(st.lists(points, min_size=1, max_size=4), counts, counts)
def test_whatever_is_counted_is_read_again(some, start_ns, end_ns):
    body = encode(some, RESOURCE, "0.1.0", start_ns=start_ns, end_ns=end_ns)

    found = []
    for metric in metrics_in(body):
        is_sum = metric.HasField("sum")
        of = Metric(metric.name, metric.description, metric.unit, is_sum=is_sum)
        for point in (metric.sum if is_sum else metric.gauge).data_points:
            pairs = tuple(attributes_in(point.attributes).items())
            found.append(Point(of, pairs, point.as_int))
            assert (point.time_unix_nano, point.WhichOneof("value")) == (end_ns, "as_int")
            assert point.start_time_unix_nano == (start_ns if is_sum else 0)
    order = list(dict.fromkeys(point.metric for point in some))
    assert found == sorted(some, key=lambda point: order.index(point.metric))
