"""What the sandbox costs: the same processes in it and against a bare server, interleaved."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from bench.bare import BareEnvironment
from bench.table import Line, ms
from lambda_sandbox.edge import clock
from lambda_sandbox.sandbox import Function, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
TASK = HERE / "sandbox_task"
LAYER = HERE / "sandbox_layer"
EXTENSION = LAYER / "extensions" / "observer"

WARM_INVOCATIONS = 30
"""Of each environment: the first ones fill caches and are left out by the median."""


class Round(NamedTuple):
    """One environment of each kind; times in seconds, one for each warm invocation.

    Attributes:
        bare_start_s: The extension and the runtime against a bare server.
        start_s: The same two in the sandbox: made → initialised.
        bare_warm_s: Event sent → response there.
        warm_s: The sandbox asked → its answer there; no extension, neither freeze nor telemetry.
        full_warm_s: The same with an extension, the freeze and telemetry.
    """

    bare_start_s: float
    start_s: float
    bare_warm_s: list[float]
    warm_s: list[float]
    full_warm_s: list[float]


def run_round(python: Path) -> Round:
    """Run one environment of each kind."""
    with BareEnvironment(python, TASK, EXTENSION) as bare:
        bare_warm_s = [bare.invoke_s() for _ in range(WARM_INVOCATIONS)]
    with closing(Sandbox(_function(python), telemetry=False, freeze=False)) as sandbox:
        sandbox.init()
        warm_s = _warm_s(sandbox, lambda: _wait_idle(sandbox))
    started_at = time.perf_counter()
    with closing(Sandbox(_function(python, layer=LAYER))) as sandbox:
        assert sandbox.init().status == "success", sandbox.logs
        start_s = time.perf_counter() - started_at
        full_warm_s = _warm_s(sandbox, sandbox.wait_frozen)
    return Round(bare.start_s, start_s, bare_warm_s, warm_s, full_warm_s)


def _function(python: Path, layer: Path | None = None) -> Function:
    return Function(task=TASK, handler="app.handler", layer=layer, python=python)


def _warm_s(sandbox: Sandbox, wait: Callable[[], None]) -> list[float]:
    durations_s = []
    for _ in range(WARM_INVOCATIONS):
        wait()
        started_at = time.perf_counter()
        outcome = sandbox.invoke(b"{}")
        durations_s.append(time.perf_counter() - started_at)
        assert outcome.payload == b"null", outcome
    return durations_s


def _wait_idle(sandbox: Sandbox) -> None:
    """Wait until the runtime has asked next: without a freeze nothing else says so."""
    while _last_of_runtime(sandbox) != "asked next":
        clock.pause()


def _last_of_runtime(sandbox: Sandbox) -> str:
    moments = reversed(sandbox.timeline)
    return next(moment.what for moment in moments if moment.who == "runtime")


def table(rounds: list[Round]) -> list[Line]:
    """Lay the medians beside each other and against their aims."""
    bare_start_s = median(row.bare_start_s for row in rounds)
    start_s = median(row.start_s for row in rounds)
    bare_s = median(s for row in rounds for s in row.bare_warm_s)
    warm_s = median(s for row in rounds for s in row.warm_s)
    full_s = median(s for row in rounds for s in row.full_warm_s)
    return [
        Line(
            "start: nothing there → both asked next",
            ms(bare_start_s),
            ms(start_s),
            f"added {ms(start_s - bare_start_s)} (aim: under 50 ms)",
        ),
        Line(
            "warm: invoked → answered",
            ms(bare_s),
            ms(warm_s),
            f"added {ms(warm_s - bare_s)} (aim: 1 ms at most)",
        ),
        Line(
            "the same with extension, freeze, telemetry",
            ms(bare_s),
            ms(full_s),
            f"added {ms(full_s - bare_s)} (aim: 3 ms at most)",
        ),
    ]
