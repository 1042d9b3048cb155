"""What the platform tells of its own part, as spans below the root and as metrics."""

from __future__ import annotations

import pytest

from lambda_sandbox.sandbox import Sandbox

SPANS = {"OTEL_LAYER_PLATFORM_SPANS": "true"}
METRICS = {"OTEL_LAYER_METRICS": "true"}
MS = 1_000_000
PARTS = {
    "aws.lambda.responseLatency",
    "aws.lambda.responseDuration",
    "aws.lambda.runtimeOverhead",
    "aws.lambda.extensionOverhead",
}


def lived(function, *, count=1, init=False):
    """Invoke a function in an environment that then ends; return the request ids."""
    with Sandbox(function) as sandbox:
        if init:
            sandbox.init()
        outcomes = [sandbox.invoke(b"{}") for _ in range(count)]
        sandbox.wait_frozen()
    return [outcome.request_id for outcome in outcomes]


def children_of(endpoint, request_id):
    """The root of an invocation, and the spans right below it that the platform told."""
    spans = endpoint.spans()
    (root,) = [s for s in spans if s.attributes.get("faas.invocation_id") == request_id]
    told = [s for s in spans if s.parent_span_id == root.span_id and s.name.startswith("aws.")]
    return root, {span.name: span for span in told}


def platform_metrics(endpoint):
    """Each metric that the platform told, by its name."""
    return {
        metric.name: metric
        for message in endpoint.messages()
        for group in getattr(message, "resource_metrics", ())
        for scoped in group.scope_metrics
        if scoped.scope.name == "otel_layer.platform"
        for metric in scoped.metrics
    }


class TestAColdStart:
    """The initialisation is below the root of the invocation that waited for it."""

    def test_has_the_initialisation_before_the_root(self, example, endpoint):
        function = example(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url, **SPANS)

        first, second = lived(function, count=2)

        root, told = children_of(endpoint, first)
        init = told["aws.lambda.init"]
        assert init.attributes["aws.lambda.initialization_type"] == "on-demand"
        assert init.start_ns < init.end_ns <= root.start_ns + 1 * MS
        assert init.trace_id == root.trace_id
        assert init.resource == root.resource
        assert set(told) == {"aws.lambda.init", *PARTS}
        assert set(children_of(endpoint, second)[1]) == PARTS

    def test_no_span_is_told_twice(self, example, endpoint):
        lived(example(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url, **SPANS), count=3)

        ids = [span.span_id for span in endpoint.spans()]
        assert len(ids) == len(set(ids))

    def test_the_runtimes_part_is_within_it(self, example, endpoint):
        lived(example(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url, **SPANS))

        spans = {span.name: span for span in endpoint.spans()}
        whole, phase = spans["aws.lambda.init"], spans["aws.lambda.initRuntime"]
        assert phase.parent_span_id == whole.span_id
        assert whole.start_ns == phase.start_ns < phase.end_ns <= whole.end_ns

    def test_is_none_with_provisioned_concurrency(self, run, endpoint):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url, **SPANS}
        sandbox = run("app.greet", environ, initialization_type="provisioned-concurrency")
        sandbox.init()
        outcome = sandbox.invoke(b"{}")
        sandbox.wait_frozen()
        sandbox.shutdown()

        assert set(children_of(endpoint, outcome.request_id)[1]) == PARTS


class TestMetrics:
    """Delta, with the conventions' names, of all invocations until the last one."""

    @pytest.fixture
    def metrics(self, example, endpoint):
        lived(example(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url, **METRICS), count=2)
        return platform_metrics(endpoint)

    def test_count_each_invocation_and_the_cold_start(self, metrics):
        counts = {
            name: sum(point.as_int for point in metrics[name].sum.data_points)
            for name in ("faas.invocations", "faas.coldstarts")
        }

        assert counts == {"faas.invocations": 2, "faas.coldstarts": 1}
        assert not {"faas.errors", "faas.timeouts"} & set(metrics)

    def test_measure_each_invocation(self, metrics):
        measured = {
            name: metrics[name].histogram.data_points[0].count
            for name in ("faas.invoke_duration", "faas.init_duration", "faas.mem_usage")
        }

        assert measured == {"faas.invoke_duration": 2, "faas.init_duration": 1, "faas.mem_usage": 2}

    def test_estimate_the_cost_of_what_is_billed(self, metrics):
        (billed,) = metrics["aws.lambda.billed_duration"].sum.data_points
        (cost,) = metrics["aws.lambda.estimated_cost"].sum.data_points

        per_gb_second = (cost.as_double - 2 * 0.0000002) / (billed.as_double * 0.25)
        assert per_gb_second == pytest.approx(0.0000166667) or per_gb_second == pytest.approx(
            0.0000133334
        )

    def test_an_exception_is_an_error(self, run, endpoint):
        sandbox = run("app.fail", {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url, **METRICS})
        sandbox.invoke(b"{}")
        sandbox.wait_frozen()
        sandbox.shutdown()

        (errors,) = platform_metrics(endpoint)["faas.errors"].sum.data_points
        assert errors.as_int == 1
