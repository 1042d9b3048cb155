"""A Collector's document in place of the variables, with the built layer."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.sandbox import Sandbox

PIPELINE = """
exporters:
{exporters}
processors:
{processors}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [{order}]
      exporters: [{names}]
receivers:
  otlp: {{protocols: {{http: {{}}}}}}
"""


def indented(text, by):
    return "\n".join(" " * by + line for line in text.splitlines())


def document(exporters, processors=None):
    """Return a document with these exporters and processors, in one pipeline of traces."""
    processors = processors or {}
    return PIPELINE.format(
        exporters=indented("\n".join(f"{name}: {value}" for name, value in exporters.items()), 2),
        processors=indented("\n".join(f"{name}: {value}" for name, value in processors.items()), 2),
        order=", ".join(processors),
        names=", ".join(exporters),
    )


@pytest.fixture
def run(example, tmp_path):
    """Invoke the example function once under a document; return its sandbox, which has ended."""

    def run_under(text, count=1, **variables):
        path = tmp_path / "collector.yaml"
        path.write_text(text)
        function = example(OPENTELEMETRY_COLLECTOR_CONFIG_URI=str(path), **variables)
        with Sandbox(function) as sandbox:
            for _ in range(count):
                assert sandbox.invoke(b"{}").status == "success"
                sandbox.wait_frozen()
        return sandbox

    return run_under


def said(sandbox):
    return [line.text for line in sandbox.logs if line.source == "extension"]


class TestADocument:
    """It says where telemetry goes, as the Collector's own."""

    def test_is_read_and_followed(self, run, endpoint):
        sandbox = run(document({"otlphttp": f"{{endpoint: '{endpoint.url}', compression: gzip}}"}))

        assert [span.name for span in endpoint.spans()].count("hello") == 1
        line, summary = said(sandbox)
        assert "at shutdown (spindown): otlphttp: " in summary
        assert f" exports traces to {endpoint.url}" in line

    def test_refers_to_variables(self, run, endpoint):
        text = document(
            {"otlp_http": "{endpoint: '${env:REMOTE}', headers: {x-team: '${TEAM:-nobody}'}}"}
        )

        run(text, REMOTE=endpoint.url)

        (request,) = endpoint.requests
        assert request.headers["x-team"] == "nobody"

    def test_sends_to_several(self, run, endpoint):
        with OtlpEndpoint() as other:
            run(
                document(
                    {
                        "otlp_http/one": f"{{endpoint: '{endpoint.url}'}}",
                        "otlp_http/other": f"{{endpoint: '{other.url}', encoding: json}}",
                    }
                )
            )

            assert len(endpoint.spans()) == len(other.spans()) == 3
            (request,) = other.requests
        assert request.headers["content-type"] == "application/json"
        ids = {span["spanId"] for span in spans_in(json.loads(request.body))}
        assert ids == {span.span_id for span in endpoint.spans()}

    def test_costs_one_exporter_nothing_when_another_is_away(self, run, endpoint):
        run(
            document(
                {
                    "otlp_http/away": "{endpoint: 'http://127.0.0.1:9'}",
                    "otlp_http/here": f"{{endpoint: '{endpoint.url}'}}",
                }
            ),
            count=2,
        )

        assert [span.name for span in endpoint.spans()].count("hello") == 2

    def test_with_a_secret_that_is_missing_costs_other_exporters_nothing(self, run, endpoint):
        text = document(
            {
                "otlp_http/locked": (
                    "{endpoint: 'http://127.0.0.1:9', headers: {k: '${ssm:/missing}'}}"
                ),
                "otlp_http/open": f"{{endpoint: '{endpoint.url}'}}",
            },
            {"attributes": "{actions: [{key: k, value: '${ssm:/here}', action: insert}]}"},
        )

        sandbox = run(text, AWS_ENDPOINT_URL="http://127.0.0.1:1")

        assert [span.name for span in endpoint.spans()].count("hello") == 1
        assert any("the secret ssm:/missing is not known" in line for line in said(sandbox))
        found = "ssm:/here stands where no exporter can use it; it is not read"
        assert [line for line in said(sandbox) if "ssm:/here" in line] == [
            f"otel-layer WARN {found}"
        ]

    def test_that_cannot_be_parsed_costs_the_function_nothing(self, run):
        sandbox = run("exporters: [")

        (line,) = [line for line in said(sandbox) if "collector.yaml" in line]
        assert "nothing is exported" in line


def spans_in(request):
    return [
        span
        for resource in request["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


class TestProcessors:
    """They see a whole invocation before it is exported."""

    def test_change_attributes(self, run, endpoint):
        exporters = {"otlp_http": f"{{endpoint: '{endpoint.url}'}}"}
        actions = (
            "{actions: [{key: http.method, action: delete}, {key: team, value: a, action: insert}]}"
        )

        run(document(exporters, {"attributes": actions}))

        attributes = [span.attributes for span in endpoint.spans()]
        assert [found["team"] for found in attributes] == ["a"] * 3
        assert all("http.method" not in found for found in attributes)

    def test_leave_out_what_a_condition_names(self, run, endpoint):
        exporters = {"otlp_http": f"{{endpoint: '{endpoint.url}'}}"}
        conditions = "{traces: {span: ['name == \"POST\"']}}"

        run(document(exporters, {"filter": conditions}))

        assert sorted(span.name for span in endpoint.spans()) == ["GET", "hello"]

    def test_keep_or_drop_a_whole_trace(self, run, endpoint):
        exporters = {"otlp_http": f"{{endpoint: '{endpoint.url}'}}"}
        policies = (
            "{policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}"
        )

        run(document(exporters, {"tail_sampling": policies}))

        assert endpoint.spans() == []
