"""What each way to configure the collector costs: one process each, interleaved."""

from __future__ import annotations

import random
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from bench.configurations import DEFAULT, Configuration, configurations
from bench.life import WARM_INVOCATIONS, Life, live, start_s
from bench.process import bare_start_s, bare_usage
from bench.remotes import Remotes, remotes
from bench.table import Line, mb, ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


STARTS = 4
"""Of each kind in a round: a start is short, and what it must not change by is shorter."""


class Setting(NamedTuple):
    """All that a round needs.

    Attributes:
        python: The interpreter.
        configurations: What is run.
        remotes: What is exported to.
    """

    python: Path
    configurations: list[Configuration]
    remotes: Remotes


class Round(NamedTuple):
    """Processes of each kind; times in seconds, memory in bytes.

    Attributes:
        bare_start_s: The bare interpreter as a whole process.
        bare_cpu_s: Its CPU, until it runs.
        bare_bytes: Its peak resident size.
        start_s: The collector, exec → first ``/next``, by the configuration's name.
        lives: The collector from its start to its end, by the same.
    """

    bare_start_s: list[float]
    bare_cpu_s: float
    bare_bytes: int
    start_s: dict[str, list[float]]
    lives: dict[str, Life]


@contextmanager
def setting(python: Path, layer: Path) -> Iterator[Setting]:
    """Lay out what is needed, and start the endpoints.

    Args:
        python: The interpreter that runs the collector.
        layer: The root of the slim layer.
    """
    with tempfile.TemporaryDirectory() as name, remotes(folder := Path(name)) as running:
        yield Setting(python, configurations(python, layer, running, folder), running)


def run_round(setting: Setting) -> Round:
    """Run processes of each kind, in any order: what ran before would favour some.

    Raises:
        AssertionError: An invocation was not exported: the figures would be of nothing.
    """
    bare: list[float] = []
    starts: dict[str, list[float]] = {it.name: [] for it in setting.configurations}
    for _ in range(STARTS):
        bare.append(bare_start_s(setting.python))
        for it in _shuffled(setting.configurations):
            starts[it.name].append(start_s(it.extension, it.environ))
    before = setting.remotes.accepted_count()
    shuffled = _shuffled(setting.configurations)
    lives = {it.name: live(it.extension, it.environ) for it in shuffled}
    exported = setting.remotes.accepted_count() - before
    assert exported == len(lives) * (1 + WARM_INVOCATIONS), exported
    return Round(bare, *bare_usage(setting.python), starts, lives)


def _shuffled(configurations: list[Configuration]) -> list[Configuration]:
    return random.sample(configurations, k=len(configurations))


def table(configurations: list[Configuration], rounds: list[Round]) -> list[Line]:
    """Lay the medians beside each other: the default by the bare interpreter, others by less."""
    lines = _default(rounds)
    for configuration in configurations:
        if configuration.beside:
            lines += [Line("", "", "", ""), *_beside(configuration, rounds)]
    return lines


def _default(rounds: list[Round]) -> list[Line]:
    """Compare the default with the interpreter it runs on."""
    lives = [row.lives[DEFAULT] for row in rounds]
    start = median(s for row in rounds for s in row.bare_start_s), _start_s(DEFAULT, rounds)
    cpu_s = median(row.bare_cpu_s for row in rounds), median(it.cpu_s for it in lives)
    size = median(row.bare_bytes for row in rounds), median(it.peak_bytes for it in lives)
    ratios = [f"{after / before:.2f} × bare" for before, after in (start, cpu_s, size)]
    return [
        Line("neither YAML nor TLS nor gRPC", "bare", DEFAULT, ""),
        Line(START, ms(start[0]), ms(start[1]), f"{ratios[0]} (aim: under 1.5)"),
        Line(CPU, ms(cpu_s[0]), ms(cpu_s[1]), ratios[1]),
        Line(PEAK, mb(size[0]), mb(size[1]), f"{ratios[2]} (aim: 16 MB at most)"),
    ]


def _beside(configuration: Configuration, rounds: list[Round]) -> list[Line]:
    """Compare a configuration with the one it adds to."""
    pairs = [(row.lives[configuration.beside], row.lives[configuration.name]) for row in rounds]

    def line(name: str, spelled: Callable[[float], str], figure: Callable[[Life], float]) -> Line:
        before = median(figure(life) for life, _ in pairs)
        after = median(figure(life) for _, life in pairs)
        return _line(name, spelled, before, after)

    starts = [_start_s(name, rounds) for name in (configuration.beside, configuration.name)]
    return [
        Line(configuration.title, configuration.beside, configuration.name, ""),
        _line(START, ms, *starts),
        line("first /next → start line", ms, lambda life: life.configure_s),
        line(CPU, ms, lambda life: life.cpu_s),
        line("first export: end → /next", ms, lambda life: life.first_s),
        line("warm: end → /next", ms, lambda life: median(life.warm_s)),
        line("warm: CPU of an invocation", ms, lambda life: life.warm_cpu_s),
        line(PEAK, mb, lambda life: life.peak_bytes),
    ]


def _start_s(name: str, rounds: list[Round]) -> float:
    return median(s for row in rounds for s in row.start_s[name])


def _line(name: str, spelled: Callable[[float], str], before: float, after: float) -> Line:
    verdict = f"added {spelled(after - before)} = {after / before:.2f} ×"
    return Line(name, spelled(before), spelled(after), verdict)


START = "exec → first /next"
CPU = "CPU: exec → first export accepted"
PEAK = "peak memory"
