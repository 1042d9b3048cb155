"""What Lambda would say to a function."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.function import Function, check


def function(**kwargs):
    return Function(**{"task": Path(__file__).parent, "handler": "app.handler", **kwargs})


class TestAFunction:
    """Is accepted as Lambda accepts one."""

    @pytest.mark.parametrize(
        "facts",
        [
            {"name": "x" * 64, "memory_mb": 128, "timeout_s": 900.0, "version": "12"},
            {"name": "Az0-_", "memory_mb": 10_240, "timeout_s": 0.01, "version": "$LATEST"},
            {"version": "$LATEST.PUBLISHED"},
        ],
    )
    def test_is_accepted(self, facts):
        check(function(**facts))


class TestAFunctionThatLambdaWouldRefuse:
    """Is refused in one sentence."""

    @pytest.mark.parametrize("name", ["", "x" * 65, "a b", "ä", "a\n", "a:1"])
    def test_has_such_a_name(self, name):
        with pytest.raises(SandboxError, match="names have letters, digits, hyphens and"):
            check(function(name=name))

    @pytest.mark.parametrize("version", ["", "live", "1\n", "$LATEST "])
    def test_has_such_a_version(self, version):
        with pytest.raises(SandboxError, match=r"a function's version is \$LATEST or a number"):
            check(function(version=version))

    @pytest.mark.parametrize("memory_mb", [127, 10_241, -1])
    def test_has_as_much_memory(self, memory_mb):
        with pytest.raises(SandboxError, match="a function has 128 to 10240 MB of memory"):
            check(function(memory_mb=memory_mb))

    @pytest.mark.parametrize("timeout_s", [0, -1.0, 900.5, math.inf, math.nan])
    def test_has_such_a_timeout(self, timeout_s):
        with pytest.raises(SandboxError, match="a function's timeout is more than 0 and up to 900"):
            check(function(timeout_s=timeout_s))
