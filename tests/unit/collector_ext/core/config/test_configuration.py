"""What exporters are called: never with a secret."""

from __future__ import annotations

from collector_ext.core.config.configuration import Debug, File
from collector_ext.core.config.naming import names_of
from collector_ext.core.config.variables import configuration_from
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES


def names(**variables):
    named = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    (exporter,) = configuration_from(named).exporters.values()
    return names_of(exporter)


class TestANameOfAnExporter:
    """It is where each signal goes."""

    def test_is_a_url_without_its_query(self):
        assert names(TRACES_ENDPOINT="https://u:p@a.example/t?key=secret") == {
            TRACES: "https://a.example/t"
        }

    def test_is_a_target_of_grpc(self):
        assert names(METRICS_ENDPOINT="https://a.example:4317", PROTOCOL="grpc") == {
            METRICS: "grpc://a.example:4317"
        }

    def test_is_the_log(self):
        assert names_of(Debug("debug", "basic")) == dict.fromkeys(SIGNALS, "the log")

    def test_is_a_path(self):
        assert names_of(File("file", "/var/spans.json", is_json=True))[LOGS] == "/var/spans.json"
