"""What can be said of exporters: never with a secret."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import ExporterSettings, SigV4Auth, type_of
from collector_ext.core.config.variables import configuration_from
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES

HTTP = {"ENDPOINT": "http://a.example:1", "LOGS_ENDPOINT": "http://b.example:2/l"}
GRPC = {"ENDPOINT": "a.example:1", "LOGS_ENDPOINT": "b.example:2", "PROTOCOL": "grpc"}


def exporter(**variables):
    named = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    (found,) = configuration_from(named).exporters.values()
    return found


def names(**variables):
    return exporter(**variables).names()


class TestAnId:
    """Is a type, or a type and a name."""

    @pytest.mark.parametrize(
        ("component_id", "component_type"),
        [("otlp_http", "otlp_http"), ("otlp_http/x", "otlp_http"), ("a / b/c", "a")],
    )
    def test_begins_with_its_type(self, component_id, component_type):
        assert type_of(component_id) == component_type


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


class TestAnExporterOfOtlp:
    """It says of itself what others need to know of it, over HTTP and gRPC alike."""

    @pytest.mark.parametrize(
        ("variables", "manner"),
        [
            (HTTP, ["http/protobuf"]),
            ({**HTTP, "PROTOCOL": "http/json"}, ["http/json"]),
            ({**GRPC, "HEADERS": "A=hunter2,b=hunter2"}, ["grpc", "headers a b"]),
        ],
    )
    def test_says_its_protocol_and_its_headers_by_name(self, variables, manner):
        assert exporter(**variables).manner() == manner

    def test_says_who_signs(self):
        found = exporter(**HTTP)
        signed = type(found)(**{**found.__dict__, "auth": SigV4Auth("r", "xray", "")})

        assert signed.manner() == ["http/protobuf", "SigV4Auth"]

    @pytest.mark.parametrize("variables", [HTTP, GRPC])
    def test_takes_as_long_as_its_most_patient_signal(self, variables):
        assert exporter(**variables, TIMEOUT="2000", LOGS_TIMEOUT="3000").timeout_s_max() == 3.0

    @pytest.mark.parametrize("variables", [HTTP, GRPC])
    def test_knows_its_peers(self, variables):
        a, b = ("a.example", 1), ("b.example", 2)

        assert exporter(**variables).peers() == {TRACES: a, METRICS: a, LOGS: b}

    @pytest.mark.parametrize("variables", [HTTP, GRPC])
    def test_may_lose_signals(self, variables):
        left = exporter(**variables).without({TRACES, METRICS})

        assert left is not None
        assert left.peers() == {LOGS: ("b.example", 2)}

    @pytest.mark.parametrize("variables", [HTTP, GRPC])
    def test_is_nothing_without_all_its_signals(self, variables):
        assert exporter(**variables).without(set(SIGNALS)) is None


class Plain(ExporterSettings):
    """Settings that say no more than they have to."""


class TestAnExporterThatSaysNothingElse:
    """It waits for nobody."""

    def test_is_told_by_its_type(self):
        assert Plain("plain/x").manner() == ["plain"]

    def test_takes_no_time(self):
        assert Plain("plain/x").timeout_s_max() == 0.0

    def test_has_no_peers(self):
        assert Plain("plain/x").peers() == {}

    def test_is_left_out_in_whole_when_a_peer_of_it_is_the_collector(self):
        assert Plain("plain/x").without({TRACES}) is None
