"""What the platform tells, as spans and metrics where they are asked for."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import TRACES
from tests.fakes.collector_process import CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.platform_entries import at_ns, batch, init, invocation, start
from tests.fakes.telemetry_requests import request, span

ROOT = bytes(7) + b"\x01"
OPEN = request(TRACES, span("root", span_id=ROOT, start_time_unix_nano=at_ns(122)))
FINAL = request(TRACES, span("root", span_id=ROOT, start_time_unix_nano=at_ns(122)))

COLD_START = batch(*init(0, 120), start("r-1", 121))
INVOCATION = batch(*invocation("r-1", 121, took_ms=30)[1:])

INIT = ["aws.lambda.init", "aws.lambda.initRuntime", "aws.lambda.initExtensions"]
PARTS = [
    "aws.lambda.responseLatency",
    "aws.lambda.responseDuration",
    "aws.lambda.runtimeOverhead",
    "aws.lambda.extensionOverhead",
]


class Life:
    """One invocation in an environment that ends, and what came of it."""

    def __init__(self, tmp_path, variables, *, has_telemetry=True):
        with FakeRemote() as remote, FakeLambdaApi(has_telemetry=has_telemetry) as lambda_:
            environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": remote.url, **variables}
            with CollectorProcess(tmp_path, lambda_.address, environ) as collector:
                lambda_.wait_until_asked(1)
                lambda_.invokes("r-1")
                collector.tell("r-1", "start", OPEN)
                if has_telemetry:
                    lambda_.delivers(COLD_START)
                collector.tell("r-1", "end", FINAL)
                lambda_.wait_until_asked(2)
                self.at_freeze = self._spans(remote)
                if has_telemetry:
                    lambda_.delivers(INVOCATION)
                lambda_.shuts_down()
                assert collector.wait() == 0
                self.lines = collector.lines
            assert lambda_.violations == []
            self.spans = self._spans(remote)
            self.metrics = [
                metric
                for told in remote.requests
                if told.path == "/v1/metrics"
                for group in told.message().resource_metrics
                for scoped in group.scope_metrics
                if scoped.scope.name == "otel_layer.platform"
                for metric in scoped.metrics
            ]

    def _spans(self, remote):
        return [
            each
            for told in remote.requests
            if told.path == "/v1/traces"
            for group in told.message().resource_spans
            for scoped in group.scope_spans
            for each in scoped.spans
        ]


def names(items):
    return [each.name for each in items]


class TestSpans:
    """They are below the root of their invocation, and wait for nobody."""

    def test_all_that_was_told_has_left_at_shutdown(self, tmp_path):
        life = Life(tmp_path, {"OTEL_LAYER_PLATFORM_SPANS": "true"})

        assert sorted(names(life.spans)) == sorted([*INIT, "root", *PARTS])

    def test_they_are_below_their_root(self, tmp_path):
        life = Life(tmp_path, {"OTEL_LAYER_PLATFORM_SPANS": "true"})

        found = {each.name: each for each in life.spans}
        assert {found[name].parent_span_id for name in ("aws.lambda.init", *PARTS)} == {ROOT}
        whole_id = found["aws.lambda.init"].span_id
        assert {found[name].parent_span_id for name in INIT[1:]} == {whole_id}

    def test_the_root_does_not_wait_for_them(self, tmp_path):
        life = Life(tmp_path, {"OTEL_LAYER_PLATFORM_SPANS": "true"})

        assert "root" in names(life.at_freeze)
        assert not set(PARTS) & set(names(life.at_freeze))

    def test_they_are_not_made_unless_they_are_asked_for(self, tmp_path):
        life = Life(tmp_path, {})

        assert (names(life.spans), life.lines) == (["root"], [])

    def test_without_telemetry_there_are_none(self, tmp_path):
        life = Life(tmp_path, {"OTEL_LAYER_PLATFORM_SPANS": "true"}, has_telemetry=False)

        assert (names(life.spans), life.lines) == (["root"], [])

    def test_without_an_exporter_of_traces_one_line_says_so(self, tmp_path):
        variables = {
            "OTEL_LAYER_PLATFORM_SPANS": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://127.0.0.1:9/v1/logs",
        }

        (line,) = Life(tmp_path, variables).lines

        found = "OTEL_LAYER_PLATFORM_SPANS=true, and no exporter of traces; no effect"
        assert line.partition(" WARN ")[2] == found


class TestMetrics:
    """They are told with the collector's own."""

    def test_are_of_each_invocation(self, tmp_path):
        life = Life(tmp_path, {"OTEL_LAYER_METRICS": "true"})

        assert sorted(names(life.metrics)) == [
            "aws.lambda.billed_duration",
            "aws.lambda.estimated_cost",
            "aws.lambda.extension_overhead",
            "aws.lambda.memory_size",
            "faas.coldstarts",
            "faas.init_duration",
            "faas.invocations",
            "faas.invoke_duration",
            "faas.mem_usage",
            "otel_layer.hold_duration",
        ]
        assert names(life.spans) == ["root"]

    def test_the_price_is_the_operators(self, tmp_path):
        variables = {"OTEL_LAYER_PRICE_GB_SECOND": "0", "OTEL_LAYER_PRICE_REQUEST": "0.5"}

        life = Life(tmp_path, {"OTEL_LAYER_METRICS": "true", **variables})

        (cost,) = [each for each in life.metrics if each.name == "aws.lambda.estimated_cost"]
        assert [point.as_double for point in cost.sum.data_points] == [0.5]

    def test_a_price_that_is_none_is_one_line(self, tmp_path):
        variables = {"OTEL_LAYER_METRICS": "true", "OTEL_LAYER_PRICE_REQUEST": "much"}

        (line,) = Life(tmp_path, variables).lines

        assert "OTEL_LAYER_PRICE_REQUEST='much' is not a price; using 0.0000002" in line

    @pytest.mark.parametrize(
        ("variables", "has_telemetry"), [({}, True), ({"OTEL_LAYER_METRICS": "true"}, False)]
    )
    def test_there_are_none_unasked_or_untold(self, tmp_path, variables, has_telemetry):
        assert Life(tmp_path, variables, has_telemetry=has_telemetry).metrics == []
