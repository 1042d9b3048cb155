"""The collector as Lambda runs it: its real start file, in a process of its own.

A layer root with ``extensions/collector_ext`` and ``collector_ext/`` is made from the source
tree, and the file is started with nothing in its environment but what the test gives it::

    with CollectorProcess(tmp_path, lambda_.address, {"OTEL_...": "..."}) as collector:
        lambda_.wait_until_asked(1)
        collector.post("/v1/traces", body)
        ...
        lambda_.shuts_down()
        assert collector.wait() == 0

Leaving the block kills the process if it still runs.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

SOURCE = Path(__file__).parents[2]
NAME = "collector_ext"
PROTOBUF = "application/x-protobuf"
PATIENCE_S = 20.0
"""How long to wait for what must happen; only a failing test waits this long."""


class CollectorProcess:
    """One run of the start file.

    Args:
        folder: An empty one, for the layer root and the ``python3`` on PATH.
        api: The value of AWS_LAMBDA_RUNTIME_API.
        variables: The function's variables. The receiver takes any free port unless they say
            otherwise.
        python: The interpreter that PATH leads to.
        modules: What the layer root holds as ``collector_ext/``.
    """

    def __init__(
        self,
        folder: Path,
        api: str,
        variables: dict[str, str] | None = None,
        *,
        python: str = sys.executable,
        modules: Path = SOURCE / "collector_ext",
    ) -> None:
        self._api = api
        self.extension = folder / "layer" / "extensions" / NAME
        self.extension.parent.mkdir(parents=True)
        self.extension.symlink_to(SOURCE / "config" / NAME)
        (folder / "layer" / "collector_ext").symlink_to(modules)
        path = folder / "bin"
        path.mkdir()
        launcher = path / "python3"
        launcher.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        launcher.chmod(0o755)
        self._environ = {
            "PATH": f"{path}:/usr/bin:/bin",
            "AWS_LAMBDA_RUNTIME_API": api,
            "OTEL_LAYER_RECEIVER_PORT": "0",
            **(variables or {}),
        }
        self.rendezvous = Path("/tmp/otel-layer-" + api.replace(":", "-"))  # noqa: S108
        self._output = folder / "stdout"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [self.extension], env=self._environ, stdout=output, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.rendezvous.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        """The process Lambda started; `exec` keeps it."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not exited."""
        assert self._process is not None
        return self._process.poll() is None

    @property
    def port(self) -> int:
        """The OTLP port, as the rendezvous file has it."""
        port, pid = self.rendezvous.read_text().split()
        assert int(pid) == self.pid
        return int(port)

    @property
    def lines(self) -> list[str]:
        """What it wrote to stdout and stderr, line by line; its first and its last word aside."""
        lines = self._output.read_text().splitlines()
        return [line for line in lines if not _is_start(line) and not _is_summary(line)]

    @property
    def start_lines(self) -> list[str]:
        """What it said of itself when it started."""
        return [line for line in self._output.read_text().splitlines() if _is_start(line)]

    @property
    def summary(self) -> str:
        """What it said of its counters when it left."""
        (line,) = [each for each in self._output.read_text().splitlines() if _is_summary(each)]
        return line.partition("): ")[2]

    @property
    def peak_kilobytes(self) -> int:
        """The largest resident set it ever had (Linux only)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0])

    def wait(self) -> int:
        """Wait for its end and return the exit code."""
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    def client(self) -> http.client.HTTPConnection:
        """Return a connection to the OTLP port; the caller closes it."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def post(
        self, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Post one OTLP request on a connection of its own; return status and body."""
        client = self.client()
        try:
            client.request("POST", path, body, {"Content-Type": PROTOBUF, **(headers or {})})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def tell(self, request_id: str, phase: str, body: bytes = b"") -> None:
        """Post as the internal half does."""
        headers = {"Lambda-Invocation-Id": request_id}
        if phase:
            headers["Lambda-Invocation-Phase"] = phase
        status, answer = self.post("/v1/traces", body, headers)
        assert status == http.client.OK, answer

    def signal(self, number: int) -> None:
        """Send a signal to it."""
        os.kill(self.pid, number)


def _is_start(line: str) -> bool:
    return "version " in line and " exports " in line


def _is_summary(line: str) -> bool:
    return "INFO at shutdown (" in line or '"at shutdown (' in line
