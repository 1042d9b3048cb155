"""One environment, from its first process to its last invocation, as a row of figures."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.process import peak_bytes
from lambda_sandbox.sandbox import Function, Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_sandbox.sandbox import Moment

TASK = Path(__file__).with_name("task")

WARM_INVOCATIONS = 30
"""Of each environment: the first ones fill caches and are left out by the median."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one environment took; times in seconds, memory in bytes.

    Attributes:
        cold_s: The first process started → all have asked next.
        handler_s: Warm: invoked → responded, one value for each invocation.
        after_s: Warm: responded → the extension's ``/next``; empty without the layer.
        runtime_bytes: Peak resident size of the runtime's process.
        extension_bytes: The same of the extension's; None without the layer.
    """

    cold_s: float
    handler_s: list[float]
    after_s: list[float]
    runtime_bytes: int
    extension_bytes: int | None


def collector_start_s(python: Path, layer: Path) -> float:
    """Time the extension from its exec to its first ``next``, with nothing else running.

    The three answers are given by this process, over one connection, at once.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as api:
        Path(folder, "python3").symlink_to(python)
        environ = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.getsockname()[1]}",
            "OTEL_LAYER_RECEIVER_PORT": "0",
            "PATH": f"{folder}:/usr/bin:/bin",
        }
        started_at = time.perf_counter()
        extension = subprocess.Popen([str(layer / "extensions/collector_ext")], env=environ)
        try:
            connection, _ = api.accept()
            with connection:
                while not connection.recv(65536).startswith(b"GET "):
                    connection.sendall(ACCEPTED)
                return time.perf_counter() - started_at
        finally:
            extension.kill()
            extension.wait()


ACCEPTED = (
    b"HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: 6f1e1a52-0000-4000-8000-000000000001\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


def environment(python: Path, layer: Path | None, environ: dict[str, str]) -> Row:
    """Run one environment of the measured function, with the layer or without."""
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": f"{layer}/otel-instrument"} if layer else {}
    function = Function(
        task=TASK,
        handler="app.handler",
        layer=layer,
        environ={**environ, **wrapper, "OTEL_LAYER_RECEIVER_PORT": "0"},
        name="bench",
        python=python,
    )
    # Closed without a shutdown: nobody waits for the half second of the runtime's.
    with closing(Sandbox(function)) as sandbox:
        sandbox.init()
        sandbox.wait_frozen()
        cold = sandbox.timeline
        for _ in range(WARM_INVOCATIONS):
            outcome = sandbox.invoke(b"{}")
            assert outcome.payload == b"200", outcome
            sandbox.wait_frozen()
        return _row(sandbox, cold)


def _row(sandbox: Sandbox, cold: Sequence[Moment]) -> Row:
    warm = sandbox.timeline[len(cold) :]
    extensions = sandbox.extension_pids
    asked = [moment for moment in cold if moment.what == "asked next"]
    started = [moment for moment in cold if moment.what == "process started"]
    assert sandbox.runtime_pid
    return Row(
        cold_s=asked[-1].at_s - started[0].at_s,
        handler_s=_between(warm, "invoked", "responded", by="runtime"),
        after_s=_between(warm, "responded", "asked next", by="collector_ext") if extensions else [],
        runtime_bytes=peak_bytes(sandbox.runtime_pid),
        extension_bytes=next((peak_bytes(pid) for pid in extensions.values()), None),
    )


def _between(moments: Sequence[Moment], first: str, last: str, *, by: str) -> list[float]:
    """Pair each ``first`` of the runtime with the next ``last`` of ``by``."""
    durations: list[float] = []
    since: float | None = None
    for moment in moments:
        if moment.what == first and moment.who == "runtime":
            since = moment.at_s
        elif since is not None and moment.what == last and moment.who.startswith(by):
            durations.append(moment.at_s - since)
            since = None
    return durations
