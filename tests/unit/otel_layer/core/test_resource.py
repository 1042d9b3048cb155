"""Who sends the spans: what Lambda says about the function, and what its owner says."""

from __future__ import annotations

import pytest

from otel_layer.core.resource import attributes, configured_attributes

LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "hello",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[$LATEST]abc",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_REGION": "eu-central-1",
}


def described(environ=LAMBDA, configured=()):
    return attributes(environ, "1.45.1", dict(configured))


class TestOnLambda:
    """Everything is in the environment."""

    def test_the_function_is_described(self):
        assert described() == {
            "service.name": "hello",
            "faas.name": "hello",
            "faas.version": "$LATEST",
            "faas.instance": "2026/11/23/[$LATEST]abc",
            "faas.max_memory": 134217728,
            "cloud.provider": "aws",
            "cloud.platform": "aws_lambda",
            "cloud.region": "eu-central-1",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.1",
            "telemetry.distro.name": "otel-layer",
            "telemetry.distro.version": "0.1.0",
        }

    def test_under_snapstart_there_is_no_instance(self):
        environ = {k: v for k, v in LAMBDA.items() if k != "AWS_LAMBDA_LOG_STREAM_NAME"}

        assert "faas.instance" not in described(environ)

    @pytest.mark.parametrize("memory", ["", "a lot", "-1"])
    def test_a_memory_size_that_is_no_number_is_left_out(self, memory):
        assert "faas.max_memory" not in described(
            LAMBDA | {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}
        )


class TestTheServiceName:
    """``OTEL_SERVICE_NAME``, else ``OTEL_RESOURCE_ATTRIBUTES``, else the function's name."""

    def test_its_own_variable_comes_first(self):
        environ = LAMBDA | {"OTEL_SERVICE_NAME": "shop"}

        assert described(environ, {"service.name": "other"})["service.name"] == "shop"

    def test_then_the_configured_attribute(self):
        assert described(configured={"service.name": "other"})["service.name"] == "other"

    def test_outside_lambda_it_is_what_the_specification_prescribes(self):
        assert described({})["service.name"] == "unknown_service:python"


class TestConfiguredAttributes:
    """``OTEL_RESOURCE_ATTRIBUTES``."""

    def test_they_win_over_what_was_detected(self):
        assert described(configured={"cloud.region": "mars"})["cloud.region"] == "mars"

    def test_pairs_are_separated_by_commas(self):
        assert configured_attributes("a=1, b = two=2 ,") == ({"a": "1", "b": "two=2"}, [])

    def test_keys_and_values_are_percent_decoded(self):
        assert configured_attributes("team%2Cname=a%3Db%20c") == ({"team,name": "a=b c"}, [])

    def test_what_is_no_pair_is_told_apart(self):
        assert configured_attributes("a,=b,c=3") == ({"c": "3"}, ["a", "=b"])

    def test_unset_it_is_nothing(self):
        assert configured_attributes("") == ({}, [])
