"""A fake remote OTLP/HTTP endpoint: it keeps what it was sent and answers as it is told.

::

    with FakeRemote(answer=lambda request: (503, b"")) as remote:
        ...export to remote.url...
        remote.wait_for_count(1)

An answer of None is never given: the endpoint hangs until the fake is closed.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self

PATIENCE_S = 20.0
"""How long to wait for what must happen; only a failing test waits this long."""

MESSAGES: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


@dataclass(frozen=True)
class Received:
    """One request; header names are lower-case, the body is inflated."""

    path: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int]

    def message(self):
        """Return the body as the protobuf message its path stands for."""
        return MESSAGES[self.path].FromString(self.body)

    def span_names(self) -> list[str]:
        """Return the names of its spans, in their order."""
        return [
            span.name
            for resource_spans in self.message().resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]


Answer = Callable[[Received], "tuple[int, bytes] | None"]


class FakeRemote:
    """Serve one endpoint on loopback.

    Args:
        answer: Returns status and body for a request; None to hang.
        tls: Serve https with this context.
        timeline: Where to note what happened, in order; shared with other fakes.
    """

    def __init__(
        self,
        answer: Answer = lambda _: (200, b""),
        *,
        tls: ssl.SSLContext | None = None,
        timeline: list[str] | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[Received] = []
        self.timeline = [] if timeline is None else timeline
        self.changed = threading.Condition()
        self.is_closed = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:
            # The handshake belongs to the connection's thread: it may never come.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """The base URL, for OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def span_names(self) -> list[str]:
        """The names of all spans received so far."""
        traces = [request for request in self.requests if request.path == "/v1/traces"]
        return [name for request in traces for name in request.span_names()]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for_count(self, count: int) -> list[Received]:
        """Wait until ``count`` requests have come, and return all."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.requests) >= count, PATIENCE_S):
                message = f"{len(self.requests)} requests instead of {count}: {self.timeline}"
                raise AssertionError(message)
        return self.requests

    def receive(self, request: Received) -> tuple[int, bytes] | None:
        """Keep a request and return its answer."""
        with self.changed:
            self.requests.append(request)
            self.timeline.append(f"export {request.path}")
            self.changed.notify_all()
        return self.answer(request)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Keep quiet: clients that give up are what some tests are about."""


def _handler(remote: FakeRemote) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            answer = remote.receive(Received(self.path, headers, body, self.client_address))
            if answer is None:
                remote.is_closed.wait(PATIENCE_S)
                self.close_connection = True
                return
            status, content = answer
            self.send_response(status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
