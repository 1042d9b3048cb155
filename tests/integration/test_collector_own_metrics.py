"""The collector's own counters, exported as metrics where they are asked for."""

from __future__ import annotations

from tests.fakes.collector_process import CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))


def told_by(remote):
    """The sums that were exported: metric, attributes and count, request by request."""
    return [
        {
            (metric.name, *(a.value.string_value for a in point.attributes)): point.as_int
            for metric in scope_metrics.metrics
            for point in metric.sum.data_points
        }
        for request in remote.requests
        if request.path == "/v1/metrics"
        for resource_metrics in request.message().resource_metrics
        for scope_metrics in resource_metrics.scope_metrics
        if scope_metrics.scope.name == "otel_layer.collector"
    ]


def life(tmp_path, remote, **variables):
    """One invocation with two spans, in an environment that ends; return what was said."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": remote.url,
        "AWS_LAMBDA_FUNCTION_NAME": "hello",
        **variables,
    }
    with (
        FakeLambdaApi() as lambda_,
        CollectorProcess(tmp_path, lambda_.address, environ) as collector,
    ):
        lambda_.wait_until_asked(1)
        lambda_.invokes("r-1", timeout_s=30.0)
        collector.post("/v1/traces", A)
        collector.tell("r-1", "end", B)
        lambda_.wait_until_asked(2)
        lambda_.shuts_down()
        assert collector.wait() == 0
        return collector.lines


class TestItsOwnMetrics:
    """They have the names that the OpenTelemetry Collector's have."""

    def test_tell_what_was_received_and_sent(self, tmp_path):
        with FakeRemote() as remote:
            life(tmp_path, remote, OTEL_LAYER_METRICS="true")

            assert told_by(remote) == [
                {
                    ("otelcol_receiver_accepted_spans", "otlp"): 2,
                    ("otelcol_exporter_sent_spans", "otlp_http"): 2,
                }
            ]

    def test_tell_what_was_dropped_and_why(self, tmp_path):
        with FakeRemote(lambda r: (401 if r.path == "/v1/traces" else 200, b"")) as remote:
            life(tmp_path, remote, OTEL_LAYER_METRICS="true")

            (told,) = told_by(remote)
            assert told["otelcol_exporter_send_failed_spans", "otlp_http", "unauthorised"] == 2

    def test_are_of_the_function(self, tmp_path):
        with FakeRemote() as remote:
            life(tmp_path, remote, OTEL_LAYER_METRICS="true")

            (request,) = (r for r in remote.requests if r.path == "/v1/metrics")
            resource = request.message().resource_metrics[0].resource
            found = {a.key: a.value.string_value for a in resource.attributes}
            assert found["service.name"] == found["faas.name"] == "hello"

    def test_are_not_exported_unless_they_are_asked_for(self, tmp_path):
        with FakeRemote() as remote:
            life(tmp_path, remote)

            assert told_by(remote) == []

    def test_without_an_exporter_of_metrics_one_line_says_so(self, tmp_path):
        with FakeRemote() as remote:
            variables = {
                "OTEL_LAYER_METRICS": "true",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{remote.url}/v1/traces",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "",
            }
            lines = life(tmp_path, remote, **variables)

        assert [line.partition(" WARN ")[2] for line in lines] == [
            "OTEL_LAYER_METRICS=true, and no exporter of metrics; no effect"
        ]
