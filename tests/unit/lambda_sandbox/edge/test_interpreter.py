"""A ``python`` is asked who it really is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lambda_sandbox.edge.interpreter import InterpreterError, interpreter_of


class TestAnInterpreter:
    """The binary beneath any virtual environment, and its version."""

    def test_is_the_real_one(self):
        interpreter = interpreter_of(Path(sys.executable))

        assert interpreter.version == "{}.{}".format(*sys.version_info[:2])
        assert interpreter.executable.is_relative_to(sys.base_prefix)

    @pytest.mark.parametrize("wrong", ["/nowhere/python", "/bin/false", "/bin/echo"])
    def test_is_one(self, wrong):
        with pytest.raises(InterpreterError, match=wrong):
            interpreter_of(Path(wrong))
