"""What docs/delivery.md claims, held against the tests and the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from collector_ext.core.config.delivery import STRATEGIES
from collector_ext.core.delivery import account
from collector_ext.core.delivery.division import REFUSED_IN_A_ROW_MAX

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "delivery.md").read_text()


class TestTheDocument:
    """Says of each strategy what was seen of it; ``python -m scripts.strategies`` writes that."""

    def test_has_the_table_that_the_tests_make(self):
        check = [sys.executable, "-m", "scripts.strategies", "--check"]

        checked = subprocess.run(check, cwd=ROOT, capture_output=True, check=False, text=True)

        assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr

    def test_has_each_strategy(self):
        assert set(re.findall(r"^\| `(\w+)`", DOCUMENT, re.MULTILINE)) == set(STRATEGIES)

    def test_names_each_reason_for_which_items_are_dropped(self):
        reasons = (account.BUFFER_FULL, account.REJECTED, account.SHUTDOWN)
        of_a_pipeline = (account.FILTERED, account.PROCESSOR)

        assert [r for r in (*reasons, *of_a_pipeline) if f"`{r}`" not in DOCUMENT] == []

    def test_names_the_bound_of_refusals(self):
        assert f"after {REFUSED_IN_A_ROW_MAX} refusals in a row" in DOCUMENT
