"""Conditions in the OpenTelemetry Transformation Language, in their plain forms.

Comparisons of paths and literals, ``IsMatch`` and a few more functions, ``and``, ``or``,
``not``, parentheses. No arithmetic, no other function: such a condition is not understood.

Language: https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/main/pkg/ottl/LANGUAGE.md
"""

from __future__ import annotations

import operator
import re

from collector_ext.core.processors.condition_functions import FUNCTIONS
from collector_ext.core.processors.condition_paths import (
    AROUND,
    ENUMS,
    RESOURCE,
    SPAN,
    path,
)
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from collector_ext.core.config.section import Section
    from collector_ext.core.processors.condition_paths import Context, Reader, Scene

    Test = Callable[[Scene], bool]

DEPTH_MAX = 50
"""Of parentheses, functions and ``not``; a person loses track before."""

_TOKEN = re.compile(
    r"""\s*(?: (?P<string> "(?:[^"\\]|\\.)*" )
          | (?P<bytes>  0x[0-9a-fA-F]+ )
          | (?P<number> -?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)? )
          | (?P<name>   [A-Za-z_][A-Za-z0-9_]* )
          | (?P<sign>   ==|!=|<=|>=|<|>|[()\[\],.] ) )""",
    re.VERBOSE,
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDERED_TYPES = (bool, str, bytes)
_LITERALS = {"true": True, "false": False, "nil": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class Condition(Value):
    """One that was understood."""

    context: Context  # the innermost that it names
    is_met: Test


def parse(source: str, context: Context) -> Condition:
    """Return the condition that a text is.

    Args:
        source: The text.
        context: What paths without a context mean; empty where each has to name its own.

    Raises:
        ValueError: It is not understood; the text says what of it.
    """
    if context and context not in AROUND:
        message = f"there is no context {context}"
        raise ValueError(message)
    parser = _Parser(source, context)
    test = parser.condition()
    named = [context or RESOURCE, *parser.contexts]
    innermost = max(named, key=lambda name: len(AROUND[name]))
    foreign = set(named) - {innermost, *AROUND[innermost]}
    if foreign:
        message = f"a {innermost} is in no {min(foreign)}"
        raise ValueError(message)
    return Condition(innermost, test)


def understood(
    section: Section, name: str, source: str, context: Context, known: Collection[Context]
) -> list[Condition]:
    """Return the condition that a text in a document is; none when it cannot be used: it is noted.

    Args:
        section: That has the key.
        name: Of the key.
        source: The text.
        context: As for `parse`.
        known: Those that the condition may be of.
    """
    try:
        condition = parse(source, context)
    except ValueError as fault:
        found = f"has {source!r}, which is not understood: {fault}"
    else:
        if condition.context in known:
            return [condition]
        found = f"has {source!r}, which is of a {condition.context}: there is none here"
    section.complain(f"{found}; it is ignored", name)
    return []


def compare(left: object, sign: str, right: object) -> bool:
    """Compare two values: those that are not of comparable types are unequal, and no more.

    Source: LANGUAGE.md, "Comparison rules"
    """
    if left is None and right is None:
        return sign in {"==", "<=", ">="}
    if _is_number(left) and _is_number(right):
        return _COMPARISONS[sign](left, right)
    if type(left) is not type(right) or left is None:
        return sign == "!="
    if isinstance(left, _ORDERED_TYPES) or sign in {"==", "!="}:
        return _COMPARISONS[sign](left, right)
    return False


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, source: str, context: Context) -> None:
        self._tokens = _tokens(source)
        self._context = context
        self._depth = 0
        self.contexts: list[Context] = []  # that it names

    def condition(self) -> Test:
        test = self._or()
        if self._tokens:
            message = f"{self._tokens[0][1]} is not expected"
            raise ValueError(message)
        return test

    def _or(self) -> Test:
        tests = [self._and()]
        while self._takes("or"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else lambda scene: any(test(scene) for test in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._takes("and"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda scene: all(test(scene) for test in tests)

    def _not(self) -> Test:
        self._go_deeper()
        test = self._negated() if self._takes("not") else self._plain()
        self._depth -= 1
        return test

    def _negated(self) -> Test:
        test = self._not()
        return lambda scene: not test(scene)

    def _plain(self) -> Test:
        if self._takes("("):
            test = self._or()
            self._expect(")")
            return test
        left = self._operand()
        sign = self._tokens[0][1] if self._tokens else ""
        if sign in _COMPARISONS:
            self._expect(sign)
            right = self._operand()
            return lambda scene: compare(left(scene), sign, right(scene))
        # A function or a literal; a path that stands alone is not met unless it is true.
        return lambda scene: left(scene) is True

    def _go_deeper(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            message = f"it is nested deeper than {DEPTH_MAX}"
            raise ValueError(message)

    def _operand(self) -> Reader:
        kind, token = self._next()
        if kind == "name" and self._tokens and self._tokens[0][1] == "(":
            return self._function(token)
        if kind == "name" and token not in _LITERALS and token not in ENUMS:
            return self._path(token)
        value = _literal(kind, token)
        return lambda _scene: value

    def _path(self, first: str) -> Reader:
        names, indexes = [first], []
        while self._takes("."):
            names.append(self._next("name")[1])
        while self._takes("["):
            kind, token = self._next()
            index = _literal(kind, token)
            if not isinstance(index, (str, int)):
                message = f"{token} is no key"
                raise ValueError(message)  # noqa: TRY004 - what cannot be understood
            indexes.append(index)
            self._expect("]")
        found = path(names, indexes, self._context)
        self.contexts.append(found.context)
        return found.read

    def _function(self, name: str) -> Reader:
        self._go_deeper()
        self._expect("(")
        arguments = []
        while not self._takes(")"):
            arguments.append(self._operand())
            if not self._takes(","):
                self._expect(")")
                break
        self._depth -= 1
        if name == "IsRootSpan":
            self.contexts.append(SPAN)
        arity, make = FUNCTIONS.get(name, (-1, None))
        if make is None or arity != len(arguments):
            message = f"there is no function {name} of {len(arguments)} arguments here"
            raise ValueError(message)
        return make(arguments)

    def _takes(self, token: str) -> bool:
        if self._tokens and self._tokens[0] in (("sign", token), ("name", token)):
            del self._tokens[0]
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            found = self._tokens[0][1] if self._tokens else "its end"
            message = f"{token} is expected where {found} is"
            raise ValueError(message)

    def _next(self, wanted: str = "") -> tuple[str, str]:
        if not self._tokens or (wanted and self._tokens[0][0] != wanted):
            message = "it ends too early"
            raise ValueError(message)
        return self._tokens.pop(0)


def _tokens(source: str) -> list[tuple[str, str]]:
    tokens = []
    at = 0
    while source[at:].strip():
        match = _TOKEN.match(source, at)
        if match is None:
            message = f"{source[at:].split(maxsplit=1)[0]!r} is not understood"
            raise ValueError(message)
        tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
        at = match.end()
    return tokens


def _literal(kind: str, token: str) -> object:
    if kind == "string":
        return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), token[1:-1], flags=re.DOTALL)
    if kind == "number":
        return float(token) if set(token) & set(".eE") else int(token)
    if kind == "bytes" and len(token) % 2 == 0:
        return bytes.fromhex(token[2:])
    if token in _LITERALS:
        return _LITERALS[token]
    if token in ENUMS:
        return ENUMS[token]
    message = f"{token} is not expected"
    raise ValueError(message)
