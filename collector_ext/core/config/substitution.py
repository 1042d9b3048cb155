"""``${...}`` in a document, replaced as the Collector does it.

    ${env:NAME} ${NAME} ${env:NAME:-default}   a variable; unset: empty, with a remark
    ${yaml:text}                               the text itself
    ${file:path} ${http://...} ${s3://...}     what is there
    ${secretsmanager:arn#key} ${ssm:name}      a secret
    $$                                         a dollar

What is outside of the process is not fetched here: it is named in ``unresolved``, stays as it
is written, and is there when the document is read again with it.

Source: https://opentelemetry.io/docs/collector/configuration/#environment-variables
"""

from __future__ import annotations

from collector_ext.core.config.address import shown
from collector_ext.core.config.node import Node, scalar
from collector_ext.core.secrets import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collector_ext.core.config.section import Remarks

FILES = ("file", "http", "https", "s3")
"""Schemes whose content is YAML, and may hold references itself."""

SECRETS = ("secretsmanager", "ssm")
"""Schemes whose content is taken as it is: a dollar in a password is a dollar."""

DEPTH_MAX = 8  # references within what references stand for
REFERENCE_COUNT_MAX = 1000  # of one document

_COLLECTIONS = ("{", "[", "- ")


class Substitution:
    """Replace the references of one document.

    Args:
        variables: Of the environment.
        resolved: What references to the outside stand for, by their text without ``${}``, or
            why that is not known.
        parse: YAML text to a node; raises ValueError for what is none.
        remarks: Where what is wrong is noted.
    """

    def __init__(
        self,
        variables: Mapping[str, str],
        resolved: Mapping[str, str | Fault],
        parse: Callable[[str], Node],
        remarks: Remarks,
    ) -> None:
        self._variables = variables
        self._resolved = resolved
        self._parse = parse
        self._remarks = remarks
        self._count = 0
        self.unresolved: dict[str, None] = {}  # references, in the order they were found

    def expanded(self, node: Node, place: str) -> Node:
        """Return the node with all references in it replaced.

        Args:
            node: Of any kind.
            place: The keys on the way to it, for remarks.
        """
        if isinstance(node.content, dict):
            members = {
                name: self.expanded(member, f"{place}.{name}")
                for name, member in node.content.items()
            }
            return Node(members, node.text, node.line)
        if isinstance(node.content, tuple):
            items = tuple(
                self.expanded(item, f"{place}[{index}]") for index, item in enumerate(node.content)
            )
            return Node(items, node.text, node.line)
        return self._expanded_scalar(node, place) if node.text and "$" in node.text else node

    def _expanded_scalar(self, node: Node, place: str) -> Node:
        text = node.text or ""
        expansion = _Expansion(self, node.line, place)
        value = expansion.text(text, 0)
        is_whole = text.startswith("${") and _end_of(text, 0) == len(text)
        if not is_whole or expansion.has_secret:
            return scalar(value, node.line, is_plain=False)
        if value.lstrip().startswith(_COLLECTIONS) or ": " in value or ":\n" in value:
            return self._collection(value, node.line)
        return scalar(value, node.line)

    def _collection(self, value: str, line: int) -> Node:
        """Return what a reference stands for; it stays a text where a text is asked for."""
        try:
            content = _at_line(self._parse(value), line).content
        except ValueError:
            content = value
        return Node(content, value, line)

    def reference(self, text: str, depth: int, expansion: _Expansion) -> str:
        """Return what ``${text}`` stands for."""
        self._count += 1
        if self._count > REFERENCE_COUNT_MAX or depth > DEPTH_MAX:
            expansion.complain(f"has references nested more than {DEPTH_MAX} deep, or too many")
            return ""
        head, default = _split_default(text)
        if "${" in head:
            head = expansion.text(head, depth + 1)
        scheme, colon, rest = head.partition(":")
        if not colon or scheme == "env":
            value = self._variable(rest if colon else head, default, expansion)
        elif scheme == "yaml":
            value = rest
        elif scheme in FILES or scheme in SECRETS:
            value = self._outside(head, scheme, default, expansion)
        else:
            expansion.complain(
                f"has a reference of an unknown kind, {scheme}:, which stays as it is"
            )
            return f"${{{text}}}"
        if value is None:
            value = default or ""
        elif scheme in SECRETS or "${" not in value or head in self.unresolved:
            return value
        return expansion.text(value, depth + 1)

    def _variable(self, name: str, default: str | None, expansion: _Expansion) -> str | None:
        if not (name.isascii() and name.isidentifier()):
            expansion.complain(f"names {name!r}, which cannot be a variable; it is empty")
            return None
        value = self._variables.get(name)
        if value is None and default is None:
            expansion.complain(f"names the variable {name}, which is not set; it is empty")
        return value

    def _outside(
        self, reference: str, scheme: str, default: str | None, expansion: _Expansion
    ) -> str | None:
        expansion.has_secret |= scheme in SECRETS
        if reference not in self._resolved:
            self.unresolved[reference] = None
            expansion.has_secret = True  # and so a text, until it is known
            return f"${{{reference}}}"
        value = self._resolved[reference]
        if isinstance(value, Fault):
            if default is None:
                expansion.complain(f"names {shown(reference)}: {value.reason}; it is empty")
            return None
        return value.removesuffix("\n") if scheme in FILES else value

    def note(self, line: int, sentence: str) -> None:
        """Note what is wrong with a reference."""
        self._remarks.complain(line, sentence)


class _Expansion:
    """The expansion of one scalar."""

    def __init__(self, substitution: Substitution, line: int, place: str) -> None:
        self._substitution = substitution
        self._line = line
        self._place = place
        self.has_secret = False

    def complain(self, sentence: str) -> None:
        self._substitution.note(self._line, f"{self._place} {sentence}")

    def text(self, text: str, depth: int) -> str:
        """Return ``text`` with its references replaced, and ``$$`` by a dollar."""
        parts: list[str] = []
        at = 0
        while (dollar := text.find("$", at)) >= 0:
            parts.append(text[at:dollar])
            end = _end_of(text, dollar)
            if text.startswith("$$", dollar):
                parts.append("$")
                at = dollar + 2
            elif end > dollar:
                inner = text[dollar + 2 : end - 1]
                parts.append(self._substitution.reference(inner, depth, self))
                at = end
            else:
                parts.append("$")
                at = dollar + 1
        return "".join([*parts, text[at:]])


def _end_of(text: str, dollar: int) -> int:
    """Return where the reference that begins at ``dollar`` ends; 0 when none does."""
    if not text.startswith("${", dollar):
        return 0
    depth = 0
    for at in range(dollar + 1, len(text)):
        if text[at] == "{" and text[at - 1] == "$":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at + 1
    return 0


def _split_default(text: str) -> tuple[str, str | None]:
    """Part ``NAME:-default``, leaving references within NAME whole."""
    at = 0
    while at < len(text):
        if text.startswith("${", at):
            at = _end_of(text, at) or len(text)
        elif text.startswith(":-", at):
            return text[:at], text[at + 2 :]
        else:
            at += 1
    return text, None


def _at_line(node: Node, line: int) -> Node:
    """Return the node as if all of it stood in one line: that of its reference."""
    content = node.content
    if isinstance(content, dict):
        content = {name: _at_line(member, line) for name, member in content.items()}
    elif isinstance(content, tuple):
        content = tuple(_at_line(item, line) for item in content)
    return Node(content, node.text, line)
