"""The functions that conditions can call."""

from __future__ import annotations

import pytest

from collector_ext.core.processors.condition_functions import FUNCTIONS
from collector_ext.core.processors.condition_paths import SPAN, Scene
from tests.fakes.telemetry_requests import span


def constant(value):
    """An operand that is the same in every scene."""
    return lambda _scene: value


def called(name, *arguments, scene=None):
    """What a function returns for these constants."""
    arity, make = FUNCTIONS[name]
    assert arity == len(arguments)
    return make([constant(value) for value in arguments])(scene or Scene({}, 0))


@pytest.mark.parametrize(
    ("name", "arguments", "result"),
    [
        ("IsMatch", ("abc", "b"), True),
        ("IsMatch", ("abc", "^b"), False),
        ("IsMatch", (12.0, "^12$"), True),
        ("IsMatch", (None, ".*"), False),
        ("HasPrefix", ("abc", "ab"), True),
        ("HasPrefix", ("abc", "b"), False),
        ("HasPrefix", (None, "b"), False),
        ("HasSuffix", ("abc", "bc"), True),
        ("HasSuffix", ("abc", 1), False),
        ("SpanID", (b"\1\2",), "0102"),
        ("SpanID", (bytes(8),), ""),
        ("TraceID", ("ab",), "ab"),
    ],
)
def test_a_function_returns(name, arguments, result):
    assert called(name, *arguments) == result


@pytest.mark.parametrize(("parent", "is_root"), [(b"", True), (bytes(8), True), (b"\1", False)])
def test_a_root_span_has_no_parent(parent, is_root):
    scene = Scene({SPAN: span(parent_span_id=parent).SerializeToString()}, 0)

    assert called("IsRootSpan", scene=scene) is is_root


def test_a_pattern_has_to_be_a_text():
    with pytest.raises(ValueError, match="a pattern has to be a text"):
        FUNCTIONS["IsMatch"][1]([lambda _scene: "a", lambda scene: scene.messages["span"]])
