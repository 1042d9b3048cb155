"""What docs/conformance.md claims, held against the tests that it was generated from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class TestTheConformanceDocument:
    """Lists each rule with the test that holds it; ``python -m scripts.conformance`` writes it."""

    def test_lists_the_rules_and_tests_that_there_are(self):
        check = [sys.executable, "-m", "scripts.conformance", "--check"]

        checked = subprocess.run(check, cwd=ROOT, capture_output=True, check=False, text=True)

        assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr
