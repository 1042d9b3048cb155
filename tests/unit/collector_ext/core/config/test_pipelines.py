"""Which way data takes."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import PipelineSettings
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from tests.fakes.documents import read

DEFINED = """
receivers: {otlp: }
processors: {batch: , resource: {attributes: [{key: a, action: delete}]}}
exporters: {debug: , file: {path: /tmp/a}}
service:
  pipelines:
"""


def pipelines(text):
    """The pipelines of a document with a few components; there is nothing to remark."""
    found = read(DEFINED + text)
    assert found.remarks == ()
    return found.pipelines


class TestAPipeline:
    """Is of one signal, by the type in its id."""

    @pytest.mark.parametrize("signal", SIGNALS)
    def test_has_a_signal(self, signal):
        found = pipelines(f"    {signal.name}: {{receivers: [otlp], exporters: [debug]}}")

        assert found == (PipelineSettings(signal.name, signal, (), ("debug",)),)

    def test_may_have_a_name(self):
        found = pipelines("    metrics/2: {receivers: [otlp], exporters: [debug, file, debug]}")

        assert found == (PipelineSettings("metrics/2", METRICS, (), ("debug", "file")),)

    def test_has_its_processors_in_order_without_those_that_do_nothing(self):
        found = pipelines(
            "    logs: {receivers: [otlp], processors: [batch, resource], exporters: [debug]}"
        )

        assert [name for name, _ in found[0].processors] == ["resource"]

    def test_is_one_of_several(self):
        found = pipelines(
            "    traces: {receivers: [otlp], exporters: [debug]}\n"
            "    traces/2: {receivers: [otlp], exporters: [file]}\n"
            "    logs: {receivers: [otlp], exporters: [file]}"
        )

        assert [(p.id, p.signal) for p in found] == [
            ("traces", TRACES),
            ("traces/2", TRACES),
            ("logs", LOGS),
        ]


class TestAPipelineThatLeadsNowhere:
    """Is left out, with a line that says why; the others work."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "trace: {receivers: [otlp], exporters: [debug]}",
                "trace is of no signal that there is here (did you mean traces?); it is left out",
            ),
            (
                "profiles: {receivers: [otlp], exporters: [debug]}",
                "profiles is of no signal that there is here; it is left out",
            ),
            (
                "traces: {exporters: [debug]}",
                "traces has no receiver that there is here; it is left out",
            ),
            (
                "traces: {receivers: [otlp]}",
                "traces has no exporter that can be used; its spans go nowhere",
            ),
            ("traces:", "traces has no receiver that there is here; it is left out"),
        ],
    )
    def test_is_said(self, text, said):
        found = read(f"{DEFINED}    {text}\n    logs: {{receivers: [otlp], exporters: [debug]}}")

        assert [pipeline.id for pipeline in found.pipelines] == ["logs"]
        assert found.remarks == (f"collector.yaml:7: service.pipelines.{said}",)
