"""What is measured between two tellings."""

from __future__ import annotations

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.semconv._incubating.metrics import faas_metrics

from collector_ext.core.platform import instruments
from collector_ext.core.platform.instruments import (
    COLD_STARTS,
    ERRORS,
    INVOKE_DURATION,
    MEMORY_SIZE,
    VALUE_COUNT_MAX,
    Measurements,
)

START_NS, END_NS = 1_700_000_000_000_000_000, 1_700_000_020_000_000_000


class Meter:
    """What the conventions' own functions ask for."""

    def create_counter(self, name, description, unit):
        return name, description, unit, "counter"

    def create_histogram(self, name, description, unit):
        return name, description, unit, "histogram"


def taken(measurements):
    return [Metric.FromString(metric) for metric in measurements.take(START_NS, END_NS)]


class TestTheConventions:
    """What has a name there has it here, with its unit, its kind and what is said of it."""

    def test_are_those_of_the_package(self):
        known = {
            made[0]: made
            for name in vars(faas_metrics)
            if name.startswith("create_faas_")
            for made in [getattr(faas_metrics, name)(Meter())]
        }
        ours = [
            each for each in vars(instruments).values() if isinstance(each, instruments.Instrument)
        ]

        found = {
            each.name: (each.name, each.description, each.unit, each.kind)
            for each in ours
            if each.name.startswith("faas.")
        }
        assert found == {name: known[name] for name in found}
        assert set(known) - set(found) == {"faas.cpu_usage", "faas.net_io"}


class TestMeasurements:
    """Counters add up, gauges are of now, histograms have each value; all by attributes."""

    def test_a_counter_adds_up_by_its_attributes(self):
        measurements = Measurements()
        for error_type in ("a", "b", "a"):
            measurements.add(ERRORS, 1, ("error.type", error_type))

        (metric,) = taken(measurements)
        assert {p.attributes[0].value.string_value: p.as_int for p in metric.sum.data_points} == {
            "a": 2,
            "b": 1,
        }
        assert metric.sum.data_points[0].start_time_unix_nano == START_NS

    def test_a_gauge_is_its_last_value(self):
        measurements = Measurements()
        measurements.add(MEMORY_SIZE, 1)
        measurements.add(MEMORY_SIZE, 2)

        (metric,) = taken(measurements)
        assert [(p.as_int, p.start_time_unix_nano) for p in metric.gauge.data_points] == [(2, 0)]

    def test_a_histogram_has_each_value(self):
        measurements = Measurements()
        measurements.add(INVOKE_DURATION, 0.25)
        measurements.add(INVOKE_DURATION, 11)

        (metric,) = taken(measurements)
        (point,) = metric.histogram.data_points
        assert (point.count, point.sum) == (2, 11.25)
        assert list(point.bucket_counts) == [0] * 6 + [1] + [0] * 7 + [1]

    def test_a_histogram_has_no_more_than_so_many(self):
        measurements = Measurements()
        for _ in range(VALUE_COUNT_MAX + 1):
            measurements.add(INVOKE_DURATION, 1)

        assert taken(measurements)[0].histogram.data_points[0].count == VALUE_COUNT_MAX

    def test_what_was_taken_is_gone(self):
        measurements = Measurements()
        measurements.add(COLD_STARTS, 1)
        measurements.add(INVOKE_DURATION, 1)
        taken(measurements)

        assert taken(measurements) == []
