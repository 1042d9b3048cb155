"""What a key's value may be, how it is written, and what is made of it.

Durations are Go's: https://pkg.go.dev/time#ParseDuration
"""

from __future__ import annotations

from collector_ext.core.config.node import Node
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {
    "": 1,
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_TRUTH = {"true": True, "false": False}
_INFINITY = float("inf")
_SHOWN_MAX = 40  # characters of a value in a message


class Kind(Value):
    """A type of values."""

    name: str  # with its article, as in messages and in the documentation
    convert: Callable[[Node], object]  # raises ValueError for what it is not
    is_secret: bool  # its values are never shown
    keys: tuple[Key, ...]  # of a mapping or of the mappings in a list; else none


class Key(Value):
    """One key of a component, as it is read, and as it is documented."""

    name: str
    kind: Kind
    default: object  # as `convert` returns it; `None` for none
    meaning: str  # for the documentation: one clause


def _text(node: Node) -> str:
    if node.text is None:
        raise ValueError
    return node.text


def _flag(node: Node) -> bool:
    if isinstance(node.content, bool):
        return node.content
    if _text(node).lower() not in _TRUTH:
        raise ValueError
    return _TRUTH[_text(node).lower()]


def _integer(node: Node) -> int:
    return int(_text(node))


def _count(node: Node) -> int:
    number = int(_text(node))
    if number < 1:
        raise ValueError
    return number


def _number(node: Node) -> float:
    number = float(_text(node))
    if not -_INFINITY < number < _INFINITY:
        raise ValueError
    return number


def _value(node: Node) -> object:
    if not node.is_scalar:
        raise ValueError
    return node.content


def _texts(node: Node) -> tuple[str, ...]:
    if node.is_scalar:  # Between commas, as the Collector has it.
        return tuple(part.strip() for part in _text(node).split(",") if part.strip())
    if not isinstance(node.content, tuple):
        raise ValueError  # noqa: TRY004 - what all converters raise
    return tuple(_text(item) for item in node.content)


def _text_map(node: Node) -> dict[str, str]:
    """Of a mapping, or of the list of ``name`` and ``value`` that newer Collectors take."""
    if isinstance(node.content, dict):
        return {name: _text(value) for name, value in node.content.items()}
    if not isinstance(node.content, tuple):
        raise ValueError  # noqa: TRY004 - what all converters raise
    members = [item.mapping or {} for item in node.content]
    if any("name" not in member or "value" not in member for member in members):
        raise ValueError
    return {_text(member["name"]): _text(member["value"]) for member in members}


def _duration_s(node: Node) -> float:
    return duration_s(_text(node))


def _size_bytes(node: Node) -> int:
    number, unit = _number_and_unit(_text(node).strip())
    return int(number * _BYTES[unit.strip()])


def _anything(node: Node) -> object:
    return node


def duration_s(text: str) -> float:
    """Return the seconds of a duration such as ``200ms``, ``1m30s`` or ``0``.

    Raises:
        ValueError: It is none.
    """
    rest = text.strip().removeprefix("+")
    if rest == "0":
        return 0.0
    seconds = 0.0
    while rest:
        number, rest = _number_and_unit(rest)
        length = len(rest) - len(rest.lstrip("nuµmsh"))
        # m and s both begin units: the longest that is one.
        unit = next((u for u in (rest[:2], rest[:1]) if length and u in _SECONDS), "")
        seconds += number * _SECONDS.get(unit, float("nan"))
        rest = rest[len(unit) :]
    if not text.strip() or seconds != seconds:  # noqa: PLR0124 - a unit was missing
        raise ValueError
    return seconds


def _number_and_unit(text: str) -> tuple[float, str]:
    rest = text.lstrip("0123456789.")
    return float(text[: len(text) - len(rest)]), rest


def shown(node: Node, kind: Kind) -> str:
    """Return a value for a message: shortened, and never a secret."""
    if kind.is_secret:
        return "the value"
    if node.text is None:
        return "the mapping" if isinstance(node.content, dict) else "the list"
    text = node.text if len(node.text) <= _SHOWN_MAX else node.text[:_SHOWN_MAX] + "…"
    return repr(text)


TEXT = Kind("a text", _text, is_secret=False, keys=())
SECRET = Kind("a text", _text, is_secret=True, keys=())
FLAG = Kind("true or false", _flag, is_secret=False, keys=())
INTEGER = Kind("a whole number", _integer, is_secret=False, keys=())
COUNT = Kind("a whole number from 1", _count, is_secret=False, keys=())
NUMBER = Kind("a number", _number, is_secret=False, keys=())
DURATION = Kind("a duration such as 200ms or 1m30s", _duration_s, is_secret=False, keys=())
SIZE = Kind("a size in bytes, or such as 20MiB", _size_bytes, is_secret=False, keys=())
VALUE = Kind("a text, a number, true or false", _value, is_secret=False, keys=())
TEXTS = Kind("a list of texts", _texts, is_secret=False, keys=())
HEADERS = Kind("a mapping of texts", _text_map, is_secret=True, keys=())
TEXT_MAP = Kind("a mapping of texts", _text_map, is_secret=False, keys=())
ANYTHING = Kind("anything", _anything, is_secret=False, keys=())
"""Its value is the `Node` itself."""

IGNORED = Kind("ignored", _anything, is_secret=False, keys=())
"""A key that the Collector has and that means nothing here; why is in its meaning."""

MAPPING = "a mapping"
LIST_OF_MAPPINGS = "a list of mappings"


def ignored(name: str, why: str) -> Key:
    """Return a key that the Collector has and that means nothing here."""
    return Key(name, IGNORED, None, why)


def one_of(*choices: str) -> Kind:
    """Return the kind of a text that is one of these."""

    def convert(node: Node) -> str:
        if _text(node) not in choices:
            raise ValueError
        return _text(node)

    return Kind(f"one of {', '.join(choices)}", convert, is_secret=False, keys=())


def mapping(keys: tuple[Key, ...]) -> Kind:
    """Return the kind of a mapping of these keys; its value is a `Section`, or None."""
    return Kind(MAPPING, _mapping, is_secret=False, keys=keys)


def mappings(keys: tuple[Key, ...]) -> Kind:
    """Return the kind of a list of mappings of these keys; its value is a tuple of `Section`."""
    return Kind(LIST_OF_MAPPINGS, _mappings, is_secret=False, keys=keys)


def _mapping(node: Node) -> Node:
    if node.mapping is None:
        raise ValueError
    return node


def _mappings(node: Node) -> tuple[Node, ...]:
    if not isinstance(node.content, tuple) or any(n.mapping is None for n in node.content):
        raise ValueError
    return node.content
