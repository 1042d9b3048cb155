"""A handler name leads where ``awslambdaric`` would go."""

from __future__ import annotations

import importlib
import sys

import pytest
from awslambdaric.bootstrap import _get_handler  # type: ignore[import-untyped]  # it has none
from awslambdaric.lambda_runtime_exception import (  # type: ignore[import-untyped]  # as above
    FaultException,
)
from hypothesis import given
from hypothesis import strategies as st

from otel_layer.core.handler_name import HandlerNameError, parsed

names = st.text("ab/. _", max_size=12) | st.builds(
    "{}.{}".format, st.sampled_from([*sys.builtin_module_names, "app", "a/b", "a.b"]), st.text("ab")
)


def runtime_s_choice(name):
    """What the runtime imports and then looks up, or the text of its complaint."""
    imported: list[str] = []

    class Module:
        def __getattr__(self, attribute):
            imported.append(attribute)
            return lambda: None

    def import_module(module):
        imported.append(module)
        return Module()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib, "import_module", import_module)
        try:
            _get_handler(name)
        except FaultException as fault:
            return fault.msg
    return imported


def our_choice(name):
    """The same of ours."""
    try:
        where = parsed(name, sys.builtin_module_names)
    except HandlerNameError as fault:
        return str(fault)
    return [where.module, where.attribute]


@given(names)
def test_a_name_is_read_as_the_runtime_reads_it(name):
    assert our_choice(name) == runtime_s_choice(name)
