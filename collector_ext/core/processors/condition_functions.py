"""The functions that conditions can call.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/ottl/ottlfuncs
"""

from __future__ import annotations

from collector_ext.core.processors import patterns
from collector_ext.core.processors.any_value import as_text
from collector_ext.core.processors.condition_paths import SPAN, Scene, hex_id, path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from collector_ext.core.processors.condition_paths import Reader


def _is_match(arguments: list[Reader]) -> Reader:
    target, pattern = arguments
    compiled = [patterns.compiled(as_text(_constant(pattern)))]

    def function(scene: Scene) -> bool:
        value = target(scene)
        return value is not None and patterns.is_found(compiled, as_text(value))

    return function


def _constant(reader: Reader) -> object:
    """Return the value of an operand that needs no scene.

    Raises:
        ValueError: It needs one.
    """
    try:
        return reader(Scene({}, 0))
    except KeyError:
        message = "a pattern has to be a text"
        raise ValueError(message) from None


def _has_prefix(arguments: list[Reader]) -> Reader:
    target, prefix = arguments
    return lambda scene: _is_text(target(scene), str.startswith, prefix(scene))


def _has_suffix(arguments: list[Reader]) -> Reader:
    target, suffix = arguments
    return lambda scene: _is_text(target(scene), str.endswith, suffix(scene))


def _is_text(value: object, test: Callable[[str, str], bool], part: object) -> bool:
    return isinstance(value, str) and isinstance(part, str) and test(value, part)


def _is_root_span(_arguments: list[Reader]) -> Reader:
    parent = path(["parent_span_id"], [], SPAN)
    return lambda scene: parent.read(scene) == ""


def _id(arguments: list[Reader]) -> Reader:
    def function(scene: Scene) -> str:
        value = arguments[0](scene)
        return hex_id(value) if isinstance(value, bytes) else as_text(value)

    return function


FUNCTIONS: dict[str, tuple[int, Callable[[list[Reader]], Reader]]] = {
    "IsMatch": (2, _is_match),
    "HasPrefix": (2, _has_prefix),
    "HasSuffix": (2, _has_suffix),
    "IsRootSpan": (0, _is_root_span),
    "SpanID": (1, _id),
    "TraceID": (1, _id),
}
"""By name: how many arguments it has, and what makes it of them."""
