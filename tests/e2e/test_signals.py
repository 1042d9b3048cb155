"""Metrics and log records that the function records: at the endpoint with its trace."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import ROOT

TASK = ROOT / "tests" / "e2e" / "tasks" / "signals"


@pytest.fixture
def start(run, endpoint):
    """Run a function of ``tasks/signals``."""

    def start(handler="handler", environ=None, **kwargs):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url, **(environ or {})}
        return run(f"app.{handler}", environ, task=TASK, memory_mb=256, **kwargs)

    return start


def invoked(sandbox, *order_counts):
    """Invoke once for each number; return the outcomes when all is exported."""
    outcomes = []
    for count in order_counts:
        outcomes.append(sandbox.invoke(json.dumps({"orders": count}).encode()))
        sandbox.wait_frozen()
    return outcomes


def plain(of):
    """The attributes of a resource, as values."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


def points(endpoint, name):
    """The data points of a metric, as they arrived."""
    return [
        point
        for message in endpoint.messages()
        for group in getattr(message, "resource_metrics", ())
        for scoped in group.scope_metrics
        for metric in scoped.metrics
        if metric.name == name
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    ]


def records(endpoint):
    """The log records, as they arrived, by their text."""
    return {
        record.body.string_value: record
        for message in endpoint.messages()
        for group in getattr(message, "resource_logs", ())
        for scoped in group.scope_logs
        for record in scoped.log_records
    }


class TestMetrics:
    """They arrive with each invocation, before the freeze."""

    def test_each_invocation_tells_what_it_added(self, start, endpoint):
        invoked(start(), 2, 3, 4)

        # What was added while the module was loaded is part of the first.
        assert [point.as_int for point in points(endpoint, "orders")] == [12, 3, 4]
        assert [point.sum for point in points(endpoint, "sizes")] == [3.0, 4.5, 6.0]

    def test_what_is_a_level_tells_where_it_stands(self, start, endpoint):
        invoked(start(), 2, 3, 4)

        assert [point.as_int for point in points(endpoint, "stock")] == [-2, -5, -9]
        assert [point.as_int for point in points(endpoint, "depth")] == [7, 7, 7]

    def test_all_signals_have_one_resource(self, start, endpoint):
        invoked(start(), 1)

        resources = [
            plain(group.resource)
            for message in endpoint.messages()
            for name in ("resource_spans", "resource_metrics", "resource_logs")
            for group in getattr(message, name, ())
        ]
        assert len(resources) >= 3
        assert all(resource == resources[0] for resource in resources)

    def test_each_signal_is_one_request(self, start, endpoint):
        invoked(start(), 1)

        assert sorted(request.path for request in endpoint.requests) == [
            "/v1/logs",
            "/v1/metrics",
            "/v1/traces",
        ]


class TestLogRecords:
    """They lead to the trace of their invocation."""

    def test_each_names_its_span(self, start, endpoint):
        invoked(start(), 5)

        (span,) = [one for one in endpoint.spans() if one.name == "sell"]
        record = records(endpoint)["sold 5"]
        assert (record.trace_id.hex(), record.span_id.hex()) == (span.trace_id, span.span_id)
        assert "loaded" in records(endpoint)


class TestAFunctionThatDoesNotEnd:
    """What it recorded is not lost with it."""

    def test_of_a_timeout_both_arrive(self, start, endpoint):
        sandbox = start("hang", timeout_s=1.0)

        outcome = sandbox.invoke(b"{}")
        sandbox.__exit__(None, None, None)

        assert outcome.status == "timeout"
        assert [point.as_int for point in points(endpoint, "orders")] == [11]
        assert "about to hang" in records(endpoint)

    def test_of_a_crash_the_log_arrives(self, start, endpoint):
        sandbox = start("die")

        sandbox.invoke(b"{}")
        sandbox.__exit__(None, None, None)

        (root,) = [one for one in endpoint.spans() if not one.parent_span_id]
        assert records(endpoint)["about to die"].trace_id.hex() == root.trace_id

    def test_a_callback_that_hangs_is_a_timeout_with_one_root(self, start, endpoint):
        sandbox = start("hang_observed", timeout_s=1.0)

        outcome = sandbox.invoke(b"{}")
        sandbox.__exit__(None, None, None)

        (root,) = [one for one in endpoint.spans() if not one.parent_span_id]
        assert outcome.status == "timeout"
        assert root.status_code == "ERROR"
