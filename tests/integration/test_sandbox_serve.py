"""``python -m lambda_sandbox serve``, and what both commands can show, as a person runs them."""

from __future__ import annotations

import base64
import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
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

    def wait_for(self, text):
        """Read standard error as far as a line that holds the text; return that line."""
        while text not in (line := self.process.stderr.readline()):
            assert line, f"{text!r} was never said, but: {self.err}"
            self.err += line
        self.err += line
        return line

    @property
    def url(self):
        return next(line.split()[-1] for line in self.told if line.startswith("curl "))

    def invoke(self, event=b"{}"):
        return self.call(event)

    def call(self, event, **headers):
        request = urllib.request.Request(self.url, event, headers)  # noqa: S310  # http
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=DEADLINE_S) as response:
            return json.load(response)

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.err += self.process.stderr.read()
        self.status = self.process.wait()


@contextmanager
def serve(*arguments):
    with subprocess.Popen(
        [*COMMAND, "serve", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        # What is read of it ends then, and so does a test that waits for a line in vain.
        deadline = threading.Timer(DEADLINE_S, process.kill)
        deadline.start()
        try:
            yield Served(process)
        finally:
            deadline.cancel()
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

    def test_explains_at_once_whatever_the_format_of_the_log(self):
        arguments = ("--env", "AWS_LAMBDA_LOG_FORMAT=JSON", "--explain")
        with serve(*SUCCEED, *arguments) as served:
            served.invoke()
            served.wait_for("INVOKE ")
            served.end()

        assert served.err.count("INVOKE ") == 1

    def test_draws_the_traces_at_the_end(self):
        with serve(*SUCCEED, "--traces") as served:
            served.end()

        assert "no spans" in served.err


@pytest.fixture
def task(tmp_path):
    """Return the folder of a function that tells its version."""
    folder = tmp_path / "task"
    folder.mkdir()
    write(folder, 1)
    return folder


def write(folder, version):
    # Each of another size: Python would take bytecode of the same second for the file's own.
    (folder / "app.py").write_text(
        "import os, time\n"
        "def version(event, context):\n"
        "    while event and not os.path.exists(event): time.sleep(0.005)\n"
        f"    return {version}{' ' * version}\n"
    )


class TestWatching:
    """A fresh environment, behind the same URL, whenever the function has changed."""

    def test_serves_what_is_there_now(self, task):
        with serve("--task", str(task), "--handler", "app.version", "--watch") as served:
            before = served.invoke(b"null")
            write(task, 2)
            said = served.wait_for("changed")
            after = served.invoke(b"null")
            served.end()

        assert (before, after, served.status) == (1, 2, 0)
        app = task / "app.py"
        assert said == f"{app} changed; a fresh environment serves the next invocation\n"

    def test_ends_the_environment_before_in_order(self, task):
        arguments = ("--task", str(task), "--handler", "app.version", "--watch", "--explain")
        with serve(*arguments) as served:
            served.invoke(b"null")
            write(task, 2)
            served.wait_for("changed")
            served.invoke(b"null")
            served.end()

        parts = ("INIT", "INVOKE", "SHUTDOWN")
        told = [line.split(":")[0] for line in served.err.splitlines() if line.startswith(parts)]
        assert [title if "INVOKE" not in title else "INVOKE" for title in told] == [
            "INIT",
            "INVOKE",
            "SHUTDOWN spindown",
            "INIT",
            "INVOKE",
            "SHUTDOWN spindown",
        ]

    def test_finishes_what_is_in_flight_first(self, task, tmp_path):
        go, arguments = tmp_path / "go", ("--task", str(task), "--handler", "app.version")
        with (
            serve(*arguments, "--watch", "--timeout", "30") as served,
            ThreadPoolExecutor() as callers,
        ):
            first = callers.submit(served.invoke, json.dumps(str(go)).encode())
            served.wait_for("START")
            write(task, 2)
            served.wait_for("changed")
            second = callers.submit(served.invoke, b"null")
            go.touch()
            versions = first.result(), second.result()
            served.end()

        assert versions == (1, 2)

    def test_sees_the_layer_too(self, task, tmp_path):
        layer = tmp_path / "layer"
        (layer / "python").mkdir(parents=True)
        arguments = ("--task", str(task), "--handler", "app.version", "--layer", str(layer))
        with serve(*arguments, "--watch") as served:
            served.invoke(b"null")
            (layer / "python" / "app_of_layer.py").touch()
            said = served.wait_for("changed")
            served.end()

        assert said.startswith(f"{layer / 'python' / 'app_of_layer.py'} changed; ")

    @pytest.mark.parametrize(
        ("code", "error_type"),
        [
            ("def version(:", "Runtime.UserCodeSyntaxError"),
            ("def renamed(event, context): pass", "Runtime.HandlerNotFound"),
        ],
    )
    def test_answers_what_lambda_answers_for_a_broken_task(self, task, code, error_type):
        with serve("--task", str(task), "--handler", "app.version", "--watch") as served:
            (task / "app.py").write_text(code)
            served.wait_for("changed")
            broken = served.invoke(b"null")
            write(task, 2)
            served.wait_for("changed")
            mended = served.invoke(b"null")
            served.end()

        assert broken["errorType"] == error_type
        assert mended == 2

    def test_outlives_a_folder_that_is_not_there(self, task, tmp_path):
        with serve("--task", str(task), "--handler", "app.version", "--watch") as served:
            write(task, 2)
            served.wait_for("changed")
            task.rename(tmp_path / "elsewhere")
            with pytest.raises(urllib.error.HTTPError) as refused:
                served.invoke(b"null")
            refusal = json.load(refused.value)
            (tmp_path / "elsewhere").rename(task)
            version = served.invoke(b"null")
            served.end()

        assert refusal == {"Type": "Service", "Message": f"no task folder at {str(task)!r}"}
        assert (version, served.status) == (2, 0)

    def test_does_not_take_its_own_files_for_changes(self, task):
        events, recording = task / "a-events.jsonl", task / "a-recording.jsonl"
        written = ("--events", str(events), "--record", str(recording))
        with serve("--task", str(task), "--handler", "app.version", "--watch", *written) as served:
            served.invoke(b"null")
            write(task, 2)
            said = served.wait_for("changed")
            served.end()

        assert said.startswith(f"{task / 'app.py'} changed; ")

    def test_ends_at_once_when_it_is_interrupted_twice(self, task):
        arguments = ("--task", str(task), "--handler", "app.version", "--timeout", "600")
        with serve(*arguments, "--watch") as served, ThreadPoolExecutor() as callers:
            caller = callers.submit(served.invoke, b'"/nowhere"')
            served.wait_for("START")
            write(task, 2)
            served.wait_for("changed")
            served.process.send_signal(signal.SIGINT)
            served.wait_for("shutting down")
            served.end()

        assert isinstance(caller.exception(), OSError)
        assert served.status == 1


class TestRecording:
    """Writes down what was invoked, and how."""

    def test_holds_everything_that_was_given(self, tmp_path):
        recording = tmp_path / "recording.jsonl"
        context = base64.b64encode(b'{"custom": {"a": 1}}').decode()
        with serve(*SUCCEED, "--record", str(recording)) as served:
            served.invoke(b'{"a":\n1.10}')
            headers = {"X-Amz-Client-Context": context, "X-Amzn-Trace-Id": "Root=1-2-3"}
            served.call(b"2", **headers)
            served.end()

        first, second = recording.read_text().splitlines()
        assert first == '{"payload": {"a": 1.10}}'
        told = json.loads(second)
        assert told.pop("secondsSincePrevious") >= 0
        assert told == {
            "payload": 2,
            "clientContext": {"custom": {"a": 1}},
            "traceHeader": "Root=1-2-3",
        }


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
