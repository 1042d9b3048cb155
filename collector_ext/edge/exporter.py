"""Sends export requests to the remote OTLP/HTTP endpoints, in a thread of its own.

The only thread beside the runner's: resolving, connecting and TLS wait, and the runner must
not. Orders go in through a queue, outcomes come back through another and a pipe that wakes
the runner.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

import _queue
import _thread
import posix
import select
import zlib

from collector_ext.core import otlp_answer
from collector_ext.core.actions import Export
from collector_ext.core.events import ExportFinished, Failed, Outcome
from collector_ext.core.otlp import ExportRequest, Signal
from collector_ext.edge import clock
from collector_ext.edge.http_client import HttpClient, PeerError
from collector_ext.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.endpoint import Endpoint

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_GZIP_LEVEL = 1
"""Spans shrink to a fifth at any level; level 6 takes three times the CPU, which is billed."""


class Exporter:
    """Carry out ``Export`` orders; each ends in one ``ExportFinished``.

    Args:
        endpoints: Where the requests of a signal go. Signals that share a host share a
            connection.
        own_port: Of our receiver, to which nothing must ever be exported.
    """

    def __init__(self, endpoints: Mapping[Signal, Endpoint], *, own_port: int) -> None:
        self._endpoints = endpoints
        self._clients = _clients(endpoints, own_port)
        self._orders: _queue.SimpleQueue[Export] = _queue.SimpleQueue()
        self._results: _queue.SimpleQueue[ExportFinished] = _queue.SimpleQueue()
        self._wake_up, self._waker = posix.pipe()
        posix.set_blocking(self._wake_up, False)
        _thread.start_new_thread(self._work, ())

    def interests(self) -> list[tuple[int, int]]:
        """Return descriptors and the poll events that are a reason to call ``events``."""
        return [(self._wake_up, select.POLLIN)]

    def export(self, order: Export) -> None:
        """Carry out one order in the background."""
        self._orders.put(order)

    def events(self) -> list[ExportFinished]:
        """Return what came of orders since."""
        finished: list[ExportFinished] = []
        while True:
            try:
                posix.read(self._wake_up, 1)
            except BlockingIOError:
                return finished
            finished.append(self._results.get())

    def _work(self) -> None:
        while True:
            self._results.put(self._carry_out(self._orders.get()))
            posix.write(self._waker, b".")

    def _carry_out(self, order: Export) -> ExportFinished:
        outcomes: list[Outcome] = []
        silent: dict[HttpClient, str] = {}
        for request in order.requests:
            client = self._clients[request.signal]
            if client in silent:
                # A host that did not answer a moment ago is not paid for twice.
                outcomes.append(Failed(request, silent[client]))
                continue
            try:
                outcomes.append(self._send(client, request, order.deadline_at))
            except PeerError as fault:
                silent[client] = str(fault)
                outcomes.append(Failed(request, str(fault)))
            except Exception as fault:  # noqa: BLE001 - not swallowed: it is said as the reason
                # A fault of ours that one answer can trigger must not end all telemetry.
                client.close()
                outcomes.append(Failed(request, repr(fault)))
        return ExportFinished(tuple(outcomes))

    def _send(self, client: HttpClient, request: ExportRequest, deadline_at: float) -> Outcome:
        endpoint = self._endpoints[request.signal]
        body = request.merged()
        headers = {"content-type": request.content_type, "user-agent": f"otel-layer/{VERSION}"}
        if endpoint.is_gzip:
            headers["content-encoding"] = "gzip"
            body = _compressed(body)
        # By their names in small letters: no header is sent twice.
        headers.update({name.lower(): value for name, value in endpoint.headers})
        deadline_at = min(deadline_at, clock.now() + endpoint.timeout_s)
        response = client.post(endpoint.target, headers, body, deadline_at=deadline_at)
        return otlp_answer.outcome(request, response)


def _compressed(body: bytes) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()


def _clients(endpoints: Mapping[Signal, Endpoint], own_port: int) -> dict[Signal, HttpClient]:
    by_peer: dict[tuple[str | int, ...], HttpClient] = {}
    clients: dict[Signal, HttpClient] = {}
    for signal, endpoint in endpoints.items():
        files = (endpoint.certificate, endpoint.client_key, endpoint.client_certificate)
        peer = (endpoint.scheme, endpoint.host, endpoint.port, *files)
        clients[signal] = by_peer.setdefault(peer, HttpClient(endpoint, own_port=own_port))
    return clients
