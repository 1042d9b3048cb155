"""Names that follow from a function's facts."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.function import ON_DEMAND, FunctionFacts

ARN = "arn:aws:lambda:us-east-1:123456789012:function:hello"


class TestFunctionFacts:
    """As Lambda derives them."""

    @pytest.mark.parametrize(("version", "arn"), [("$LATEST", ARN), ("7", f"{ARN}:7")])
    def test_the_arn_is_qualified_by_a_published_version(self, version, arn):
        facts = FunctionFacts("hello", version, "app.handler", 128, 3.0, "3.13", "stream")

        assert facts.arn == arn

    def test_the_log_group_has_the_functions_name(self):
        facts = FunctionFacts("hello", "7", "app.handler", 128, 3.0, "3.13", "stream")

        assert facts.log_group == "/aws/lambda/hello"
        assert facts.runtime_version == "python:3.13.sandbox"
        assert facts.runtime_version_arn == (
            "arn:aws:lambda:us-east-1::runtime:python:3.13.sandbox"
        )

    def test_the_environment_is_an_ordinary_one_unless_said_otherwise(self):
        facts = FunctionFacts("hello", "7", "app.handler", 128, 3.0, "3.13", "stream")

        assert (facts.initialization_type, facts.max_concurrency) == (ON_DEMAND, 4)
