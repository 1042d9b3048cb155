"""What the collector tells of itself, each time since the last."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collector_ext.core.actions import Export
from collector_ext.core.delivery.outbox import AWAITED
from collector_ext.core.delivery.report import INTERVAL_S, Report
from collector_ext.core.events import Delivered, ExportFinished
from collector_ext.core.otlp import METRICS, PROTOBUF, TRACES
from collector_ext.core.platform.metrics import PlatformMetrics
from collector_ext.core.platform.price import Prices
from tests.fakes.outcomes import refused
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import outbox_to, pipelines_to
from tests.fakes.trace_requests import export_request, span_id

NOW = 1_000_000.0
A = payload_of(TRACES, PROTOBUF, export_request(("a", span_id(1))))


class Told:
    """Pipelines to one exporter, and what is told of them."""

    def __init__(self, platform=None):
        self.outbox = outbox_to({TRACES: "https://otlp.example/v1/traces"})
        self.pipelines = pipelines_to(self.outbox)
        resource = {"service.name": "hello"}
        self.report = Report(self.pipelines, resource, "1.0", NOW, platform=platform)

    def exports(self, outcome):
        """What waits is exported, with this outcome."""
        self.pipelines.start_flush(NOW, AWAITED)
        (order,) = self.pipelines.take(NOW, NOW + 1, is_over=True)
        assert isinstance(order, Export)
        outcomes = tuple(outcome(request) for request in order.requests)
        self.pipelines.settle(ExportFinished(order.exporter, outcomes), NOW)

    def at(self, now, *, is_last=False):
        """What is told at some time: metric and attributes, with the count."""
        payloads = self.report.payloads(now, is_last=is_last)
        assert all((p.signal, p.item_count > 0) == (METRICS, True) for p in payloads)
        messages = [ExportMetricsServiceRequest.FromString(p.body) for p in payloads]
        return {
            (metric.name, *(a.value.string_value for a in point.attributes)): point.as_int
            for message in messages
            for metric in message.resource_metrics[0].scope_metrics[0].metrics
            for point in (metric.sum.data_points or metric.gauge.data_points)
        }


@pytest.fixture
def told():
    return Told()


class TestAReport:
    """It tells deltas, and at most once an interval."""

    def test_tells_what_was_received_and_what_waits(self, told):
        told.pipelines.put([A])

        assert told.at(NOW + INTERVAL_S) == {
            ("otelcol_receiver_accepted_spans", "otlp"): 1,
            ("otelcol_exporter_queue_size", "otlp", "traces"): 1,
        }

    def test_is_silent_within_the_interval(self, told):
        told.pipelines.put([A])

        assert told.report.payloads(NOW + INTERVAL_S - 1, is_last=False) == []

    def test_is_made_all_the_same_when_there_will_be_no_other(self, told):
        told.pipelines.put([A])

        assert told.at(NOW + 1, is_last=True) != {}

    def test_is_made_when_the_clock_went_back(self, told):
        told.pipelines.put([A])

        assert told.at(NOW - 3600) != {}

    def test_tells_what_has_come_since_the_last_one(self, told):
        told.pipelines.put([A])
        told.at(NOW + INTERVAL_S)
        told.pipelines.put([A, A])
        told.exports(lambda request: Delivered(request, 0, ""))

        assert told.at(NOW + 2 * INTERVAL_S) == {
            ("otelcol_receiver_accepted_spans", "otlp"): 2,
            ("otelcol_exporter_sent_spans", "otlp"): 3,
            ("otelcol_exporter_queue_size", "otlp", "traces"): 0,
        }

    def test_tells_what_was_dropped_and_why(self, told):
        told.pipelines.put([A])
        told.exports(lambda request: refused(request, 401))

        found = told.at(NOW + INTERVAL_S)
        assert found["otelcol_exporter_send_failed_spans", "otlp", "unauthorised"] == 1

    def test_tells_what_had_no_room_by_a_metric_of_its_own(self, told):
        told.outbox.accounts[TRACES].drop("buffer_full", 2)

        found = told.at(NOW + INTERVAL_S)
        assert found["otelcol_exporter_enqueue_failed_spans", "otlp"] == 2


class TestWhatThePlatformTells:
    """It is told with it, in a request of its own, about the same time."""

    def test_is_told_too(self):
        platform = PlatformMetrics(Prices(0.0, 0.0), {}, "1.0")
        told = Told(platform)
        told.pipelines.put([A])
        platform.held(0.5)

        own, other = told.report.payloads(NOW + INTERVAL_S, is_last=False)

        names = [
            ExportMetricsServiceRequest.FromString(p.body).resource_metrics[0].scope_metrics[0]
            for p in (own, other)
        ]
        assert [each.scope.name for each in names] == [
            "otel_layer.collector",
            "otel_layer.platform",
        ]
        (point,) = names[1].metrics[0].histogram.data_points
        assert point.start_time_unix_nano == NOW * 1_000_000_000

    def test_may_be_nothing(self):
        told = Told(PlatformMetrics(Prices(0.0, 0.0), {}, "1.0"))
        told.pipelines.put([A])

        assert len(told.report.payloads(NOW + INTERVAL_S, is_last=False)) == 1
