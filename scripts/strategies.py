"""``python -m scripts.strategies``: write into docs/delivery.md what each flush strategy does.

The facts are those that the end-to-end tests hold, with the built layer in a real environment
(tests/e2e/test_strategies.py); ``--check`` says whether the document has them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.configuration import written
from scripts.failures import changes
from tests.e2e.strategies import EARLY_3, ROOT_3, Facts
from tests.e2e.test_strategies import EXPECTED

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "delivery.md"

COLUMNS = (
    "Strategy",
    "A trace arrives",
    "A span that ended long before its invocation arrives",
    "The last trace arrives",
    "An invocation waits for",
    "A freeze leaves behind",
)


def table() -> str:
    """Return a row for each strategy."""
    lines = ["", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for name, facts in EXPECTED.items():
        strategy, _, when = name.partition(", ")
        cells = (
            f"`{strategy}`" + (f", {when}" if when else ""),
            facts.trace,
            facts.early_span,
            facts.last_trace,
            facts.invocation_waits_for,
            _left_behind(facts),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _left_behind(facts: Facts) -> str:
    *_, last = facts.left_behind
    if EARLY_3 in last:
        return "the whole of its invocation"
    return "what ended after the last export" if ROOT_3 in last else "nothing"


def main() -> None:
    """Write the table, or check it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    is_now = DOCUMENT.read_text()
    should_be = written(is_now, {"strategies": table()})
    if not is_check:
        DOCUMENT.write_text(should_be)
    elif is_now != should_be:
        print("\n".join(changes(is_now, should_be)))
        sys.exit("docs/delivery.md is not as the tests are: python -m scripts.strategies")


if __name__ == "__main__":
    main()
