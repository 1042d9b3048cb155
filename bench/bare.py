"""The processes of an environment against a bare server on loopback: no sandbox at all.

It knows what comes next and answers in this thread, with blocking reads: the least that an
``awslambdaric`` and an extension can be waited for. The order of the start is Lambda's: the
runtime when the extension has registered, done when both have asked next.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lambda_sandbox.edge.interpreter import interpreter_of
from lambda_sandbox.edge.packages import ensure
from lambda_sandbox.function import RUNTIME_REQUIREMENTS
from lambda_sandbox.settings import cache_folder

if TYPE_CHECKING:
    from typing_extensions import Self

REGISTERED = (
    b"HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: 6f1e1a52-0000-4000-8000-000000000001\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
SUBSCRIBED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
EVENT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
    b"Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
    b"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n"
    b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n"
    b"\r\n{}"
)

CONNECT_TIMEOUT_S = 20.0
"""For a process that died instead of calling: a start takes a tenth of a second."""


class Client:
    """One of the two processes, at the other end of its connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._stream: BinaryIO = connection.makefile("rb")

    def receive(self) -> bytes:
        """Wait for its next request, whole; return the first line."""
        first, length = self._stream.readline(), 0
        while header := self._stream.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._stream.read(length)
        return first

    def send(self, answer: bytes) -> None:
        """Answer it."""
        self._connection.sendall(answer)

    def close(self) -> None:
        """Let it go."""
        self._stream.close()
        self._connection.close()


class BareEnvironment:
    """One start, and warm invocations after it; in a ``with`` block.

    Args:
        python: The interpreter.
        task: The function's code, its handler ``app.handler``.
        extension: The extension's executable.

    Attributes:
        start_s: From nothing to both having asked next.
    """

    def __init__(self, python: Path, task: Path, extension: Path) -> None:
        packages = ensure(RUNTIME_REQUIREMENTS, interpreter_of(python), cache_folder())
        runtime = [str(python), "-m", "awslambdaric", "app.handler"]
        self._processes: list[subprocess.Popen[bytes]] = []
        with ExitStack() as until_started:
            folder = until_started.enter_context(tempfile.TemporaryDirectory())
            Path(folder, "python3").symlink_to(python)
            started_at = time.perf_counter()
            self._server = until_started.enter_context(socket.create_server(("127.0.0.1", 0)))
            self._server.settimeout(CONNECT_TIMEOUT_S)
            environ = _variables(self._server, task, folder)
            until_started.callback(self._kill)
            self._start([str(extension)], environ)
            observer = self._accept(until_started)
            observer.receive()
            observer.send(REGISTERED)
            self._start(runtime, {**environ, "PYTHONPATH": str(packages)})
            observer.receive()
            observer.send(SUBSCRIBED)
            observer.receive()
            self._runtime = self._accept(until_started)
            self._runtime.receive()
            self.start_s = time.perf_counter() - started_at
            self._connections = until_started.pop_all()

    def _start(self, argv: list[str], environ: dict[str, str]) -> None:
        task = environ["LAMBDA_TASK_ROOT"]
        self._processes.append(subprocess.Popen(argv, env=environ, cwd=task))

    def _accept(self, stack: ExitStack) -> Client:
        connection, _ = self._server.accept()
        return stack.enter_context(closing(Client(connection)))

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def invoke_s(self) -> float:
        """Invoke the function; return the time until its response was there."""
        started_at = time.perf_counter()
        self._runtime.send(EVENT)
        posted = self._runtime.receive()
        duration_s = time.perf_counter() - started_at
        assert b"/response " in posted, posted
        self._runtime.send(ACCEPTED)
        self._runtime.receive()
        return duration_s

    def __enter__(self) -> Self:
        """It was started when it was made."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill both, then hang up."""
        self._kill()
        self._connections.close()


def _variables(server: socket.socket, task: Path, python_bin: str) -> dict[str, str]:
    host, port = server.getsockname()
    return {
        "PATH": f"{python_bin}:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": str(task),
    }
