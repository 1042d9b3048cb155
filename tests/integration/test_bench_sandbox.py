"""The figures of the sandbox: whole environments, one of each kind, told beside each other."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.sandbox import WARM_INVOCATIONS, Round, run_round, table
from bench.table import Line

PYTHON = Path(sys.executable).resolve()


class TestARound:
    """Starts the same processes with the sandbox and without it, and invokes each warm."""

    def test_measures_every_start_and_every_invocation(self):
        figures = run_round(PYTHON)

        assert min(figures.bare_start_s, figures.start_s) > 0
        warm = [figures.bare_warm_s, figures.warm_s, figures.full_warm_s]
        assert [len([s for s in kind if s > 0]) for kind in warm] == [WARM_INVOCATIONS] * 3


class TestTheTable:
    """Medians, what the sandbox adds to them, and what was aimed for."""

    def test_holds_the_medians_of_all_rounds(self):
        slow = Round(0.9, 0.9, [0.009], [0.009], [0.009])
        rounds = [
            Round(0.1, 0.13, [0.0001], [0.0005], [0.001]),
            slow,
            Round(0.1, 0.13, [0.0001], [0.0005], [0.001]),
        ]

        assert table(rounds) == [
            Line(
                "start: nothing there → both asked next",
                "100.00 ms",
                "130.00 ms",
                "added 30.00 ms (aim: under 50 ms)",
            ),
            Line(
                "warm: invoked → answered",
                "0.10 ms",
                "0.50 ms",
                "added 0.40 ms (aim: 1 ms at most)",
            ),
            Line(
                "the same with extension, freeze, telemetry",
                "0.10 ms",
                "1.00 ms",
                "added 0.90 ms (aim: 3 ms at most)",
            ),
        ]
