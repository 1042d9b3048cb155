"""``python -m lambda_sandbox invoke``, as a person runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TASK = str(HERE / "sandbox_task")
SUCCEED = ("--task", TASK, "--handler", "app.succeed")


def invoke(*arguments):
    """Run the command; return status, standard output and standard error."""
    return command("invoke", *arguments)


def command(*arguments):
    run = subprocess.run(
        [sys.executable, "-m", "lambda_sandbox", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return run.returncode, run.stdout, run.stderr


class TestAnInvocation:
    """Payloads on standard output, the log on standard error."""

    def test_prints_the_payload_and_nothing_else(self):
        status, out, err = invoke(*SUCCEED, "--event", '{"a": 1}', "--count", "2")

        assert status == 0
        assert [json.loads(line)["event"] for line in out.splitlines()] == [{"a": 1}] * 2
        assert err.count("REPORT RequestId: ") == 2

    def test_takes_the_event_from_a_file(self, tmp_path):
        event = tmp_path / "event.json"
        event.write_text('{"a": "ä"}')

        _, out, _ = invoke(*SUCCEED, "--event-file", str(event))

        assert json.loads(out)["event"] == {"a": "ä"}

    def test_that_fails_has_the_status_1(self):
        status, out, err = invoke("--task", TASK, "--handler", "app.fail")

        assert status == 1
        assert json.loads(out)["errorType"] == "ValueError"
        assert "[ERROR] ValueError: no\n" in err

    def test_has_the_variables_and_the_facts_that_were_asked_for(self):
        arguments = ("--task", TASK, "--handler", "app.describe", "--env", "COLOR=a=b")
        _, out, _ = invoke(*arguments, "--memory", "512", "--timeout", "9", "--no-telemetry")

        facts = json.loads(out)
        assert facts["variables"]["COLOR"] == "a=b"
        assert facts["variables"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
        assert facts["remaining_ms"] > 8000

    @pytest.mark.parametrize(
        ("arguments", "wrapped"),
        [((), "1"), (("--exec-wrapper", "/opt/other"), "2"), (("--exec-wrapper", "none"), None)],
    )
    def test_goes_through_the_layers_wrapper(self, tmp_path, arguments, wrapped):
        for name, value in (("otel-instrument", 1), ("other", 2)):
            (tmp_path / name).write_text(f'#!/bin/sh\nexport WRAPPED={value}\nexec "$@"\n')
            (tmp_path / name).chmod(0o755)

        _, out, _ = invoke(
            "--task", TASK, "--handler", "app.describe", "--layer", str(tmp_path), *arguments
        )

        assert json.loads(out)["variables"].get("WRAPPED") == wrapped

    def test_draws_traces_and_writes_them_as_a_page(self, tmp_path):
        page = tmp_path / "traces.html"

        status, _, err = invoke(*SUCCEED, "--traces", "--html", str(page))

        assert status == 0
        assert str(page) in err
        assert page.read_text().lower().startswith("<!doctype html")

    def test_shows_a_record_of_the_log_line_by_line(self):
        _, _, err = invoke("--task", TASK, "--handler", "app.log")

        assert "\tone\ntwo\n" in err

    def test_may_use_more_memory_than_it_has_if_that_is_wanted(self):
        arguments = ("--task", TASK, "--handler", "app.hoard")
        event = ("--event", '{"mib": 200, "for_s": 0.3}')

        assert invoke(*arguments, *event)[0] == 1
        assert invoke(*arguments, *event, "--no-memory-limit")[:2] == (0, f"{200 << 20}\n")

    def test_gets_no_more_of_a_cpu_than_its_memory_size_entitles_to_if_that_is_wanted(
        self, tmp_path
    ):
        events = tmp_path / "events.jsonl"
        burn = ("--task", TASK, "--handler", "app.burn", "--event", '{"cpu_s": 0.1}')

        invoke(*burn, "--timeout", "30", "--cpu-share", "--events", str(events))

        report = json.loads(events.read_text().splitlines()[-1])["record"]
        assert report["status"] == "success"
        assert report["metrics"]["durationMs"] > 500  # 0.1 s at 128 MB of 1769 are 1.4 s

    def test_of_a_module_that_is_missing_fails_as_on_lambda(self):
        status, out, _ = invoke("--task", TASK, "--handler", "nowhere.succeed")

        assert status == 1
        assert json.loads(out) == {
            "errorMessage": "Unable to import module 'nowhere': No module named 'nowhere'",
            "errorType": "Runtime.ImportModuleError",
            "requestId": "",
            "stackTrace": [],
        }

    def test_of_a_handler_that_is_missing_fails_as_on_lambda(self):
        status, out, _ = invoke("--task", TASK, "--handler", "app.nowhere")

        assert status == 1
        assert json.loads(out) == {
            "errorMessage": "Handler 'nowhere' missing on module 'app'",
            "errorType": "Runtime.HandlerNotFound",
            "requestId": "",
            "stackTrace": [],
        }


class TestAnInterruption:
    """Ends it at once; what was seen until then is shown."""

    def test_shows_the_log_the_events_and_the_lifecycle(self, tmp_path):
        running, events = tmp_path / "running", tmp_path / "events"
        task = tmp_path / "task"
        task.mkdir()
        (task / "app.py").write_text(
            "import pathlib, time\n"
            "def handler(event, context):\n"
            "    print('about to hang', flush=True)\n"
            f"    pathlib.Path({str(running)!r}).touch()\n"
            "    time.sleep(60)\n"
        )
        asked = ("invoke", "--task", str(task), "--handler", "app.handler", "--timeout", "60")
        with subprocess.Popen(
            [sys.executable, "-m", "lambda_sandbox", *asked, "--explain", "--events", str(events)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            while not running.exists():
                assert process.poll() is None
                threading.Event().wait(0.01)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)

        assert process.returncode == 1
        assert "about to hang\n" in err
        assert "INVOKE" in err
        types = [json.loads(line)["type"] for line in events.read_text().splitlines()]
        assert "platform.start" in types

    def test_of_the_reader_is_no_fault(self):
        arguments = ("invoke", *SUCCEED, "--count", "50")
        with subprocess.Popen(
            [sys.executable, "-m", "lambda_sandbox", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            err = process.stderr.read()

        assert process.returncode == 1
        assert "Traceback" not in err


class TestAReplay:
    """Invokes what was recorded, in order, in one environment."""

    def test_prints_what_recording_printed(self, tmp_path):
        recording = tmp_path / "recording.jsonl"
        obey = ("--task", TASK, "--handler", "app.obey")
        event = ("--event", '{"do":\n"speak"}')

        recorded = invoke(*obey, *event, "--count", "2", "--record", str(recording))[:2]
        replayed = command("replay", str(recording), *obey)[:2]

        assert replayed == recorded == (0, '"{\\"do\\": \\"speak\\"}"\n' * 2)

    def test_that_fails_once_has_the_status_1_and_goes_on(self, tmp_path):
        recording = tmp_path / "recording.jsonl"
        recording.write_text('{"payload": {"do": "fail"}}\n{"payload": {"do": "speak"}}\n')

        status, out, _ = command("replay", str(recording), "--task", TASK, "--handler", "app.obey")

        assert status == 1
        assert [json.loads(line) for line in out.splitlines()][1] == '{"do": "speak"}'

    def test_gives_what_was_given(self, tmp_path):
        recording = tmp_path / "recording.jsonl"
        recording.write_text(
            '{"payload": 1, "clientContext": {"custom": {"a": "b"}}, "traceHeader": "Root=1-2-3"}'
        )

        _, out, _ = command("replay", str(recording), "--task", TASK, "--handler", "app.describe")

        facts = json.loads(out)
        assert facts["client"] == {"a": "b"}
        assert facts["variables"]["_X_AMZN_TRACE_ID"] == "Root=1-2-3"

    def test_waits_as_long_as_was_recorded_if_that_is_wanted(self, tmp_path):
        recording, events = tmp_path / "recording.jsonl", tmp_path / "events.jsonl"
        recording.write_text('{"payload": 1}\n{"payload": 2, "secondsSincePrevious": 1.5}\n')

        command("replay", str(recording), *SUCCEED, "--pace", "real", "--events", str(events))

        told = [json.loads(line) for line in events.read_text().splitlines()]
        first, *_, second = (
            datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S.%f%z")
            for event in told
            if event["type"] in {"platform.initStart", "platform.start"}
        )
        # The first was asked for a moment before its environment was started.
        assert (second - first).total_seconds() >= 1.0

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ('{"payload": 1}\n{"Records": []}', 'line 2: no "payload"'),
            ('{"payload": 1}\n\n{"payload"', "line 3: not JSON: "),
            ("", "no invocation is in it"),
        ],
    )
    def test_of_something_else_is_refused_before_anything_is_started(
        self, tmp_path, content, reason
    ):
        recording = tmp_path / "recording.jsonl"
        recording.write_text(content)

        status, out, err = command("replay", str(recording), *SUCCEED)

        assert (status, out, err.count("\n")) == (2, "", 1)
        assert f"cannot replay {str(recording)!r}: {reason}" in err

    def test_of_nothing_is_refused(self):
        status, out, err = command("replay", "/nowhere", *SUCCEED)

        assert (status, out) == (2, "")
        assert err == (
            "lambda_sandbox: cannot read the recording from '/nowhere': No such file or directory\n"
        )


class TestWhatMakesNoSense:
    """One sentence, and the status 2."""

    def test_is_a_task_that_is_not_there(self):
        status, out, err = invoke("--task", "/nowhere", "--handler", "app.succeed")

        assert (status, out) == (2, "")
        assert err == "lambda_sandbox: no task folder at '/nowhere'\n"

    def test_is_an_extension_that_is_not_executable(self, tmp_path):
        extension = tmp_path / "extensions" / "observer"
        extension.parent.mkdir()
        extension.write_text("#!/bin/sh\n")

        status, out, err = invoke(*SUCCEED, "--layer", str(tmp_path))

        assert (status, out) == (2, "")
        assert err == (
            f"lambda_sandbox: extension {str(extension)!r} is not executable, "
            "so Lambda could not launch it\n"
        )

    def test_is_a_requirement_that_cannot_be_installed(self, tmp_path):
        (tmp_path / "requirements.txt").write_text("no requirement at all\n")

        status, out, err = invoke("--task", str(tmp_path), "--handler", "app.succeed")

        assert (status, out, err.count("\n")) == (2, "", 1)
        assert f"cannot install {str(tmp_path / 'requirements.txt')!r} for Python " in err
        assert "Invalid requirement: 'no requirement at all'" in err

    def test_is_a_cache_that_cannot_be(self, monkeypatch):
        monkeypatch.setenv("LAMBDA_SANDBOX_CACHE", "/proc/nothing")

        status, out, err = invoke(*SUCCEED)

        assert (status, out) == (2, "")
        assert err == (
            "lambda_sandbox: packages cannot be kept in '/proc/nothing': No such file or "
            "directory; set LAMBDA_SANDBOX_CACHE to another folder\n"
        )

    @pytest.mark.parametrize(
        ("option", "what"),
        [("--events", "the events"), ("--html", "the page"), ("--record", "the recording")],
    )
    def test_is_a_file_on_a_disk_that_is_full(self, option, what):
        status, _, err = invoke(*SUCCEED, option, "/dev/full")

        assert status == 2
        assert err.splitlines()[-1] == (
            f"lambda_sandbox: cannot write {what} to '/dev/full': No space left on device"
        )
        assert "Traceback" not in err

    def test_is_an_event_file_that_is_not_utf_8(self, tmp_path):
        event = tmp_path / "event.json"
        event.write_bytes(b'"\xff"')

        _, _, err = invoke(*SUCCEED, "--event-file", str(event))

        assert err == f"lambda_sandbox: {str(event)!r} is not UTF-8\n"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--event", "{"), "the event is not JSON"),
            (("--event-file", "/nowhere"), "cannot read the event from '/nowhere'"),
            (("--env", "COLOR"), "--env 'COLOR' is not NAME=VALUE"),
            (("--layer", "/nowhere"), "no layer folder at '/nowhere'"),
            (("--event", "NaN"), "the event is not JSON: NaN is not JSON"),
            (("--timeout", "soon"), "--timeout: 'soon' is not a number of seconds"),
            (("--timeout", "0"), "'0' is not a number of seconds, more than 0 and up to 900"),
            (("--timeout", "901"), "'901' is not a number of seconds, more than 0 and up to 900"),
            (("--memory", "much"), "--memory: 'much' is not a number of MB from 128 to 10240"),
            (("--memory", "127"), "'127' is not a number of MB from 128 to 10240"),
            (("--memory", "10241"), "'10241' is not a number of MB from 128 to 10240"),
            (("--max-concurrency", "0"), "'0' is not a number from 1 to 1600"),
            (("--initialization-type", "later"), "--initialization-type: invalid choice: 'later'"),
            (("--count", "0"), "--count: '0' is not a number of invocations"),
            (("--html", "/nowhere/page"), "cannot write the page to '/nowhere/page'"),
            (("--record", "/nowhere/it"), "cannot write the recording to '/nowhere/it'"),
            (("--python", "/nowhere"), "cannot run Python at '/nowhere'"),
            (("--python", "/bin/false"), "'/bin/false' is not a Python interpreter"),
        ],
    )
    def test_is_said(self, arguments, sentence):
        status, out, err = invoke(*SUCCEED, *arguments)

        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert sentence in err
