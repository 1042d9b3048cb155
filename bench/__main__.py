"""``make bench``: what the layer costs, its configurations, its deadlines, and the sandbox.

Each is measured beside the same without it. ``python -m bench sandbox`` measures one part alone.

Absolute times are this machine's; the ratios are what carries over. Everything runs on one
interpreter, the files are in the page cache, and the remote endpoint answers at once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from bench import configured, deadline, sandbox
from bench.configurations import HAS_BOTOCORE
from bench.measure import Row, collector_start_s, environment
from bench.peers import peers
from bench.process import bare_start_s
from bench.table import Line, mb, ms, show

LAYER = Path(__file__).resolve().parent.parent / "dist" / "layer"
ROUNDS = 15
CONFIGURED_ROUNDS = 30
DEADLINE_ROUNDS = 5
SANDBOX_ROUNDS = 10
PYTHON = Path(sys.executable).resolve()


def main() -> None:
    """Measure, then print the tables."""
    parts = {
        "layer": measure_layer,
        "configured": measure_configured,
        "deadline": measure_deadline,
        "sandbox": measure_sandbox,
    }
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("part", nargs="?", choices=parts, help="default: all of them")
    part = parser.parse_args().part
    for measure in [parts[part]] if part else parts.values():
        measure()


def measure_layer() -> None:
    """Measure the function without the layer and with it, interleaved; print the table."""
    bare: list[float] = []
    collector: list[float] = []
    plain: list[Row] = []
    observed: list[Row] = []
    with peers() as environ:
        environment(PYTHON, LAYER, environ)  # once, uncounted: fills the page cache
        for number in range(ROUNDS):
            for _ in range(5):
                bare.append(bare_start_s(PYTHON))
                collector.append(collector_start_s(PYTHON, LAYER))
            plain.append(environment(PYTHON, None, environ))
            observed.append(environment(PYTHON, LAYER, environ))
            progress(number + 1, ROUNDS)
    version = ".".join(map(str, sys.version_info[:3]))
    print(
        f"CPython {version}, medians of {ROUNDS} rounds, interleaved; {PYTHON.name} -I -S -c pass"
    )
    print(f"takes {ms(median(bare))} as a whole process and is the unit of the ratios.\n")
    show([Line("", "without", "with", ""), *table(bare, collector, plain, observed)])


def measure_configured() -> None:
    """Measure the collector in each way to configure it, interleaved; print the table."""
    rounds = []
    with configured.setting(PYTHON, LAYER) as setting:
        configured.run_round(setting)  # once, uncounted: fills the page cache
        for number in range(CONFIGURED_ROUNDS):
            rounds.append(configured.run_round(setting))
            progress(number + 1, CONFIGURED_ROUNDS)
    print("\nThe collector alone, in each way to configure it beside one with less, endpoints on")
    print(f"loopback; medians of {CONFIGURED_ROUNDS} rounds, interleaved. Until the first /next no")
    print("configuration is read; end → /next is one export; CPU is that of the whole process.\n")
    show(configured.table(setting.configurations, rounds))
    if not HAS_BOTOCORE:
        print("\nsigv4auth is left out: there is no botocore beside this interpreter")


def measure_deadline() -> None:
    """Measure what an invocation pays so that its timeout would be seen; print the table."""
    with deadline.collector() as port:
        bench = deadline.Bench(port)
        bench.run_round()  # once, uncounted: fills the caches
        rounds = []
        for number in range(DEADLINE_ROUNDS):
            rounds.append(bench.run_round())
            progress(number + 1, DEADLINE_ROUNDS)
    print("\nWhat an invocation pays, in its process, so that a timeout of it would be seen;")
    print(f"medians of {DEADLINE_ROUNDS} rounds of {deadline.CALLS}.\n")
    show([Line("", "without", "with", ""), *deadline.table(rounds)])


def measure_sandbox() -> None:
    """Measure the same processes without the sandbox and in it, interleaved; print the table."""
    sandbox.run_round(PYTHON)  # once, uncounted: fills the page cache
    rounds = []
    for number in range(SANDBOX_ROUNDS):
        rounds.append(sandbox.run_round(PYTHON))
        progress(number + 1, SANDBOX_ROUNDS)
    print("\nThe sandbox, beside the same processes against a bare server on loopback;")
    print(f"medians of {SANDBOX_ROUNDS} rounds, interleaved.\n")
    show([Line("", "bare", "sandbox", ""), *sandbox.table(rounds)])


def progress(number: int, count: int) -> None:
    """Say how far it is; the last one ends the line."""
    end = "\n" if number == count else ""
    print(f"\rround {number} of {count}", end=end, file=sys.stderr, flush=True)


def table(
    bare: list[float], collector: list[float], plain: list[Row], observed: list[Row]
) -> list[Line]:
    """Lay the medians beside each other and against their aims."""
    bare_s, collector_s = median(bare), median(collector)
    cold = median(row.cold_s for row in plain), median(row.cold_s for row in observed)
    added_s = cold[1] - cold[0]
    warm = [median(s for row in rows for s in row.handler_s) for rows in (plain, observed)]
    after_s = median(s for row in observed for s in row.after_s)
    runtime = [median(row.runtime_bytes for row in rows) for rows in (plain, observed)]
    extension = median(row.extension_bytes for row in observed if row.extension_bytes)
    return [
        Line(
            "collector: exec → first /next",
            "",
            ms(collector_s),
            f"{collector_s / bare_s:.2f} × bare (aim: under 1.5)",
        ),
        Line(
            "cold start: first exec → all asked next",
            ms(cold[0]),
            ms(cold[1]),
            f"added {ms(added_s)} = {added_s / bare_s:.2f} × bare (aim: under 6)",
        ),
        Line(
            "warm: invoked → responded",
            ms(warm[0]),
            ms(warm[1]),
            f"added {ms(warm[1] - warm[0])} (aim: 0.5 ms at most)",
        ),
        Line("warm: responded → the extension's /next", "", ms(after_s), "(aim: 2 ms at most)"),
        Line("peak memory of the runtime", mb(runtime[0]), mb(runtime[1]), "(aim: 40 MB at most)"),
        Line("peak memory of the extension", "", mb(extension), "(aim: 16 MB at most)"),
    ]


if __name__ == "__main__":
    main()
