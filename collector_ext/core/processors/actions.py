"""What is done to attributes: the actions of the processors ``attributes`` and ``resource``.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/attributesprocessor
"""

from __future__ import annotations

import hashlib
import struct

from collector_ext.core.config.kinds import ANYTHING, TEXT, Key, mappings, one_of
from collector_ext.core.config.node import Node
from collector_ext.core.processors import patterns
from collector_ext.core.processors.any_value import (
    INT_MAX,
    INT_MIN,
    as_text,
    read,
    write,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from collector_ext.core.config.section import Section
    from collector_ext.core.processors.otlp_edit import Attributes

    Action = Callable[[Attributes], None]

_WRITES = ("insert", "update", "upsert")
_NAMES = (*_WRITES, "delete", "hash", "extract", "convert")
_TYPES = ("int", "double", "string")

ACTION_KEYS = (
    Key("key", TEXT, "", "the attribute"),
    Key(
        "action",
        one_of(*_NAMES, *(name.upper() for name in _NAMES)),
        "",
        "what is done: insert (if it is not there), update (if it is), upsert (either way), "
        "delete, hash (SHA-256, in hexadecimal), extract (into the attributes that the groups "
        "of the pattern name), convert",
    ),
    Key("value", ANYTHING, None, "what insert, update and upsert write, of any type"),
    Key("from_attribute", TEXT, "", "the attribute whose value they write instead"),
    Key("default_value", ANYTHING, None, "what they write if that attribute is not there"),
    Key("from_context", TEXT, "", "not supported: who sends is on this machine"),
    Key("pattern", TEXT, "", "of the names to delete or hash, or of the value to extract from"),
    Key("converted_type", one_of(*_TYPES), "", "int, double or string"),
)
ACTIONS = mappings(ACTION_KEYS)


def read_actions(sections: tuple[Section, ...]) -> list[Action]:
    """Return the actions, in their order, without those that cannot be used."""
    found = [_read_action(section) for section in sections]
    return [action for action in found if action is not None]


def apply(actions: list[Action], attributes: Attributes) -> None:
    """Do all of it."""
    for action in actions:
        action(attributes)


def _read_action(section: Section) -> Action | None:
    values = section.read(ACTION_KEYS)
    name, key = values["action"].lower(), values["key"]
    if not name:
        section.complain("has no action that is known; it is ignored")
        return None
    if not key and not (values["pattern"] and name in {"delete", "hash"}):
        section.complain("has no key; it is ignored")
        return None
    if name in _WRITES:
        return _read_write(section, name, values)
    if name == "convert":
        return _read_convert(section, key, values["converted_type"])
    return _read_by_pattern(section, name, key, values["pattern"])


def _read_write(section: Section, name: str, values: dict[str, object]) -> Action | None:
    source = str(values["from_attribute"])
    given = [_serialised(section, part, values[part]) for part in ("value", "default_value")]
    value, default = given
    if value is None and not source and default is None:
        missing = "has no value and no from_attribute"
        if values["from_context"]:
            missing = "takes its value from_context, which there is none of here"
        section.complain(f"{missing}; it is ignored")
        return None
    key = str(values["key"])

    def act(attributes: Attributes) -> None:
        written = attributes.get(source) if value is None and source else value
        written = default if written is None else written
        is_there = attributes.get(key) is not None
        if written is not None and is_there in _WHEN_THERE[name]:
            attributes.put(key, written)

    return act


_WHEN_THERE = {"insert": (False,), "update": (True,), "upsert": (True, False)}


def _serialised(section: Section, name: str, node: object) -> bytes | None:
    if not isinstance(node, Node):
        return None
    try:
        return write(plain(node))
    except ValueError as fault:
        section.complain(f"cannot be used: {fault}; it is ignored", name)
        return None


def plain(node: Node) -> object:
    """Return a piece of a document as lists, dictionaries and scalars of Python."""
    if isinstance(node.content, dict):
        return {name: plain(member) for name, member in node.content.items()}
    if isinstance(node.content, tuple):
        return [plain(member) for member in node.content]
    return node.content


def _read_convert(section: Section, key: str, wanted: str) -> Action | None:
    if not wanted:
        section.complain("has no converted_type; it is ignored")
        return None

    def act(attributes: Attributes) -> None:
        found = attributes.get(key)
        if found is not None:
            value = read(found)
            converted = converted_value(value, wanted)
            if type(converted) is not type(value):
                attributes.put(key, write(converted))

    return act


def _read_by_pattern(section: Section, name: str, key: str, pattern: str) -> Action | None:
    found = patterns.read_all(section, "pattern", (pattern,) if pattern else ())
    if name == "extract":
        if found and 0 < found[0].groups == len(found[0].groupindex):
            return _extract(key, found[0])
        section.complain("has no pattern with names for all its groups; it is ignored")
        return None
    if pattern and not found and not key:
        return None
    return (_delete if name == "delete" else _hash)(key, found)


def _delete(key: str, names: list[re.Pattern[str]]) -> Action:
    def act(attributes: Attributes) -> None:
        for found in _matching(attributes, key, names):
            attributes.remove(found)

    return act


def _hash(key: str, names: list[re.Pattern[str]]) -> Action:
    def act(attributes: Attributes) -> None:
        for found in _matching(attributes, key, names):
            attributes.put(found, write(hashed(attributes.value(found))))

    return act


def _matching(attributes: Attributes, key: str, names: list[re.Pattern[str]]) -> list[str]:
    # The key is hashed once even if its name matches too: the Collector hashes it again.
    return [
        found for found in attributes.names() if found == key or patterns.is_found(names, found)
    ]


def _extract(key: str, pattern: re.Pattern[str]) -> Action:
    def act(attributes: Attributes) -> None:
        value = attributes.value(key)
        if not isinstance(value, str):
            return
        match = pattern.search(value, 0, patterns.TEXT_CHARS_MAX)
        for name, part in (match.groupdict(default="") if match else {}).items():
            attributes.put(name, write(part))

    return act


def hashed(value: object) -> str:
    """Return the SHA-256 of a value in hexadecimal; empty for what is empty, a list or a map.

    Of a text its UTF-8, of a truth value one byte, of a number its 8 bytes, little endian.
    """
    content = b""
    if isinstance(value, str):
        content = value.encode("utf-8", "surrogateescape")
    elif isinstance(value, bool):
        content = bytes([value])
    elif isinstance(value, int):
        content = struct.pack("<q", value)
    elif isinstance(value, float):
        content = struct.pack("<d", value)
    return hashlib.sha256(content).hexdigest() if content else ""


def converted_value(value: object, wanted: str) -> object:
    """Return a value as another type; as it is if it cannot be."""
    if wanted == "string":
        return as_text(value)
    if not isinstance(value, (str, int, float)):
        return value
    try:
        if wanted == "double":
            return float(value) if _is_number(value) else value
        whole = int(value) if _is_number(value) else value
    except (ValueError, OverflowError):
        return value
    return whole if isinstance(whole, int) and INT_MIN <= whole <= INT_MAX else value


def _is_number(value: float | str) -> bool:
    """Whether it is one as Go writes them: no spaces around, no ``1_000``."""
    return not isinstance(value, str) or not (set(value) & set(" _\t\n\r") or not value.isascii())
