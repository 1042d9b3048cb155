"""Let the cores live through random days, and look for one they do not survive.

    python -m scripts.simulate --seeds 1000 [--from 5000]   many days, until one is broken
    python -m scripts.simulate --seed 1234 --verbose        one day again, with all that happens

The days are in tests/simulation: the function's half tells, the collector's decides.
All randomness is the seed's: a failing day replays exactly.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Sequence

from tests.simulation.day import Day
from tests.simulation.ledger import BrokenPromiseError

PROGRESS_S = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, and return how it ended: 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m scripts.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many days")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--seed", type=int, help="one day alone")
    parser.add_argument("--verbose", action="store_true", help="tell what happens")
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return 0 if _is_survived(options.seed, is_verbose=options.verbose) else 1
    started_at = said_at = time.monotonic()
    for number in range(options.seeds):
        if not _is_survived(options.first + number, is_verbose=options.verbose):
            return 1
        if time.monotonic() - said_at > PROGRESS_S:
            said_at = time.monotonic()
            rate = (number + 1) / (said_at - started_at)
            print(f"{number + 1} of {options.seeds} days, {rate:.0f} a second", flush=True)
    spent_s = max(time.monotonic() - started_at, 1e-9)
    print(f"{options.seeds} days in {spent_s:.1f} s, {options.seeds / spent_s:.0f} a second")
    return 0


def _is_survived(seed: int, *, is_verbose: bool) -> bool:
    """Return whether the core keeps its promises on one day; say so if it does not."""
    try:
        Day(seed, tell=print if is_verbose else None).run()
    except BrokenPromiseError as broken:
        print(f"seed {seed}: {broken}")
    except Exception:  # noqa: BLE001 - the core itself failed, which is broken as well
        traceback.print_exc(file=sys.stdout)
        print(f"seed {seed}: an exception")
    else:
        return True
    if not is_verbose:
        print(f"python -m scripts.simulate --seed {seed} --verbose  tells what happened")
    return False


if __name__ == "__main__":
    sys.exit(main())
