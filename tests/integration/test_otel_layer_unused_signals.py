"""A function that records neither metrics nor log records does not pay for either."""

from __future__ import annotations

import json

import pytest

from tests.fakes.local_collector import LocalCollector
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

APP = """
import logging
import sys

import requests

OF_SIGNALS = ("opentelemetry.sdk.metrics", "opentelemetry.sdk._logs", "opentelemetry._logs",
              "otel_layer.edge.sdk_", "otel_layer.core.otlp_", "otel_layer.edge.root_log_handler")


def loaded():
    return sorted(name for name in sys.modules if name.startswith(OF_SIGNALS))


def handler(event, context):
    logging.error("something")
    try:
        requests.get("http://127.0.0.1:9/", timeout=1)
    except requests.ConnectionError:
        pass
    return loaded()


def recording(event, context):
    from opentelemetry import metrics
    metrics.get_meter("x").create_counter("x")
    return bool(loaded())
"""


@pytest.fixture
def invoked(tmp_path):
    """Invoke a handler once; returns its result, and the requests."""
    layer = layer_from_source(tmp_path / "layer")
    (tmp_path / "app.py").write_text(APP)

    def invoke(handler, **environ):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, tmp_path, handler, layer=layer, environ=environ),
        ):
            result = json.loads(api.invoke({}).body)
            return result, collector.wait_for_end("request-1")

    return invoke


class TestWhatIsLoaded:
    """Nothing, until the function asks for a meter or a logger."""

    def test_a_function_that_calls_and_logs_loads_neither(self, invoked):
        # The instrumentors of both libraries ask for meters.
        result, requests = invoked("app.handler")

        assert result == []
        assert {one.path for one in requests} == {"/v1/traces"}

    def test_one_that_asks_for_a_meter_does(self, invoked):
        result, _ = invoked("app.recording")

        assert result

    def test_http_clients_are_measured_on_request(self, invoked):
        _, requests = invoked("app.handler", OTEL_LAYER_HTTP_METRICS="true")

        names = {metric.name for one in requests for metric in one.metrics}
        assert "http.client.duration" in names
