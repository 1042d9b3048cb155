"""``python -m scripts.deaths``: write into docs/traces.md how invocations look that were killed.

Each is run in the sandbox, with the built layer (``make layer``). Two runs differ in times, ids and
ports; ``tests/e2e/test_traces_document.py`` holds the rest.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path

from lambda_sandbox.core.views import waterfall
from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.sandbox import Function, Sandbox
from scripts.configuration import written
from tests.fakes.http_service import HttpService

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "traces.md"
TASK = ROOT / "tests" / "e2e" / "tasks" / "shop"

DEATHS = {"timeout": "checkout", "out of memory": "report"}
"""The name of each picture, and the handler that comes to this end."""

WIDTH = 92
TIMEOUT_S = 3.0
MEMORY_MB = 128

_VARIES = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", "<id>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"\d{4}-\d\d-\d\d [\d:.]+ UTC", "<time>"),
    (r" +[\d.]+ (µs|ms|s)\b", " <duration>"),
    (r" *[━╸╺•]+", " <bar>"),
)


def view(handler: str, layer: Path) -> str:
    """Return the trace of an invocation that does not survive its handler, as a terminal has it."""
    with (
        OtlpEndpoint() as endpoint,
        HttpService() as service,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        environ = {
            "AWS_LAMBDA_EXEC_WRAPPER": f"{layer}/otel-instrument",
            "OTEL_LAYER_RECEIVER_PORT": "0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url,
        }
        payments = f"http://127.0.0.1:{silent.getsockname()[1]}"
        event = json.dumps({"service": service.url, "payments": payments}).encode()
        function = Function(
            task=TASK,
            handler=f"app.{handler}",
            layer=layer,
            environ=environ,
            name=handler,
            memory_mb=MEMORY_MB,
            timeout_s=TIMEOUT_S,
            python=Path(sys.executable),
        )
        with Sandbox(function) as sandbox:
            sandbox.invoke(event)
        return waterfall.render(endpoint.spans(), WIDTH).strip()


def masked(text: str) -> str:
    """Return a view without what differs from run to run."""
    for varies, mark in _VARIES:
        text = re.sub(varies, mark, text)
    return text


def main() -> None:
    """Write the views."""
    layer = ROOT / "dist" / "layer"
    views = {name: f"```\n{view(handler, layer)}\n```" for name, handler in DEATHS.items()}
    DOCUMENT.write_text(written(DOCUMENT.read_text(), views))


if __name__ == "__main__":
    main()
