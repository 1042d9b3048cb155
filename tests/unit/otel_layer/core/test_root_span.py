"""What the root span says about its invocation."""

from __future__ import annotations

import pytest

from otel_layer.core.root_span import attributes, is_cold_start

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:hello"


class TestAttributes:
    """Those of the semantic conventions for AWS Lambda."""

    def test_an_invocation_is_described(self):
        assert attributes("request-1", ARN, "$LATEST", coldstart=True) == {
            "faas.invocation_id": "request-1",
            "faas.coldstart": True,
            "cloud.account.id": "123456789012",
            "cloud.resource_id": ARN,
            "aws.lambda.invoked_arn": ARN,
        }

    def test_the_resource_is_the_version_that_an_alias_leads_to(self):
        described = attributes("request-1", f"{ARN}:live", "7", coldstart=False)

        assert described["cloud.resource_id"] == f"{ARN}:7"
        assert described["aws.lambda.invoked_arn"] == f"{ARN}:live"

    def test_without_a_version_the_qualifier_stays(self):
        described = attributes("request-1", f"{ARN}:live", "", coldstart=False)

        assert described["cloud.resource_id"] == f"{ARN}:live"

    @pytest.mark.parametrize("arn", [None, "", "hello", "arn:aws:lambda"])
    def test_without_a_whole_arn_nothing_is_made_up(self, arn):
        assert attributes("request-1", arn, "1", coldstart=False) == {
            "faas.invocation_id": "request-1",
            "faas.coldstart": False,
        }


class TestAColdStart:
    """The environment was started because of this invocation."""

    @pytest.mark.parametrize("initialization_type", ["", "on-demand", "snap-start"])
    def test_the_first_invocation_is_one(self, initialization_type):
        assert is_cold_start(initialization_type, first=True)

    def test_a_later_one_is_not(self):
        assert not is_cold_start("on-demand", first=False)

    @pytest.mark.parametrize(
        "initialization_type", ["provisioned-concurrency", "lambda-managed-instances"]
    )
    def test_an_environment_that_was_started_ahead_has_none(self, initialization_type):
        assert not is_cold_start(initialization_type, first=True)
