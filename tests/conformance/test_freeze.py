"""The freeze: from the moment when all have asked next until the next event."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import LOOP, REGISTERED, function, layer_of, told


def ticks(pid):
    """Return the state of a process, and the CPU time it has used, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[11]) + int(fields[12])


BURN = "import time\nwhile time.process_time() < 0.3: pass"


@pytest.fixture(scope="module")
def freeze(tmp_path_factory):
    """A function and an extension that use the CPU as long as they can, frozen and thawed."""
    spinning = [REGISTERED, {"do": "spin"}, LOOP]
    layer = layer_of(tmp_path_factory.mktemp("freeze"), external=spinning)
    seen: dict[str, Any] = {}
    with Sandbox(function(layer)) as sandbox:
        sandbox.init()
        sandbox.wait_frozen()
        seen["after init"] = ticks(sandbox.runtime_pid)[0]
        descendants = json.loads(sandbox.invoke(told("spin")).payload)
        sandbox.wait_frozen()
        pids = [*descendants, *sandbox.extension_pids.values()]
        seen["before"] = {pid: ticks(pid) for pid in pids}
        # Somebody else uses as much as would show thirty times over.
        subprocess.run([sys.executable, "-S", "-c", BURN], check=True)
        seen["after"] = {pid: ticks(pid) for pid in pids}
        used = {pid: used for pid, (_, used) in seen["after"].items()}
        seen["thawed"] = sandbox.invoke(told("wait_until_used", ticks=used))
        sandbox.wait_frozen()
        seen["again"] = {pid: ticks(pid)[0] for pid in pids}
    return seen


class TestTheFreeze:
    """Stops everybody from the moment when all have asked next until the next event."""

    @pytest.mark.rule("§8", "No CPU time is used between invocations, by whatever process")
    def test_lets_nobody_use_the_cpu(self, freeze):
        assert freeze["after"] == freeze["before"]

    @pytest.mark.rule("§8", "Every process of runtime and extensions is stopped")
    def test_stops_every_process(self, freeze):
        assert [state for state, _ in freeze["before"].values()] == ["T"] * 4

    @pytest.mark.rule("§8", "The environment is thawed for the next event")
    def test_ends_with_the_next_event(self, freeze):
        assert freeze["thawed"].status == "success"

    @pytest.mark.rule("§8", "After the next event everybody is stopped again")
    def test_comes_again(self, freeze):
        assert set(freeze["again"].values()) == {"T"}

    @pytest.mark.rule("§4.2", "The environment is frozen after initialisation, too")
    def test_comes_after_initialisation(self, freeze):
        assert freeze["after init"] == "T"
