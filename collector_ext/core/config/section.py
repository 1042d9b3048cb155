"""One mapping of a document, read by a table of keys; what is wrong with it is said by line."""

from __future__ import annotations

from collector_ext.core.config import kinds
from collector_ext.core.config.kinds import IGNORED, Key, shown
from collector_ext.core.config.node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Remarks:
    """What is said about one document, each sentence once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._complaints: dict[str, None] = {}
        self._ignored: dict[str, None] = {}

    @property
    def complaints(self) -> tuple[str, ...]:
        """What could not be used, in the order it was found."""
        return tuple(self._complaints)

    @property
    def ignored(self) -> tuple[str, ...]:
        """What is known, and means nothing here."""
        return tuple(self._ignored)

    def complain(self, line: int, sentence: str) -> None:
        """Note what cannot be used, and what follows."""
        self._complaints[f"{self.file}:{line}: {sentence}"] = None

    def ignore(self, line: int, sentence: str) -> None:
        """Note what means nothing here, and why."""
        self._ignored[f"{self.file}:{line}: {sentence}"] = None


class Section:
    """One mapping.

    Args:
        node: The mapping, or nothing at all.
        place: The keys on the way to it, with points between: ``exporters.otlp_http/x``.
        remarks: Where what is wrong is noted.
    """

    def __init__(self, node: Node, place: str, remarks: Remarks) -> None:
        self.node = node
        self.place = place
        self.remarks = remarks

    @property
    def id(self) -> str:
        """The last key of its place: of a component its id, ``otlp_http/x``."""
        return self.place.rpartition(".")[2]

    def read(self, keys: tuple[Key, ...]) -> dict[str, Any]:
        """Return a value for each key: as it is set, or by default.

        Keys that are not known and values that are not of their key's kind are noted and
        left out. Mappings become a `Section`, or None; lists of mappings a tuple of them.
        """
        by_name = {key.name: key for key in keys}
        values = {key.name: key.default for key in keys if key.kind is not IGNORED}
        mapping = self.node.mapping
        if mapping is None:
            self.complain("is not a mapping; it is read as an empty one")
            return values
        for name, node in mapping.items():
            key = by_name.get(name)
            if key is None:
                guess = did_you_mean(name, by_name)
                self.complain(f"is not a key that is known here{guess}; it is ignored", name)
            elif key.kind is IGNORED:
                self.ignore(f"is ignored: {key.meaning}", name)
            elif node.content is not None:
                values[name] = self._value(key, node)
        return values

    def complain(self, sentence: str, name: str = "") -> None:
        """Note what is wrong with this section, or with its key ``name``."""
        self.remarks.complain(self._line(name), f"{self._path(name)} {sentence}")

    def ignore(self, sentence: str, name: str = "") -> None:
        """Note that this section, or its key ``name``, means nothing here."""
        self.remarks.ignore(self._line(name), f"{self._path(name)} {sentence}")

    def is_set(self, name: str) -> bool:
        """Whether the key has a value."""
        node = (self.node.mapping or {}).get(name)
        return node is not None and node.content is not None

    def _line(self, name: str) -> int:
        node = (self.node.mapping or {}).get(name)
        return node.line if node else self.node.line

    def _path(self, name: str) -> str:
        return ".".join(part for part in (self.place, name) if part)

    def _value(self, key: Key, node: Node) -> object:
        try:
            value = key.kind.convert(node)
        except (ValueError, KeyError, OverflowError):
            found = f"is {shown(node, key.kind)}, which is not {key.kind.name}"
            self.complain(f"{found}; {_instead(key)}", key.name)
            return key.default
        place = self._path(key.name)
        if key.kind.name == kinds.MAPPING:
            return Section(node, place, self.remarks)
        if key.kind.name == kinds.LIST_OF_MAPPINGS and isinstance(node.content, tuple):
            return tuple(
                Section(item, f"{place}[{index}]", self.remarks)
                for index, item in enumerate(node.content)
            )
        return value


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` for a name that is nearly a known one, else nothing."""
    import difflib  # noqa: PLC0415 - 5 ms: only for a document that has a fault

    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


def _instead(key: Key) -> str:
    if key.default in (None, (), ""):
        return "it is ignored"
    if isinstance(key.default, bool):
        return f"using {str(key.default).lower()}"
    unit = "s" if key.kind is kinds.DURATION else ""
    return (
        f"using {key.default:g}{unit}" if isinstance(key.default, float) else f"using {key.default}"
    )
