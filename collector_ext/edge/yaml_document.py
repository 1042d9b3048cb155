"""YAML to nodes, by PyYAML; loaded only when there is a document.

Its pure Python is enough: the layer carries no compiled code.
"""

from __future__ import annotations

import sys

from collector_ext.core.config.node import Node, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIBRARIES = f"{__file__.rpartition('/collector_ext/')[0]}/collector-lib"
"""Where the layer has PyYAML: beside this package, out of the function's sight."""

DEPTH_MAX = 50
NODE_COUNT_MAX = 20_000
"""Of a document with its aliases written out, which may stand for much in few bytes."""

_MERGE = "<<"
_DELIMITER = "::"


class YamlError(ValueError):
    """The text is not YAML that can be used; the message is a clause, with line and column."""


def compose(text: str) -> Node:
    """Return the one document in ``text``.

    Raises:
        YamlError: It is no YAML, or there is no PyYAML here.
    """
    yaml = _yaml()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as fault:
        raise YamlError(_reason(fault)) from fault
    except RecursionError:
        message = "is nested too deeply"
        raise YamlError(message) from None
    return _Conversion(yaml).node(root, 1, 0) if root else scalar("", 1)


class _Conversion:
    """One walk through a document."""

    def __init__(self, yaml: Any) -> None:  # noqa: ANN401 - a module that is loaded late
        self._yaml = yaml
        self._count = 0

    def node(self, found: Any, line: int, depth: int) -> Node:  # noqa: ANN401 - PyYAML's node
        self._count += 1
        if depth > DEPTH_MAX or self._count > NODE_COUNT_MAX:
            message = f"line {line}: is nested too deeply, or too large with its aliases"
            raise YamlError(message)
        if isinstance(found, self._yaml.MappingNode):
            return Node(self._members(found, depth), None, line)
        if isinstance(found, self._yaml.SequenceNode):
            items = tuple(self.node(item, _line(item), depth + 1) for item in found.value)
            return Node(items, None, line)
        return scalar(found.value, line, is_plain=found.style is None)

    def _members(self, found: Any, depth: int) -> dict[str, Node]:  # noqa: ANN401 - PyYAML's node
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for key, value in found.value:
            line = _line(key)
            if key.value == _MERGE and key.style is None:
                merged = {**self._merged(value, line, depth), **merged}
            else:
                _put(own, str(key.value), self.node(value, line, depth + 1))
        return {**merged, **own}

    def _merged(self, value: Any, line: int, depth: int) -> dict[str, Node]:  # noqa: ANN401
        sources = value.value if isinstance(value, self._yaml.SequenceNode) else [value]
        members: dict[str, Node] = {}
        for source in sources:
            node = self.node(source, line, depth + 1)
            members = {**(node.content if isinstance(node.content, dict) else {}), **members}
        return members


def _put(members: dict[str, Node], name: str, node: Node) -> None:
    """Add a member; ``a::b`` is ``b`` within ``a``, as the Collector has it."""
    first, delimiter, rest = name.partition(_DELIMITER)
    if not delimiter:
        members[name] = node
        return
    known = members.get(first)
    inner = dict(known.content) if known and isinstance(known.content, dict) else {}
    _put(inner, rest, node)
    members[first] = Node(inner, None, node.line)


def _line(found: Any) -> int:  # noqa: ANN401 - PyYAML's node
    return int(found.start_mark.line) + 1


def _reason(fault: Any) -> str:  # noqa: ANN401 - PyYAML's errors share no typed base
    mark = getattr(fault, "problem_mark", None)
    what = getattr(fault, "problem", None) or getattr(fault, "reason", None) or "unreadable"
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}{what}"


def _yaml() -> Any:  # noqa: ANN401 - a module that is loaded late
    try:
        return _imported()
    except ModuleNotFoundError:
        sys.path.append(LIBRARIES)
    try:
        return _imported()
    except ModuleNotFoundError:
        message = "PyYAML, which reads it, is not in this layer"
        raise YamlError(message) from None


def _imported() -> Any:  # noqa: ANN401 - a module that is loaded late
    import yaml  # noqa: PLC0415 - 20 ms: only when there is a document

    return yaml
