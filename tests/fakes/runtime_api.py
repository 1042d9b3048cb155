"""A fake of Lambda's Runtime API, and the function's process that talks to it.

The process is the real thing: ``python -m awslambdaric``, through the exec wrapper or not::

    with RuntimeApi() as api, FunctionProcess(api, task, "app.handler", layer=layer) as function:
        outcome = api.invoke({"a": 1}, request_id="request-1")
        assert outcome == Outcome("response", b'{"a": 1}')
    assert function.stderr == ""

It answers as the Runtime API does (2018-06-01), freezes nothing and has no deadlines.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Self

SOURCE = Path(__file__).parents[2]
PATIENCE_S = 20.0
"""How long to wait for what must happen; only a failing test waits this long."""

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:hello"


class Outcome(NamedTuple):
    """What the runtime posted about an invocation, or about its start."""

    kind: str  # the last part of the path: response or error
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The body of an error, read."""
        error: dict[str, Any] = json.loads(self.body)
        return error


class RuntimeApi:
    """Serve one runtime."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[bytes, dict[str, str]] | None] = queue.Queue()
        self._outcomes: dict[str, queue.Queue[Outcome]] = {}
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._events.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def invoke(
        self, event: object, *, request_id: str = "request-1", headers: dict[str, str] | None = None
    ) -> Outcome:
        """Hand out an invocation and wait for what the runtime makes of it.

        Args:
            event: The handler's event; bytes as they are, anything else as JSON.
            request_id: Lambda's id of the invocation.
            headers: More headers, such as ``Lambda-Runtime-Client-Context``.
        """
        self.hand_out(event, request_id=request_id, headers=headers)
        return self.outcome(request_id)

    def hand_out(
        self, event: object, *, request_id: str, headers: dict[str, str] | None = None
    ) -> None:
        """Hand out an invocation; arguments as in ``invoke``."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self._events.put(
            (
                body,
                {
                    "Lambda-Runtime-Aws-Request-Id": request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int(time.monotonic() * 1000) + 3000),
                    "Lambda-Runtime-Invoked-Function-Arn": ARN,
                    "Content-Type": "application/json",
                    **(headers or {}),
                },
            )
        )

    def outcome(self, request_id: str) -> Outcome:
        """Wait for what the runtime posts about an invocation; ``init`` for its start."""
        return self.outcomes(request_id).get(timeout=PATIENCE_S)

    def outcomes(self, request_id: str) -> queue.Queue[Outcome]:
        """Return where the outcomes of an invocation arrive."""
        return self._outcomes.setdefault(request_id, queue.Queue())

    def next_event(self) -> tuple[bytes, dict[str, str]] | None:
        """Wait for the next invocation; None when there will be none."""
        return self._events.get()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: the function's process was killed, as it is at the end of a test."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _api(self) -> RuntimeApi:
        assert isinstance(self.server, _Server)
        return self.server.api

    def do_GET(self) -> None:
        """Answer ``/runtime/invocation/next`` when there is an invocation."""
        event = self._api.next_event()
        if event is None:
            self.close_connection = True
            return
        body, headers = event
        self._answer(200, body, headers)

    def do_POST(self) -> None:
        """Take what the runtime posts, about an invocation or about its start."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        *_, subject, kind = self.path.split("/")
        self._answer(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
        self._api.outcomes(subject).put(Outcome(kind, body))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def layer_from_source(folder: Path) -> Path:
    """Make a layer of the source tree: the wrapper, and our package beside it.

    Its dependencies are those of the interpreter that runs the tests.
    """
    (folder / "python").mkdir(parents=True)
    (folder / "python" / "otel_layer").symlink_to(SOURCE / "otel_layer")
    (folder / "otel-instrument").symlink_to(SOURCE / "config" / "otel-instrument")
    return folder


class FunctionProcess:
    """The function's process, as Lambda starts it.

    Args:
        api: What it talks to.
        task: Its code, which is also its working directory.
        handler: Its handler's name.
        layer: The layer whose exec wrapper starts it; None to run without.
        environ: The function's variables.
        command: What to run instead of ``python -m awslambdaric``.
    """

    def __init__(  # noqa: PLR0913  # what Lambda lets one configure
        self,
        api: RuntimeApi,
        task: Path,
        handler: str,
        *,
        layer: Path | None,
        environ: dict[str, str] | None = None,
        command: tuple[str, ...] = (),
    ) -> None:
        program = command or (sys.executable, "-m", "awslambdaric", handler)
        # Without a wrapper it is a shell as well that starts the runtime, on Lambda.
        wrapper = (str(layer / "otel-instrument"),) if layer else ("sh", "-c", 'exec "$@"', "sh")
        self._stdout = tempfile.TemporaryFile()  # noqa: SIM115  # closed in __exit__
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # as above
        self.process = subprocess.Popen(
            [*wrapper, *program],
            cwd=task,
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "_HANDLER": handler,
                "LAMBDA_TASK_ROOT": str(task),
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_LAMBDA_FUNCTION_NAME": "hello",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[$LATEST]abc",
                "AWS_REGION": "eu-central-1",
                **(environ or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=self._stderr,
        )

    def __enter__(self) -> Self:
        """It was started when it was made."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it, as Lambda does with a runtime that has no extension."""
        self.process.kill()
        self.process.wait()
        self._stdout.close()
        self._stderr.close()

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit status."""
        return self.process.wait(PATIENCE_S)

    @property
    def stdout(self) -> str:
        """What it has written so far."""
        return _text(self._stdout)

    @property
    def stderr(self) -> str:
        """What it has written so far."""
        return _text(self._stderr)

    @property
    def our_lines(self) -> list[str]:
        """The lines of it that are the layer's."""
        return [line for line in self.stderr.splitlines() if "otel-layer" in line]


def _text(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), 1 << 20, 0).decode()
