"""What docs/failures.md claims, held against the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from collector_ext.core.delivery.failures import KINDS, RETRY_AFTER_S_MAX, Kind
from scripts.failures import sentences

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "failures.md").read_text()


class TestTheDocument:
    """Says of each kind what follows; ``python -m scripts.failures`` writes its tables."""

    def test_has_the_tables_that_the_code_makes(self):
        check = [sys.executable, "-m", "scripts.failures", "--check"]

        checked = subprocess.run(check, cwd=ROOT, capture_output=True, check=False, text=True)

        assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr

    def test_names_the_longest_pause(self):
        assert f"never longer than {RETRY_AFTER_S_MAX:.0f} s" in DOCUMENT


class TestAKind:
    """Is said in the same way as all others."""

    def test_says_what_it_means_and_what_becomes_of_the_data(self):
        said = sentences()

        assert len(said) == len(KINDS)
        assert all(meaning.endswith(".") and fate.endswith(".") for meaning, fate in said.values())

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
    def test_has_advice_of_one_clause(self, kind):
        assert isinstance(kind, Kind)
        assert not kind.advice.endswith((".", ";"))
        assert kind.advice[:1].islower() or not kind.advice
        assert ". " not in kind.advice

    def test_has_a_name_of_its_own(self):
        assert len({kind.name for kind in KINDS}) == len(KINDS)
