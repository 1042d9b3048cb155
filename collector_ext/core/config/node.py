"""A piece of a YAML document as a value that knows its line."""

from __future__ import annotations

from collector_ext.core.value import Value

Scalar = str | int | float | bool | None

_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUTH = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_DIGITS = set("0123456789")


class Node(Value):
    """A mapping, a list or a scalar."""

    content: dict[str, Node] | tuple[Node, ...] | Scalar
    text: str | None  # as it was written: of a scalar, and of what a reference stood for
    line: int  # from 1; of a mapping's member the line of its key

    @property
    def mapping(self) -> dict[str, Node] | None:
        """The members, if it is a mapping or nothing at all."""
        if self.content is None:
            return {}
        return self.content if isinstance(self.content, dict) else None

    @property
    def is_scalar(self) -> bool:
        """Whether it has no parts."""
        return not isinstance(self.content, dict | tuple)


NOTHING = Node({}, None, 0)
"""What an absent mapping is read as."""


def scalar(text: str, line: int, *, is_plain: bool = True) -> Node:
    """Return a scalar of the type that its text has by YAML 1.2's core schema.

    The Collector's, in which ``yes`` and ``on`` are text; PyYAML's own types are YAML 1.1's.

    Source: https://yaml.org/spec/1.2.2/#103-core-schema
    """
    return Node(_typed(text) if is_plain else text, text, line)


def _typed(text: str) -> Scalar:
    if text in _NULLS:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if not _DIGITS.intersection(text) or "_" in text:
        return text
    try:
        return _integer(text)
    except ValueError:
        return _float(text)


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in {"0x", "0o"} else int(text)


def _float(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
