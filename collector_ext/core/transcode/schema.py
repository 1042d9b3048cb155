"""How a table describes a message: the number of each field, its name in JSON, and its type.

Of one type ``one`` is a field with a default value, ``maybe`` one that can be absent,
``either`` a member of the message's only ``oneof``, ``many`` a list.
"""

from __future__ import annotations

from collector_ext.core.transcode.kinds import Kind
from collector_ext.core.wire import LENGTH_DELIMITED, varint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = tuple[int, str, "Kind | str", int]

ONE, MAYBE, EITHER, MANY = range(4)

DEPTH_MAX = 100
"""Messages in messages, the request included: protobuf's own limit, beyond which no endpoint
reads on."""


class Message:
    """One type of message."""

    __slots__ = ("by_name", "by_number", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.by_number: dict[int, Field] = {}
        self.by_name: dict[str, Field] = {}  # as JSON spells it, and as protobuf does


class Field:
    """One field of a message; its wire type is that of a single value."""

    __slots__ = ("json_name", "label", "number", "tag", "tag_packed", "type", "wire_type")

    def __init__(self, number: int, json_name: str, type_: Kind | Message, label: int) -> None:
        self.number = number
        self.json_name = json_name
        self.type = type_
        self.label = label
        self.tag_packed = varint(number << 3 | LENGTH_DELIMITED)
        self.wire_type = type_.wire_type if isinstance(type_, Kind) else LENGTH_DELIMITED
        self.tag = varint(number << 3 | self.wire_type)


def one(number: int, json_name: str, type_: Kind | str) -> Row:
    """Return a row of a field that is left out when it has its default value."""
    return number, json_name, type_, ONE


def maybe(number: int, json_name: str, type_: Kind | str) -> Row:
    """Return a row of a field whose default value is another thing than its absence."""
    return number, json_name, type_, MAYBE


def either(number: int, json_name: str, type_: Kind | str) -> Row:
    """Return a row of a field that excludes the others of this label."""
    return number, json_name, type_, EITHER


def many(number: int, json_name: str, type_: Kind | str) -> Row:
    """Return a row of a list."""
    return number, json_name, type_, MANY


def _as_protobuf_spells(json_name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in json_name)


def messages_of(tables: Mapping[str, tuple[Row, ...]]) -> dict[str, Message]:
    """Return the messages that tables describe, by their names.

    Args:
        tables: A type that is not scalar is the name of another table.
    """
    messages = {name: Message(name) for name in tables}
    for name, rows in tables.items():
        message = messages[name]
        for number, json_name, type_, label in rows:
            of = messages[type_] if isinstance(type_, str) else type_
            field = Field(number, json_name, of, label)
            message.by_number[number] = field
            message.by_name[_as_protobuf_spells(json_name)] = field
            message.by_name[json_name] = field
    return messages
