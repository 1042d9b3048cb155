"""The collector's process, from exec to SHUTDOWN, with nothing else running.

Lambda and the function are played by this thread, with blocking reads: it knows what comes
next. Of each invocation the function's spans come first and its root span with ``end``; then
the collector exports and asks for the next event.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bench.bare import REGISTERED, SUBSCRIBED, Client
from bench.process import cpu_s, peak_bytes
from lambda_sandbox.edge import clock
from tests.fakes.trace_requests import export_request, span_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WARM_INVOCATIONS = 20

ROOT = export_request(("root", span_id(1)))
SPANS = export_request(*((f"span {n}", span_id(n)) for n in range(2, 11)), parent=span_id(1))

_API = "AWS_LAMBDA_RUNTIME_API"

PATIENCE_S = 20.0
"""For what does not come at all; what takes longest, the first signature, takes 0.2 s."""


@dataclass(frozen=True, slots=True)
class Life:
    """What one process took; times in seconds, memory in bytes.

    Attributes:
        configure_s: First ``/next`` → start line: it is configured and receives.
        first_s: The first invocation's ``end`` → ``/next``: exported, the connection made.
        cpu_s: CPU of the process from exec until then.
        warm_s: The same of each warm invocation.
        warm_cpu_s: CPU of the process for one warm invocation, from INVOKE on: the mean.
        peak_bytes: Peak resident size.
    """

    configure_s: float
    first_s: float
    cpu_s: float
    warm_s: list[float]
    warm_cpu_s: float
    peak_bytes: int


def start_s(extension: Path, environ: Mapping[str, str]) -> float:
    """Time it from exec to its first ``/next``; the arguments are those of `live`."""
    started_at = time.perf_counter()
    with _started(extension, environ):
        return time.perf_counter() - started_at


def live(extension: Path, environ: Mapping[str, str]) -> Life:
    """Start it, invoke, and shut it down.

    Args:
        extension: The file Lambda starts.
        environ: All its variables but AWS_LAMBDA_RUNTIME_API.
    """
    with ExitStack() as stack:
        process, api, extensions_api = stack.enter_context(_started(extension, environ))
        asked_at = time.perf_counter()
        output = Output(process)
        output.wait_for(b" exports ")
        said_at = time.perf_counter()
        function = stack.enter_context(closing(_function(api)))
        first_s = _invoke(extensions_api, function, "cold")
        used_s = cpu_s(process.pid)
        warm = [f"warm-{number}" for number in range(WARM_INVOCATIONS)]
        warm_s = [_invoke(extensions_api, function, request_id) for request_id in warm]
        life = Life(
            configure_s=said_at - asked_at,
            first_s=first_s,
            cpu_s=used_s,
            warm_s=warm_s,
            warm_cpu_s=(cpu_s(process.pid) - used_s) / WARM_INVOCATIONS,
            peak_bytes=peak_bytes(process.pid),
        )
        extensions_api.send(_event("SHUTDOWN", timeout_s=2))
        output.finish()
    return life


class Output:
    """What the collector says, in time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        self._process = process
        self._stream: IO[bytes] = process.stdout
        self._text = b""

    def wait_for(self, text: bytes) -> None:
        """Wait until it has said this."""
        while text not in self._text:
            assert self._read(), self._text

    def finish(self) -> None:
        """Wait for its end."""
        while self._read():
            pass
        assert self._process.wait(PATIENCE_S) == 0

    def _read(self) -> bytes:
        readable, _, _ = select.select([self._stream], [], [], PATIENCE_S)
        assert readable, self._text
        found = os.read(self._stream.fileno(), 65536)
        self._text += found
        # A complaint means that something else would be measured than is meant.
        assert b" WARN " not in self._text, self._text
        return found


@contextmanager
def _started(
    extension: Path, environ: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], str, Client]]:
    """Run it up to its first ``/next``; give its process, and its API by address and by line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        api = f"127.0.0.1:{server.getsockname()[1]}"
        with (
            _process(extension, {**environ, _API: api}) as process,
            closing(_client(server.accept()[0])) as extensions_api,
        ):
            for answer in (REGISTERED, SUBSCRIBED):
                extensions_api.receive()
                extensions_api.send(answer)
            _wait_asked(extensions_api)
            yield process, api, extensions_api


@contextmanager
def _process(extension: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [extension], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            _rendezvous(environ[_API]).unlink(missing_ok=True)


def _rendezvous(api: str) -> Path:
    """Return the file in which the collector leaves its port."""
    return Path("/tmp/otel-layer-" + api.replace(":", "-"))  # noqa: S108 - by contract


def _client(connection: socket.socket) -> Client:
    connection.settimeout(PATIENCE_S)
    return Client(connection)


def _function(api: str) -> Client:
    port = int(_rendezvous(api).read_text().split()[0])
    return _client(socket.create_connection(("127.0.0.1", port)))


def _wait_asked(extensions_api: Client) -> None:
    asked = extensions_api.receive()
    assert asked.startswith(b"GET "), asked


def _invoke(extensions_api: Client, function: Client, request_id: str) -> float:
    """Return the time from ``end`` to ``/next``."""
    extensions_api.send(_event("INVOKE", request_id, timeout_s=30))
    function.send(_export(request_id, SPANS))
    _wait_accepted(function)
    started_at = time.perf_counter()
    function.send(_export(request_id, ROOT, "Lambda-Invocation-Phase: end\r\n"))
    _wait_asked(extensions_api)
    duration_s = time.perf_counter() - started_at
    _wait_accepted(function)
    return duration_s


def _wait_accepted(function: Client) -> None:
    answered = function.receive()
    assert answered.startswith(b"HTTP/1.1 200 "), answered


def _event(kind: str, request_id: str = "", *, timeout_s: float) -> bytes:
    deadline_ms = int((clock.epoch_at_zero() + clock.now() + timeout_s) * 1000)
    body = f'{{"eventType":"{kind}","deadlineMs":{deadline_ms},"requestId":"{request_id}"}}'
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def _export(request_id: str, body: bytes, phase: str = "") -> bytes:
    head = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Lambda-Invocation-Id: {request_id}\r\n{phase}"
    head += f"Content-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
