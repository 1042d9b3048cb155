"""A whole document."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import Configuration, PipelineSettings
from collector_ext.core.otlp import TRACES
from collector_ext.edge.senders.debug import Debug
from tests.fakes.documents import exporter_of, read

SMALLEST = """
receivers:
  otlp:
exporters:
  debug:
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [debug]}
"""


class TestADocument:
    """Makes a configuration."""

    def test_is_read(self):
        assert read(SMALLEST) == Configuration(
            exporters={"debug": Debug("debug", "basic")},
            pipelines=(PipelineSettings("traces", TRACES, (), ("debug",)),),
            grpc_receiver=None,
            remarks=(),
            ignored=(),
            secrets=(),
        )

    def test_may_be_where_references_lead(self):
        found = read(
            SMALLEST.partition("service:")[0] + "service: ${SERVICE}",
            SERVICE="{pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}",
        )

        assert [pipeline.id for pipeline in found.pipelines] == ["traces"]

    def test_names_the_secrets_that_it_needs(self):
        text = SMALLEST.replace(
            "debug:", "otlp_http: {endpoint: 'http://a', headers: {k: '${ssm:/k}'}}"
        )
        text = text.replace("[debug]", "[otlp_http]")

        assert read(text).secrets == ("ssm:/k",)
        found = read(text, {"ssm:/k": "hunter2"})
        assert (found.secrets, exporter_of(found, "otlp_http").headers[TRACES]) == (
            (),
            (("k", "hunter2"),),
        )

    def test_may_have_the_collectors_own_telemetry(self):
        found = read(SMALLEST + "  telemetry: {metrics: {level: none}}")

        assert found.remarks == ()
        assert found.ignored == (
            (
                "collector.yaml:9: service.telemetry is ignored: this collector writes one line "
                "for each change of its state"
            ),
        )


class TestWhatIsWrong:
    """Is one line; what can be used is."""

    def test_a_part_that_is_unknown(self):
        found = read("exporter: {}" + SMALLEST)

        assert [pipeline.id for pipeline in found.pipelines] == ["traces"]
        assert found.remarks == (
            (
                "collector.yaml:1: exporter is not a key that is known here "
                "(did you mean exporters?); it is ignored"
            ),
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[a]", "1: the document is not a mapping; nothing is exported"),
            ("", "1: service.pipelines has no pipelines; nothing is exported"),
            ("\nservice:", "2: service.pipelines has no pipelines; nothing is exported"),
            (
                "\nservice:\n  pipelines: x",
                "3: service.pipelines has no pipelines; nothing is exported",
            ),
            (
                "\nservice:\n  pipelines: {}",
                "3: service.pipelines has no pipelines; nothing is exported",
            ),
        ],
    )
    def test_no_pipelines(self, text, said):
        found = read(text)

        assert found.pipelines == ()
        assert found.remarks == (f"collector.yaml:{said}",)

    def test_a_receiver_is_nothing_without_a_pipeline(self):
        found = read(
            "receivers: {otlp: {protocols: {grpc: }}}\nservice: {pipelines: {traces: "
            "{receivers: [otlp], exporters: [x]}}}"
        )

        assert found.grpc_receiver is None
