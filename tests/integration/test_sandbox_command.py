"""``python -m lambda_sandbox invoke``, as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TASK = str(HERE / "sandbox_task")
SUCCEED = ("--task", TASK, "--handler", "app.succeed")


def invoke(*arguments):
    """Run the command; return status, standard output and standard error."""
    run = subprocess.run(
        [sys.executable, "-m", "lambda_sandbox", "invoke", *arguments],
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


class TestWhatMakesNoSense:
    """One sentence, and the status 2."""

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--event", "{"), "the event is not JSON"),
            (("--event-file", "/nowhere"), "cannot read the event from '/nowhere'"),
            (("--env", "COLOR"), "--env 'COLOR' is not NAME=VALUE"),
            (("--layer", "/nowhere"), "no layer folder at '/nowhere'"),
            (("--python", "/nowhere"), "cannot run Python at '/nowhere'"),
            (("--python", "/bin/false"), "'/bin/false' is not a Python interpreter"),
        ],
    )
    def test_is_said(self, arguments, sentence):
        status, out, err = invoke(*SUCCEED, *arguments)

        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert sentence in err
