"""Write the tables of docs/configuration.md: every variable, and every key of a document.

    python -m scripts.configuration            write them
    python -m scripts.configuration --check    say where they are not as the code is

Variables are those of config/defaults.env, with what is said of them there; keys are those of
the tables that the collector reads documents by.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from collector_ext.core.config import components, document, kinds, mapped, pipelines, receivers
from collector_ext.core.config.kinds import Key
from collector_ext.core.processors import table as processors
from collector_ext.edge.senders import table as exporters

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "configuration.md"
DEFAULTS = ROOT / "config" / "defaults.env"

READERS = ("Both", "Layer", "Collector", "Wrapper")
"""Who reads a variable, as the last sentence before or after its meaning says."""

OTHERS = "the SDK"


class Variable(NamedTuple):
    """One variable as config/defaults.env has it."""

    section: str
    name: str
    default: str  # empty for unset
    meaning: str


def variables(text: str) -> Iterator[Variable]:
    """Read a file of variables: sections, comments, and assignments that may be commented out."""
    section, comment, is_said = "", "", False
    for line in text.splitlines():
        title = re.fullmatch(r"# --- (.*?) -+", line)
        assignment = re.fullmatch(r"#?([A-Z0-9_]+)=(.*)", line)
        if title:
            section, comment = title[1], ""
        elif assignment:
            yield Variable(section, assignment[1], assignment[2], comment)
            is_said = True
        elif line.startswith("# "):
            comment = line[2:] if is_said or not comment else f"{comment} {line[2:]}"
            is_said = False
        elif not line:
            comment, is_said = "", False


def variable_tables(found: list[Variable]) -> str:
    """Return a table for each section of the variables."""
    lines: list[str] = []
    for section in dict.fromkeys(variable.section for variable in found):
        lines += ["", f"### {section}", "", "| Variable | Default | Read by | Meaning |"]
        lines.append("|---|---|---|---|")
        for variable in found:
            if variable.section == section:
                lines.append(_variable_row(variable))
    return "\n".join(lines)


def component_tables() -> str:
    """Return a table for each component, of all its keys."""
    lines: list[str] = []
    for title, keys in _components().items():
        lines += [
            "",
            f"### {title}",
            "",
            "| Key | Value | Default | Meaning |",
            "|---|---|---|---|",
        ]
        lines += _key_rows(keys, "")
    return "\n".join(lines)


def written(text: str, tables: Mapping[str, str]) -> str:
    """Return the document with its tables put between their markers."""
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{content}\n\n{end}{after}"
    return text


def _variable_row(variable: Variable) -> str:
    meaning, reader = variable.meaning, OTHERS
    for name in READERS:
        if f" {name}." in meaning:
            meaning, reader = meaning.replace(f" {name}.", ""), name.lower()
    default = f"`{variable.default}`" if variable.default else "unset"
    return f"| `{variable.name}` | {default} | {reader} | {_cell(meaning)} |"


def _components() -> dict[str, tuple[Key, ...]]:
    found = {
        "The document": document.KEYS,
        "`service`": document.SERVICE_KEYS,
        "`service.pipelines.<id>`": pipelines.KEYS,
        "receivers: `otlp`": receivers.KEYS,
    }
    for kind, modules in (
        ("exporters", exporters.MODULES),
        ("extensions", components.AUTHENTICATORS),
        ("processors", processors.MODULES),
    ):
        for module in dict.fromkeys(modules.values()):
            names = " or ".join(f"`{name}`" for name, known in modules.items() if known == module)
            found[f"{kind}: {names}"] = importlib.import_module(module).KEYS
    for name, keys in mapped.KEYS.items():
        found[f"processors: `{name}`"] = keys
    return found


def _key_rows(keys: tuple[Key, ...], prefix: str) -> Iterator[str]:
    for key in keys:
        name = f"{prefix}{key.name}"
        default = "" if key.kind is kinds.IGNORED else _default(key)
        yield f"| `{name}` | {_cell(key.kind.name)} | {default} | {_cell(key.meaning)} |"
        if key.kind.keys:
            is_list = key.kind.name == kinds.LIST_OF_MAPPINGS
            yield from _key_rows(key.kind.keys, f"{name}{'[]' if is_list else ''}.")


def _default(key: Key) -> str:
    if key.default in (None, "", (), {}):
        return ""
    if isinstance(key.default, bool):
        return f"`{str(key.default).lower()}`"
    unit = " s" if key.kind is kinds.DURATION else ""
    number = f"{key.default:g}" if isinstance(key.default, float) else str(key.default)
    return f"`{number}`{unit}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    found = list(variables(DEFAULTS.read_text()))
    tables = {"variables": variable_tables(found), "keys": component_tables()}
    is_now = DOCUMENT.read_text()
    should_be = written(is_now, tables)
    if not is_check:
        DOCUMENT.write_text(should_be)
    elif is_now != should_be:
        changes = difflib.unified_diff(is_now.split("\n"), should_be.split("\n"), lineterm="")
        print("\n".join(changes))
        sys.exit("docs/configuration.md is not as the code is: python -m scripts.configuration")


if __name__ == "__main__":
    main()
