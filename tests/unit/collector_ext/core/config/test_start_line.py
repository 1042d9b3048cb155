"""The one line of a start."""

from __future__ import annotations

from collector_ext.core.config.configuration import (
    Configuration,
    ExporterSettings,
    PipelineSettings,
)
from collector_ext.core.config.start_line import start_line
from collector_ext.core.config.variables import configuration_from
from collector_ext.core.otlp import LOGS
from collector_ext.edge.senders.debug import Debug
from collector_ext.version import VERSION


def line(**variables):
    named = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    configuration = configuration_from(named)
    return start_line(configuration, configuration.exporters)


class TestTheStartLine:
    """It says what is exported where, and how; it holds no secret."""

    def test_names_the_endpoint_once_for_all_its_signals(self):
        where = "traces, metrics, logs to https://api.example"

        assert line(ENDPOINT="https://api.example") == (
            f"version {VERSION} exports {where} (http/protobuf)"
        )

    def test_names_each_endpoint(self):
        found = line(TRACES_ENDPOINT="https://a.example/t", LOGS_ENDPOINT="https://b.example/l")

        assert "traces to https://a.example/t and logs to https://b.example/l (" in found

    def test_names_headers_and_not_their_values(self):
        found = line(ENDPOINT="https://api.example", HEADERS="X-Team=secret,b=other")

        assert found.endswith("(http/protobuf, headers x-team b)")
        assert "secret" not in found

    def test_names_the_protocol(self):
        assert line(ENDPOINT="https://a.example", PROTOCOL="http/json").endswith("(http/json)")
        assert line(ENDPOINT="https://a.example:4317", PROTOCOL="grpc").endswith("(grpc)")

    def test_names_the_log(self):
        pipeline = PipelineSettings("logs/second", LOGS, (), ("debug",))
        exporters: dict[str, ExporterSettings] = {"debug": Debug("debug", "basic")}
        debug = Configuration(exporters, (pipeline,), None, (), ignored=(), secrets=())

        assert start_line(debug, ["debug"]) == (
            f"version {VERSION} exports logs to the log (debug)"
        )
