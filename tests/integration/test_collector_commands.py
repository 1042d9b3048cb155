"""``python -m collector_ext``: a configuration looked at without a function."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "hunter2"  # noqa: S105 - what must not be said

DOCUMENT = """\
receivers: {otlp: }
exporters:
  otlp_http/honeycomb:
    endpoint: https://api.honeycomb.io?key=${KEY}
    headers: {x-honeycomb-team: '${KEY}', x-other: '${ssm:/key}'}
    timeot: 5s
  debug:
service:
  extensions: [health_check]
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http/honeycomb]}
"""


def run(*arguments, **variables):
    """The exit status, and what was printed."""
    command = [sys.executable, "-m", "collector_ext", *arguments]
    ran = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, check=False, text=True
    )
    assert ran.stderr == "" or ran.returncode == 2
    return ran.returncode, ran.stdout


@pytest.fixture
def document(tmp_path):
    """Writes a document."""

    def write(text):
        path = tmp_path / "collector.yaml"
        path.write_text(text)
        return str(path)

    return write


class TestValidate:
    """Says what is wrong and what each setting came to; its status is for scripts."""

    def test_tells_all_of_a_document(self, document):
        path = document(DOCUMENT)

        assert run("validate", path, KEY=SECRET) == (
            1,
            f"""\
fault    {path}:6: exporters.otlp_http/honeycomb.timeot is not a key that is known here \
(did you mean timeout?); it is ignored
ignored  {path}:9: service.extensions names health_check, \
which means nothing here; it is left out
secret   ssm:/key is read before the first export
otlp_http/honeycomb
    traces       https://api.honeycomb.io/v1/traces
    metrics      https://api.honeycomb.io/v1/metrics
    logs         https://api.honeycomb.io/v1/logs
    headers      x-honeycomb-team: ********, x-other: ********
    compression  gzip
    timeout      30 s
    tls          1.2 or newer
    encoding     proto
    proxy        as HTTPS_PROXY and NO_PROXY say
faulty: 1 faults; exported are traces
""",
        )

    def test_of_a_sound_document_is_0(self, document):
        status, said = run("validate", document(DOCUMENT.replace("timeot", "timeout")), KEY=SECRET)

        assert (status, said.splitlines()[-1]) == (0, "sound: 0 faults; exported are traces")

    def test_of_a_document_that_exports_nothing_is_2(self, document):
        status, said = run("validate", document("exporters: {}"))

        assert (status, said.splitlines()[-1]) == (2, "unusable: nothing is exported")

    def test_of_a_document_does_not_fall_back_to_the_variables(self):
        status, said = run("validate", "/none", OTEL_EXPORTER_OTLP_ENDPOINT="http://a.example")

        assert (status, said) == (
            2,
            (
                "fault    /none: cannot be read: No such file or directory; nothing is exported\n"
                "unusable: nothing is exported\n"
            ),
        )

    def test_may_be_of_the_variables(self):
        status, said = run(
            "validate",
            "--env",
            OTEL_EXPORTER_OTLP_ENDPOINT="https://a.example",
            OTEL_EXPORTER_OTLP_HEADERS=f"x-key={SECRET}",
            OTEL_EXPORTER_OTLP_TIMEOUT="5",
        )

        assert status == 1
        assert "    headers      x-key: ********" in said.splitlines()
        assert SECRET not in said

    @pytest.mark.parametrize("arguments", [("validate",), (), ("check",)])
    def test_needs_to_know_of_what(self, arguments):
        assert run(*arguments) == (2, "")


class TestExplain:
    """Says which way data takes."""

    def test_tells_the_pipelines_of_a_document(self, document):
        path = document(DOCUMENT.replace("    timeot: 5s\n", ""))

        assert run("explain", path, KEY=SECRET) == (
            0,
            f"""\
configured by {path}
traces
    OTLP/HTTP on 127.0.0.1:4318
    => otlp_http/honeycomb: https://api.honeycomb.io/v1/traces
note: {path}:8: service.extensions names health_check, \
which means nothing here; it is left out
""",
        )

    def test_tells_those_of_the_variables(self):
        found = run(
            "explain",
            OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="http://a.example/in",
            OTEL_LAYER_RECEIVER_PORT="5318",
        )

        assert found == (
            0,
            (
                "configured by variables\nlogs\n    OTLP/HTTP on 127.0.0.1:5318\n"
                "    => otlp_http: http://a.example/in\n"
            ),
        )

    def test_tells_when_there_are_none(self):
        assert run("explain") == (2, "configured by variables\nnothing is exported\n")
