"""``python -m lambda_sandbox serve``, and what both commands can show, as a person runs them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TASK = str(HERE / "sandbox_task")
COMMAND = [sys.executable, "-m", "lambda_sandbox"]
SUCCEED = ("--task", TASK, "--handler", "app.succeed")
DEADLINE_S = 30.0


def run(*arguments):
    """Run the command; return status, standard output and standard error."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    return done.returncode, done.stdout, done.stderr


class Served:
    """A command that serves: where, and how it ended."""

    def __init__(self, process):
        self.process = process
        self.told = [process.stdout.readline() for _ in range(6)]
        self.status, self.err = None, ""

    @property
    def url(self):
        return next(line.split()[-1] for line in self.told if line.startswith("curl "))

    def invoke(self, event=b"{}"):
        request = urllib.request.Request(self.url, event)  # noqa: S310  # http
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=DEADLINE_S) as response:
            return json.load(response)

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        _, self.err = self.process.communicate(timeout=DEADLINE_S)
        self.status = self.process.returncode


@contextmanager
def serve(*arguments):
    with subprocess.Popen(
        [*COMMAND, "serve", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


class TestServing:
    """Says how to call the function, and shows what CloudWatch would."""

    def test_answers_until_it_is_interrupted(self):
        with serve(*SUCCEED) as served:
            payload = served.invoke(b'{"a": 1}')
            served.end()

        assert payload["event"] == {"a": 1}
        request_id = payload["request_id"]
        assert served.status == 0
        lines = [line.split("\t")[0] for line in served.err.splitlines()]
        lines.remove("shutting down; once more ends it at once")
        assert lines == [
            f"START RequestId: {request_id} Version: $LATEST",
            f"handling {request_id}",
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}",
        ]

    def test_ends_in_order_when_it_is_terminated(self):
        with serve(*SUCCEED) as served:
            served.invoke()
            served.end(signal.SIGTERM)

        assert served.status == 0

    def test_says_how_to_call_the_function(self):
        with serve(*SUCCEED) as served:
            told = "".join(served.told)
            served.end()

        assert "serving sandbox_task at http://127.0.0.1:" in told
        assert "curl -d '{}' http://127.0.0.1:" in told
        assert "aws lambda invoke --endpoint-url http://127.0.0.1:" in told

    def test_names_the_function_as_lambda_would_allow(self, tmp_path):
        task = tmp_path / "my täsk"
        task.mkdir()
        (task / "app.py").write_text("def hello(event, context): return 1\n")

        with serve("--task", str(task), "--handler", "app.hello") as served:
            payload = served.invoke()
            served.end()

        assert payload == 1
        assert "/my-t-sk/" in served.url

    def test_explains_each_part_once(self):
        with serve("--task", TASK, "--handler", "app.obey", "--explain", "--timeout", "0.5") as it:
            it.invoke(b'{"do": "succeed"}')
            it.invoke(b'{"do": "hang"}')
            it.invoke(b'{"do": "succeed"}')
            it.end()

        parts = ("INIT", "INVOKE", "SHUTDOWN")
        titles = [
            line.split()[0].strip(":") for line in it.err.splitlines() if line.startswith(parts)
        ]
        assert titles == ["INIT", "INVOKE", "INVOKE", "SHUTDOWN", "INIT", "INVOKE", "SHUTDOWN"]
        assert it.err.index("INVOKE ") < it.err.index("START", it.err.index("REPORT"))

    def test_draws_the_traces_at_the_end(self):
        with serve(*SUCCEED, "--traces") as served:
            served.end()

        assert "no spans" in served.err


class TestInvoking:
    """The same can be seen of ``invoke``."""

    def test_explains_the_lifecycle_after_the_log(self):
        status, out, err = run("invoke", *SUCCEED, "--explain")

        assert (status, out.count("\n")) == (0, 1)
        log, _, story = err.partition("INIT: success\n")
        assert "REPORT RequestId: " in log
        assert "runtime  process started\n" in story
        assert "the caller had its answer after" in story
        assert "→ billed: " in story
        assert "SHUTDOWN spindown\n" in story

    def test_writes_the_events_as_json_lines(self, tmp_path):
        events = tmp_path / "events.jsonl"

        run("invoke", *SUCCEED, "--events", str(events))

        kinds = [json.loads(line)["type"] for line in events.read_text().splitlines()]
        assert kinds == [
            "platform.initStart",
            "platform.initRuntimeDone",
            "platform.initReport",
            "platform.start",
            "platform.runtimeDone",
            "platform.report",
        ]


class TestWhatMakesNoSense:
    """One sentence, and the status 2."""

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            status, out, err = run("serve", *SUCCEED, "--port", port)

        assert (status, out) == (2, "")
        assert err == f"lambda_sandbox: cannot serve on port {port}: Address already in use\n"

    @pytest.mark.parametrize("command", ["invoke", "serve"])
    def test_a_file_for_the_events_that_cannot_be(self, command):
        status, out, err = run(command, *SUCCEED, "--events", "/nowhere/events")

        assert (status, out) == (2, "")
        assert err == (
            "lambda_sandbox: cannot write the events to '/nowhere/events': "
            "No such file or directory\n"
        )

    @pytest.mark.parametrize("port", ["65536", "-1", "http"])
    def test_a_port_that_is_none(self, port):
        status, _, err = run("serve", *SUCCEED, f"--port={port}")

        assert status == 2
        assert f"{port!r} is not a port" in err
