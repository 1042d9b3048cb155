"""Report the sizes a reader cares about: they are looked at, never asserted.

A limit that fails a build only moves code to where nobody counts.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("otel_layer", "collector_ext", "lambda_sandbox")

FUNCTION_LINES_MAX = 40
MODULE_CODE_LINES_MAX = 200

_EXCUSE = re.compile(r"# (type: ignore|noqa|pragma: no cover)")


class Sized(NamedTuple):
    """Something with a length, and where it is."""

    lines: int
    where: str


def main() -> None:
    """Print what is over a limit, and the totals of each package."""
    for package in PACKAGES:
        files = sorted((ROOT / package).rglob("*.py"))
        modules = [Sized(code_lines(file), str(file.relative_to(ROOT))) for file in files]
        functions = [function for file in files for function in functions_of(file)]
        excuses = sum(len(_EXCUSE.findall(file.read_text())) for file in files)
        total = sum(module.lines for module in modules)
        print(f"{package}: {len(files)} modules, {total} code lines, {excuses} excuses")
        for limit, sized in ((MODULE_CODE_LINES_MAX, modules), (FUNCTION_LINES_MAX, functions)):
            for lines, where in sorted(sized, reverse=True):
                if lines > limit:
                    print(f"  {lines} lines (limit {limit}): {where}")


def code_lines(file: Path) -> int:
    """Count the lines that hold code: no blanks, comments or docstrings."""
    source = file.read_text()
    tree = ast.parse(source)
    prose: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            prose.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate((line.strip() for line in source.splitlines()), start=1)
    return sum(number not in prose and line[:1] not in ("", "#") for number, line in lines)


def functions_of(file: Path) -> Iterator[Sized]:
    """Yield the physical length of each function of a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Sized(lines, f"{file.relative_to(ROOT)}:{node.lineno} {node.name}")


if __name__ == "__main__":
    main()
