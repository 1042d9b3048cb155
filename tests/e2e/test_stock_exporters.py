"""Any OTLP client is served: the stock exporters deliver all three signals."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import ROOT
from tests.e2e.test_faults import free_port

TASK = ROOT / "tests" / "e2e" / "tasks" / "stock"


@pytest.fixture
def work(run, endpoint):
    """Invoke the function once, with these variables more, until its environment is frozen."""

    def work(environ):
        port = free_port()
        own = {
            "COLLECTOR": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url,
            "OTEL_LAYER_RECEIVER_PORT": str(port),
        }
        sandbox = run("app.handler", own | environ, task=TASK, timeout_s=20.0, memory_mb=512)
        outcome = sandbox.invoke(b"{}")
        sandbox.wait_frozen()
        assert outcome.function_error is None, outcome.payload

    return work


class TestTheStockExporters:
    """A function that brings its own SDK and exporters, without the wrapper."""

    def test_traces_metrics_and_logs_arrive(self, work, endpoint):
        work({"AWS_LAMBDA_EXEC_WRAPPER": ""})

        assert sorted(request.path for request in endpoint.requests) == [
            "/v1/logs",
            "/v1/metrics",
            "/v1/traces",
        ]
        assert [span.name for span in endpoint.spans()] == ["work"]
        assert {request.headers["content-encoding"] for request in endpoint.requests} == {"gzip"}

    def test_they_do_beside_the_wrapper_too(self, work, endpoint):
        work({})

        assert {"/v1/logs", "/v1/metrics"} <= {request.path for request in endpoint.requests}
        assert {"story", "work"} <= {span.name for span in endpoint.spans()}
