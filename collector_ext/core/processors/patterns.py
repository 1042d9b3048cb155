"""Regular expressions of RE2, which the Collector has, by those of Python.

RE2 reads any text in time linear to its length; Python's ``re`` may take forever for some
expressions, and the invocation waits for it. So those that repeat what repeats are refused, as
is what RE2 does not have (look-around, references back); and no more than the first
``TEXT_CHARS_MAX`` characters of a text are looked at.

Source: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re

from collector_ext.core.config.kinds import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.node import Node
    from collector_ext.core.config.section import Section

PATTERN_CHARS_MAX = 1000
TEXT_CHARS_MAX = 32_768
"""Longer texts are stack traces and bodies. What begins with ``.*`` costs their square: 32 kB
take up to some seconds, ten times that minutes."""

_FOREIGN = ("(?=", "(?!", "(?<=", "(?<!", "(?P=", "(?(", "(?>", "(?#")
_ENDLESS = re.compile(r"[*+]|\{\d+,\}")
_MANY_TIMES = re.compile(r"[*+]|\{\d+,\}|\{\d*,?\d\d+\}")
_CLASSES = {
    "[:alnum:]": "0-9A-Za-z",
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:space:]": r"\t\n\v\f\r ",
    "[:upper:]": "A-Z",
    "[:word:]": r"\w",
    "[:xdigit:]": "0-9A-Fa-f",
}


def texts(node: Node) -> tuple[str, ...]:
    """Return the texts of a list, or the one of a scalar: commas belong to expressions.

    Raises:
        ValueError: It has something that is no text.
    """
    members = node.content if isinstance(node.content, tuple) else (node,)
    found = tuple(member.text for member in members if member.text is not None)
    if len(found) != len(members):
        raise ValueError
    return found


PATTERNS = Kind("a list of texts or expressions", texts, is_secret=False, keys=())


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of RE2 as one of Python.

    Raises:
        ValueError: It is none, or would not be safe; the text says why.
    """
    if len(pattern) > PATTERN_CHARS_MAX:
        message = f"it has more than {PATTERN_CHARS_MAX} characters"
        raise ValueError(message)
    try:
        return re.compile(_Translation(pattern).result(), re.ASCII)
    except (re.error, OverflowError, RecursionError) as fault:
        message = f"it is no regular expression: {fault}"
        raise ValueError(message) from None


def read_all(
    section: Section, name: str, sources: tuple[str, ...], otherwise: str = "it is ignored"
) -> list[re.Pattern[str]]:
    """Compile the patterns of a key; complain about those that cannot be used.

    Args:
        section: That has the key.
        name: Of the key.
        sources: The patterns.
        otherwise: What follows for those that cannot be used.
    """
    found = []
    for source in sources:
        try:
            found.append(compiled(source))
        except ValueError as fault:  # noqa: PERF203 - the others can be used
            section.complain(f"has {source!r}, which cannot be used: {fault}; {otherwise}", name)
    return found


def is_found(patterns: list[re.Pattern[str]], text: str) -> bool:
    """Return whether one of the patterns is somewhere in the text."""
    return any(pattern.search(text[:TEXT_CHARS_MAX]) for pattern in patterns)


class _Translation:
    """From left to right, knowing for each group whether something in it repeats endlessly."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._has_endless = [False]  # of the group one is in and those around it
        # `$` is the end of the text, unless a flag says that it is the end of any line.
        self._is_multiline = re.search(r"\(\?[a-zA-Z]*m", pattern) is not None

    def result(self) -> str:
        parts = []
        while self._at < len(self._pattern):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        rest = self._pattern[self._at :]
        special = {"\\": self._escape, "[": self._class, "(": self._open, ")": self._close}
        if rest[0] in special:
            return special[rest[0]](rest)
        endless = _ENDLESS.match(rest)
        if endless:
            self._has_endless[-1] = True
            return self._take(endless.group())
        taken = self._take(rest[0])
        return r"\Z" if taken == "$" and not self._is_multiline else taken

    def _take(self, text: str) -> str:
        self._at += len(text)
        return text

    def _escape(self, rest: str) -> str:
        taken = self._take(rest[:2])
        if taken[1:].isdigit() and taken != r"\0":
            message = "RE2 has no references back"
            raise ValueError(message)
        return r"\Z" if taken == r"\z" else taken

    def _class(self, rest: str) -> str:
        parts = [self._take("[^" if rest.startswith("[^") else "[")]
        if self._pattern.startswith("]", self._at):
            self._take("]")
            parts.append(r"\]")
        while self._at < len(self._pattern):
            rest = self._pattern[self._at :]
            named = next((name for name in _CLASSES if rest.startswith(name)), "")
            if named:
                self._take(named)
                parts.append(_CLASSES[named])
            elif rest[0] == "[":
                self._take("[")
                parts.append(r"\[")
            elif rest[0] in "&|~-" and rest[1:2] == rest[0]:
                parts.append("\\" + self._take(rest[0]))
            else:
                parts.append(self._take(rest[: 2 if rest[0] == "\\" else 1]))
            if parts[-1] == "]":
                break
        return "".join(parts)

    def _open(self, rest: str) -> str:
        foreign = next((start for start in _FOREIGN if rest.startswith(start)), "")
        if foreign:
            message = f"RE2 has no {foreign}...)"
            raise ValueError(message)
        self._has_endless.append(False)
        if rest.startswith("(?<"):
            self._take("(?<")
            return "(?P<"
        return self._take("(")

    def _close(self, rest: str) -> str:
        has_endless = self._has_endless.pop()
        if not self._has_endless:
            message = "it is no regular expression: a ) too many"
            raise ValueError(message)
        if has_endless and _MANY_TIMES.match(rest[1:]):
            message = "it repeats endlessly what repeats endlessly"
            raise ValueError(message)
        self._has_endless[-1] |= has_endless
        return self._take(")")
