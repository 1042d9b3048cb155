"""The processor ``filter``."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from collector_ext.core.processors import filter as filter_
from tests.fakes.sections import processor_of, read_with
from tests.fakes.telemetry_requests import (
    attributes_in,
    gauge,
    items_in,
    names_in,
    record,
    request,
    span,
)

SPANS = request(
    TRACES,
    span("GET /health", {"http.route": "/health", "n": 1}),
    span("GET /shop", {"http.route": "/shop"}, status={"code": 2}),
)
METRICS_BODY = request(METRICS, gauge("calls", {"a": 1}, {"a": 2}), gauge("errors", {"a": 1}))
RECORDS = request(LOGS, record("debug", severity_number=5), record("error", severity_number=17))


def left(signal, body, **configuration):
    """The names of what is not dropped."""
    return names_in(signal, processor_of(filter_, configuration).process(signal, body))


class TestSpans:
    """A span that meets one of the conditions is dropped."""

    def test_by_an_attribute(self):
        conditions = ['attributes["http.route"] == "/health"']

        assert left(TRACES, SPANS, traces={"span": conditions}) == ["GET /shop"]

    def test_by_any_of_the_conditions(self):
        conditions = ['name == "GET /health"', "status.code == STATUS_CODE_ERROR"]

        assert left(TRACES, SPANS, traces={"span": conditions}) == []

    def test_by_conditions_that_name_their_context(self):
        conditions = ['span.name == "GET /health"', 'resource.attributes["x"] == 1']

        assert left(TRACES, SPANS, trace_conditions=conditions) == ["GET /shop"]

    def test_by_conditions_in_groups(self):
        groups = [{"context": "span", "conditions": ['IsMatch(name, "health$")', 'name == "a"']}]

        assert left(TRACES, SPANS, trace_conditions=groups) == ["GET /shop"]

    def test_by_their_resource(self):
        conditions = ['attributes["service.name"] == "shop"']

        assert left(TRACES, SPANS, traces={"resource": conditions}) == []

    def test_nothing_is_left_of_a_request_without_spans(self):
        processor = processor_of(filter_, {"traces": {"span": ["true"]}})

        assert processor.process(TRACES, SPANS) == b""

    def test_what_is_not_dropped_keeps_its_bytes(self):
        processor = processor_of(filter_, {"traces": {"span": ["false"]}})

        assert processor.process(TRACES, SPANS) == SPANS

    def test_a_single_condition_needs_no_list(self):
        assert left(TRACES, SPANS, traces={"span": 'name == "GET /health"'}) == ["GET /shop"]


class TestSpanEvents:
    """An event that meets a condition is taken out; its span stays."""

    BODY = request(TRACES, span("a", events=[{"name": "x"}, {"name": "y"}]))

    @pytest.mark.parametrize(
        "configuration",
        [
            {"traces": {"spanevent": ['name == "x" and span.name == "a"']}},
            {"trace_conditions": ['spanevent.name == "x"']},
        ],
    )
    def test_one_is_taken_out(self, configuration):
        body = processor_of(filter_, configuration).process(TRACES, self.BODY)

        (found,) = items_in(TRACES, body)
        assert [event.name for event in found.events] == ["y"]

    def test_a_span_without_any_stays(self):
        body = processor_of(filter_, {"traces": {"spanevent": ["true"]}}).process(TRACES, self.BODY)

        (found,) = items_in(TRACES, body)
        assert len(found.events) == 0


class TestMetrics:
    """A metric that meets a condition is dropped, and one whose points all do."""

    def test_by_name(self):
        assert left(METRICS, METRICS_BODY, metrics={"metric": ['name == "calls"']}) == ["errors"]

    def test_by_point(self):
        conditions = ['attributes["a"] == 1 and metric.name != ""']
        processor = processor_of(filter_, {"metrics": {"datapoint": conditions}})

        body = processor.process(METRICS, METRICS_BODY)

        (metric,) = items_in(METRICS, body)
        assert [attributes_in(p.attributes) for p in metric.gauge.data_points] == [{"a": 2}]

    def test_by_conditions_that_name_their_context(self):
        conditions = ['datapoint.attributes["a"] == 2', 'metric.name == "errors"']

        assert left(METRICS, METRICS_BODY, metric_conditions=conditions) == ["calls"]


class TestLogRecords:
    """A record that meets a condition is dropped."""

    def test_by_severity(self):
        conditions = ["severity_number < SEVERITY_NUMBER_WARN"]

        assert left(LOGS, RECORDS, logs={"log_record": conditions}) == ["error"]

    def test_by_body(self):
        assert left(LOGS, RECORDS, log_conditions=['log.body == "error"']) == ["debug"]


class TestAConditionThatIsNotUnderstood:
    """It is quoted and ignored; the others count."""

    @pytest.mark.parametrize("error_mode", ["ignore", "silent", "propagate"])
    def test_drops_nothing(self, error_mode):
        conditions = ["Len(attributes) > 3", 'name == "GET /health"']
        configuration = {"error_mode": error_mode, "traces": {"span": conditions}}

        processor, complaints = read_with(filter_, configuration)

        assert names_in(TRACES, processor.process(TRACES, SPANS)) == ["GET /shop"]
        (complaint,) = complaints
        assert complaint == (
            "f:4: processors.x.traces.span has 'Len(attributes) > 3', which is not understood: "
            "there is no function Len of 1 arguments here; it is ignored"
        )

    @pytest.mark.parametrize(
        ("configuration", "why"),
        [
            (
                {"traces": {"span": ['spanevent.name == "x"']}},
                "is of a spanevent: there is none here",
            ),
            ({"log_conditions": ['span.name == "x"']}, "is of a span: there is none here"),
            ({"logs": {"log_record": ['span.name == "x"']}}, "a log is in no span"),
            ({"log_conditions": [{"context": "span", "conditions": ["true"]}]}, "is of a span"),
            ({"log_conditions": [{"context": "x", "conditions": ["true"]}]}, "no context x"),
            ({"trace_conditions": ['name == "x"']}, "there is no name, which has to begin with"),
        ],
    )
    def test_may_be_about_something_else(self, configuration, why):
        processor, complaints = read_with(filter_, configuration)

        assert processor is None
        assert why in complaints[0]
        assert complaints[1].endswith("has no conditions that are understood; it drops nothing")

    def test_may_be_no_text(self):
        processor, complaints = read_with(filter_, {"trace_conditions": [["x"], {"a": 1}]})

        assert processor is None
        assert "which is not a list of conditions" in complaints[0]


class TestWhatIsNotForIt:
    """Signals without conditions, and what cannot be walked, go on as they are."""

    def test_other_signals_stay(self):
        processor = processor_of(filter_, {"traces": {"span": ["true"]}})

        assert processor.process(LOGS, RECORDS) == RECORDS

    @pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
    def test_what_cannot_be_walked_stays(self, signal):
        everything = {
            "trace_conditions": ['spanevent.name == "x"', 'span.name != "?"'],
            "metric_conditions": ['datapoint.attributes["x"] == nil'],
            "log_conditions": ["log.body != nil"],
        }
        body = b"\x0a\x06\x12\x04\x12\x02\x0a\x09"

        assert processor_of(filter_, everything).process(signal, body) == body
