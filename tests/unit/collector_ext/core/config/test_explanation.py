"""The configuration in words."""

from __future__ import annotations

from collector_ext.core.config import explanation
from collector_ext.core.config.configuration import ExporterSettings
from tests.fakes.documents import read

DOCUMENT = """
receivers: {otlp: {protocols: {grpc: }}}
processors: {resource: {attributes: [{key: a, action: delete}]}}
exporters:
  debug:
  otlp_http/a: {endpoint: 'https://a.example/otlp?key=hunter2'}
  otlp_http/b: {traces_endpoint: 'http://b.example/t'}
  otlp_grpc: {endpoint: 'c.example'}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [resource]
      exporters: [otlp_http/a, otlp_http/b, debug]
    logs: {receivers: [otlp], exporters: [otlp_grpc, otlp_http/b]}
"""


class TestPipelines:
    """Are blocks of lines: what comes in, what is done, where it goes."""

    def test_are_told(self):
        assert explanation.pipelines(read(DOCUMENT), "4318") == [
            "traces",
            "    OTLP/HTTP on 127.0.0.1:4318, OTLP/gRPC on 127.0.0.1:4317",
            "    -> resource",
            "    => otlp_http/a: https://a.example/otlp/v1/traces",
            "    => otlp_http/b: http://b.example/t",
            "    => debug: the log",
            "logs",
            "    OTLP/HTTP on 127.0.0.1:4318, OTLP/gRPC on 127.0.0.1:4317",
            "    => otlp_grpc: grpc://c.example:4317",
            "    => otlp_http/b: nowhere: it has no endpoint for these",
        ]


class Spoken(ExporterSettings):
    """Settings that are asked what they say."""

    def rows(self):
        return [("a", "1"), ("longer", "2")]


class TestSettings:
    """Are what an exporter says of them, in columns under its id."""

    def test_are_told(self):
        assert explanation.settings(Spoken("spoken/x")) == [
            "spoken/x",
            "    a       1",
            "    longer  2",
        ]
