"""The figures of the configurations: real collectors, one of each kind, told beside each other."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from bench.configurations import Configuration
from bench.configured import STARTS, Round, run_round, setting, table
from bench.life import WARM_INVOCATIONS, Life
from bench.table import Line
from tests.fakes.collector_process import SOURCE

PYTHON = Path(sys.executable).resolve()

NAMES = ["default", "https", "grpc", "yaml", "sampled", "signed"]


@pytest.fixture
def layer(tmp_path):
    """The slim layer's root, of the sources: the built one may be older than they are."""
    root = tmp_path / "layer"
    (root / "extensions").mkdir(parents=True)
    (root / "extensions" / "collector_ext").symlink_to(SOURCE / "config" / "collector_ext")
    (root / "collector_ext").symlink_to(SOURCE / "collector_ext")
    (root / "collector-lib").symlink_to(Path(str(grpc.__file__)).parents[1])
    return root


class TestARound:
    """Runs the collector once in each configuration, and every invocation is exported."""

    @pytest.fixture
    def running(self, layer):
        with setting(PYTHON, layer) as running:
            yield running

    def test_measures_every_configuration(self, running):
        figures = run_round(running)

        assert min(*figures.bare_start_s, figures.bare_cpu_s, figures.bare_bytes) > 0
        starts = {name: len([s for s in all_s if s > 0]) for name, all_s in figures.start_s.items()}
        assert starts == dict.fromkeys(NAMES, STARTS)
        warm = {name: len([s for s in it.warm_s if s > 0]) for name, it in figures.lives.items()}
        assert warm == dict.fromkeys(NAMES, WARM_INVOCATIONS)
        for life in figures.lives.values():
            once = life.configure_s, life.first_s, life.cpu_s, life.warm_cpu_s, life.peak_bytes
            assert min(once) > 0

    def test_is_of_nothing_when_a_configuration_cannot_be_used(self, running):
        *_, (_, _, _, layer, environ) = running.configurations
        unreadable = {**environ, "OPENTELEMETRY_COLLECTOR_CONFIG_URI": "/nowhere.yaml"}
        unusable = Configuration("unusable", "", "", layer, unreadable)

        with pytest.raises(AssertionError, match="nowhere"):
            run_round(running._replace(configurations=[unusable]))

    def test_is_of_nothing_when_it_exports_elsewhere(self, running):
        *_, (_, _, _, layer, environ) = running.configurations
        debug = {**environ, "OPENTELEMETRY_COLLECTOR_CONFIG_URI": "yaml:" + DEBUG}
        unmeasured = Configuration("debug", "", "", layer, debug)

        with pytest.raises(AssertionError, match=r"^0"):
            run_round(running._replace(configurations=[unmeasured]))


DEBUG = (
    "{receivers: {otlp: {protocols: {http: }}}, exporters: {debug: },"
    " service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}}"
)


class TestTheTable:
    """Medians of all rounds: the default beside the bare interpreter, others beside less."""

    def test_holds_a_block_for_each_configuration(self):
        less = Life(
            configure_s=0.006,
            first_s=0.002,
            cpu_s=0.015,
            warm_s=[0.0005, 0.001, 0.9],
            warm_cpu_s=0.0004,
            peak_bytes=10_000_000,
        )
        more = replace(less, configure_s=0.024, cpu_s=0.030, peak_bytes=15_000_000)
        lives = {"default": less, "yaml": more}
        starts = {"default": [0.012], "yaml": [0.012, 0.9, 0.012]}
        usual = Round([0.010], 0.005, 8_000_000, starts, lives)
        slow_lives = dict.fromkeys(lives, replace(less, cpu_s=9))
        slow = Round([0.9], 0.9, 90_000_000, {name: [0.9] for name in starts}, slow_lives)
        configurations = [
            Configuration("default", "nothing", "", Path(), {}),
            Configuration("yaml", "a document", "default", Path(), {}),
        ]

        assert table(configurations, [usual, slow, usual]) == [
            Line("neither YAML nor TLS nor gRPC", "bare", "default", ""),
            Line("exec → first /next", "10.00 ms", "12.00 ms", "1.20 × bare (aim: under 1.5)"),
            Line("CPU: exec → first export accepted", "5.00 ms", "15.00 ms", "3.00 × bare"),
            Line("peak memory", "8.0 MB", "10.0 MB", "1.25 × bare (aim: 16 MB at most)"),
            Line("", "", "", ""),
            Line("a document", "default", "yaml", ""),
            Line("exec → first /next", "12.00 ms", "12.00 ms", "added 0.00 ms = 1.00 ×"),
            Line("first /next → start line", "6.00 ms", "24.00 ms", "added 18.00 ms = 4.00 ×"),
            Line(
                "CPU: exec → first export accepted",
                "15.00 ms",
                "30.00 ms",
                "added 15.00 ms = 2.00 ×",
            ),
            Line("first export: end → /next", "2.00 ms", "2.00 ms", "added 0.00 ms = 1.00 ×"),
            Line("warm: end → /next", "1.00 ms", "1.00 ms", "added 0.00 ms = 1.00 ×"),
            Line("warm: CPU of an invocation", "0.40 ms", "0.40 ms", "added 0.00 ms = 1.00 ×"),
            Line("peak memory", "10.0 MB", "15.0 MB", "added 5.0 MB = 1.50 ×"),
        ]
