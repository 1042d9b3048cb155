"""Whose the collector's own telemetry is."""

from __future__ import annotations

from collector_ext.core.config.resource import resource_of

LAMBDA = {
    "AWS_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "hello",
    "AWS_LAMBDA_FUNCTION_VERSION": "7",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[7]abc",
}


class TestTheResource:
    """It is the function's, in the words of the conventions."""

    def test_is_what_lambda_says_of_the_function(self):
        assert resource_of(LAMBDA) == {
            "cloud.provider": "aws",
            "cloud.platform": "aws_lambda",
            "cloud.region": "eu-central-1",
            "faas.name": "hello",
            "faas.version": "7",
            "faas.instance": "2026/11/23/[7]abc",
            "service.name": "hello",
        }

    def test_leaves_out_what_is_not_known(self):
        assert resource_of({}) == {
            "cloud.provider": "aws",
            "cloud.platform": "aws_lambda",
            "service.name": "unknown_service",
        }

    def test_what_is_configured_wins(self):
        variables = {**LAMBDA, "OTEL_RESOURCE_ATTRIBUTES": "team=a%20b, faas.name=other,x"}

        found = resource_of(variables)

        assert (found["team"], found["faas.name"]) == ("a b", "other")

    def test_the_name_of_the_service_has_a_variable_of_its_own(self):
        variables = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a", "OTEL_SERVICE_NAME": "b"}

        assert resource_of(variables)["service.name"] == "b"
