"""A fake of the collector's OTLP receiver on localhost, as the internal half sees it.

It records each request, and can do what a collector must not do::

    with LocalCollector(api.address) as collector:
        ...
        collector.wait_for(lambda requests: requests and requests[-1].phase == "end")
        collector.dies()

With the address of a Runtime API it writes the rendezvous file of our own collector, with the
test's process as the collector's; without, it is somebody else's.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
    from opentelemetry.proto.trace.v1.trace_pb2 import Span
    from typing_extensions import Self

PATIENCE_S = 20.0
"""How long to wait for what must happen; only a failing test waits this long."""


class Request(NamedTuple):
    """One request, as it came."""

    head: str  # the request line
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def phase(self) -> str | None:
        """What part of an invocation it is."""
        return self.headers.get("lambda-invocation-phase")

    @property
    def invocation_id(self) -> str | None:
        """Which invocation it belongs to."""
        return self.headers.get("lambda-invocation-id")

    @property
    def path(self) -> str:
        """Which signal it is of."""
        return self.head.split(" ")[1]

    @property
    def metrics(self) -> list[Metric]:
        """Its metrics, decoded by the protocol's own library; none of another signal."""
        if self.path != "/v1/metrics":
            return []
        export = ExportMetricsServiceRequest.FromString(self.body)
        return [
            metric
            for resource_metrics in export.resource_metrics
            for scope_metrics in resource_metrics.scope_metrics
            for metric in scope_metrics.metrics
        ]

    @property
    def log_records(self) -> list[LogRecord]:
        """Its log records, likewise."""
        if self.path != "/v1/logs":
            return []
        export = ExportLogsServiceRequest.FromString(self.body)
        return [
            record
            for resource_logs in export.resource_logs
            for scope_logs in resource_logs.scope_logs
            for record in scope_logs.log_records
        ]

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The attributes of each resource, of whatever signal."""
        if self.path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest.FromString(self.body)
            return [attributes(one.resource) for one in metrics.resource_metrics]
        if self.path == "/v1/logs":
            logs = ExportLogsServiceRequest.FromString(self.body)
            return [attributes(one.resource) for one in logs.resource_logs]
        traces = ExportTraceServiceRequest.FromString(self.body)
        return [attributes(one.resource) for one in traces.resource_spans]

    @property
    def spans(self) -> list[Span]:
        """Its spans, likewise."""
        if self.path != "/v1/traces":
            return []
        export = ExportTraceServiceRequest.FromString(self.body)
        return [
            span
            for resource_spans in export.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
        ]


class Described(Protocol):
    """A span, an event or a resource."""

    @property
    def attributes(self) -> Iterable[KeyValue]:
        """Its attributes, as the protocol has them."""


def attributes(of: Described) -> dict[str, Any]:
    """Return attributes as plain values."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "")
        for pair in of.attributes
    }


class LocalCollector:
    """Listen on a free port of 127.0.0.1.

    Args:
        runtime_api: Write the rendezvous file of this environment; None for a foreign one.
        reads: Whether connections are served; else the kernel alone takes what it can.
        answer: What each request is answered with; nothing if empty.
        port: To listen on.
        pid: The process id to write into the rendezvous file.
    """

    def __init__(
        self,
        runtime_api: str | None = None,
        *,
        reads: bool = True,
        answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        port: int = 0,
        pid: int | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connection_count = 0
        self._reads = reads
        self._changed = threading.Condition()
        self._served: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.rendezvous: Path | None = None
        if runtime_api is not None:
            self.rendezvous = Path("/tmp", "otel-layer-" + runtime_api.replace(":", "-"))  # noqa: S108  # the contract
            self.rendezvous.write_text(f"{self.port} {pid or os.getpid()}\n")

    def __enter__(self) -> Self:
        """Start to listen."""
        self._listener.listen(8)
        if self._reads:
            self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and forget the rendezvous."""
        self.dies()
        if self.rendezvous is not None:
            self.rendezvous.unlink(missing_ok=True)
        for thread in self._threads:
            thread.join()

    def dies(self) -> None:
        """Vanish as a killed process does: what lies unread is reset."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for served in self._served:
                with contextlib.suppress(OSError):
                    served.shutdown(socket.SHUT_RDWR)

    def wait_for(self, is_there: Callable[[Sequence[Request]], object]) -> list[Request]:
        """Wait until the requests are as expected, and return them."""
        deadline_at = time.monotonic() + PATIENCE_S
        with self._changed:
            while not is_there(self.requests):
                left_s = deadline_at - time.monotonic()
                assert left_s > 0, f"these came: {[r.headers for r in self.requests]}"
                self._changed.wait(left_s)
            return list(self.requests)

    def wait_for_end(self, request_id: str) -> list[Request]:
        """Wait for the end of an invocation; return all requests of it, in order."""
        self.wait_for(
            lambda all_of_them: any(
                one.phase == "end" and one.invocation_id == request_id for one in all_of_them
            )
        )
        return [one for one in self.requests if one.invocation_id == request_id]

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                served, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._served.append(served)
                self.connection_count += 1
            self._start(self._serve, served)

    def _serve(self, served: socket.socket) -> None:
        with served, served.makefile("rb") as stream, contextlib.suppress(OSError):
            while head := stream.readline():
                headers = {}
                while line := stream.readline().strip().decode():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers["content-length"]))
                with self._changed:
                    self.requests.append(Request(head.strip().decode(), headers, body))
                    self._changed.notify_all()
                if self.answer:
                    served.sendall(self.answer)
