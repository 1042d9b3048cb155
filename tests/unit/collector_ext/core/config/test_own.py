"""What would be exported to ourselves is not."""

from __future__ import annotations

from collector_ext.core.config.configuration import Configuration
from collector_ext.core.config.own import without_ourselves
from collector_ext.core.config.variables import configuration_from
from collector_ext.core.otlp import METRICS, TRACES

PORTS = (4318, 40001)
ADVICE = "nothing is exported until OTEL_EXPORTER_OTLP_ENDPOINT names a remote one"


def of(**variables):
    """Return what is left of what the variables say, and what is said."""
    named = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
    return without_ourselves(configuration_from(named), PORTS)


class TestAnEndpointThatIsThisCollector:
    """Users of other layers have http://localhost:4318 there."""

    def test_is_left_out_with_advice(self):
        configuration, said = of(ENDPOINT="http://localhost:4318")

        assert configuration.exporters == {}
        assert said == [f"http://localhost:4318/v1/traces is this collector itself; {ADVICE}"]

    def test_is_known_by_the_port_that_it_really_has(self):
        assert of(ENDPOINT="http://127.0.0.1:40001")[0].exporters == {}

    def test_is_known_by_its_grpc_target(self):
        assert of(ENDPOINT="http://[::1]:4318", PROTOCOL="grpc")[0].exporters == {}

    def test_costs_the_other_signals_nothing(self):
        configuration, said = of(
            TRACES_ENDPOINT="https://a.example/v1/traces",
            METRICS_ENDPOINT="http://127.0.0.1:4318/m",
        )

        (exporter,) = configuration.exporters.values()
        assert set(exporter.destinations) == {TRACES}
        assert said == ["http://127.0.0.1:4318/m is this collector itself; not exported"]

    def test_costs_the_other_signals_nothing_over_grpc(self):
        configuration, _ = of(
            PROTOCOL="grpc", METRICS_ENDPOINT="a.example:4317", LOGS_ENDPOINT="localhost:4318"
        )

        (exporter,) = configuration.exporters.values()
        assert set(exporter.targets) == {METRICS}


class TestAnotherEndpoint:
    """It stays."""

    def test_may_have_our_port_elsewhere(self):
        configuration, said = of(ENDPOINT="http://collector.example:4318")

        assert set(configuration.exporters) == {"otlp_http"}
        assert said == []

    def test_may_be_another_port_here(self):
        assert of(ENDPOINT="http://localhost:4319")[1] == []


class TestNoEndpoint:
    """It is said once."""

    def test_is_said_with_advice(self):
        assert of()[1] == [f"no endpoint is set; {ADVICE}"]

    def test_changes_nothing_else(self):
        empty = Configuration({}, (), None, ("a remark",), ignored=(), secrets=())

        assert without_ourselves(empty, PORTS)[0] == empty
