"""A document checked against a schema: as much of JSON Schema as the APIs need.

The first thing that is wrong is told, in the order of the schema's keywords, in the words of
the validator that Lambda's own emulator for Managed Instances uses.

Source: https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a document.

    Attributes:
        instance: Where in the document, as a JSON pointer; empty for all of it.
        keyword: Which rule of the schema, as a JSON pointer.
        message: What is wrong there.
    """

    instance: str
    keyword: str
    message: str


def first_violation(
    value: object, schema: Schema, instance: str = "", keyword: str = ""
) -> Violation | None:
    """Check a document.

    Args:
        value: What ``json.loads`` made of it.
        schema: Keywords and their rules. A ``type`` comes first: what follows relies on it.
        instance: Where ``value`` is in the whole document.
        keyword: Where ``schema`` is in the whole schema.

    Returns:
        The first violation; None for a valid document.
    """
    for name, rule in schema.items():
        violation = _CHECKS[name](value, rule, instance, f"{keyword}/{name}")
        if violation:
            return violation
    return None


def type_name(value: object) -> str:
    """Return what JSON Schema calls the type of a value; ``1.0`` is an integer."""
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    return {int: "integer", str: "string", list: "array", dict: "object"}[type(value)]


def _type(value: object, rule: str, instance: str, keyword: str) -> Violation | None:
    found = type_name(value)
    message = f"expected {rule}, but got {found}"
    return None if found == rule else Violation(instance, keyword, message)


def _enum(value: object, rule: tuple[str, ...], instance: str, keyword: str) -> Violation | None:
    names = ", ".join(f'"{name}"' for name in rule)
    message = f"value must be {names}" if len(rule) == 1 else f"value must be one of {names}"
    return None if value in rule else Violation(instance, keyword, message)


def _minimum(value: float, rule: int, instance: str, keyword: str) -> Violation | None:
    message = f"must be >= {rule} but found {value}"
    return None if value >= rule else Violation(instance, keyword, message)


def _maximum(value: float, rule: int, instance: str, keyword: str) -> Violation | None:
    message = f"must be <= {rule} but found {value}"
    return None if value <= rule else Violation(instance, keyword, message)


def _min_items(value: list[object], rule: int, instance: str, keyword: str) -> Violation | None:
    message = f"minimum {rule} items required, but found {len(value)} items"
    return None if len(value) >= rule else Violation(instance, keyword, message)


def _items(value: list[object], rule: Schema, instance: str, keyword: str) -> Violation | None:
    for index, item in enumerate(value):
        violation = first_violation(item, rule, f"{instance}/{index}", keyword)
        if violation:
            return violation
    return None


def _required(
    value: dict[str, object], rule: tuple[str, ...], instance: str, keyword: str
) -> Violation | None:
    missing = ", ".join(f"'{name}'" for name in rule if name not in value)
    return Violation(instance, keyword, f"missing properties: {missing}") if missing else None


def _properties(
    value: dict[str, object], rule: Mapping[str, Schema], instance: str, keyword: str
) -> Violation | None:
    for name, schema in rule.items():
        if name in value:
            at, by = f"{instance}/{name}", f"{keyword}/{name}"
            violation = first_violation(value[name], schema, at, by)
            if violation:
                return violation
    return None


def _one_of(
    value: object, rule: tuple[Schema, ...], instance: str, keyword: str
) -> Violation | None:
    # The alternatives exclude each other, so "one" is "any". Of none, the first has the word.
    violations = [
        first_violation(value, alternative, instance, f"{keyword}/{index}")
        for index, alternative in enumerate(rule)
    ]
    return None if None in violations else violations[0]


_CHECKS: Mapping[str, Callable[[Any, Any, str, str], Violation | None]] = {
    "type": _type,
    "enum": _enum,
    "minimum": _minimum,
    "maximum": _maximum,
    "minItems": _min_items,
    "items": _items,
    "required": _required,
    "properties": _properties,
    "oneOf": _one_of,
}
