"""Who belongs to a sandbox; what becomes of its processes is in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambda_sandbox.edge import proc
from lambda_sandbox.edge.guard import Guard
from lambda_sandbox.edge.limits import Limits
from lambda_sandbox.edge.loop import Loop
from lambda_sandbox.edge.processes import Processes

OURS, OTHERS = [b"A=1", b"AWS_LAMBDA_RUNTIME_API=here:1"], [b"AWS_LAMBDA_RUNTIME_API=here:12"]


@pytest.fixture
def machine(monkeypatch):
    """A machine with these processes: their variables by id."""
    environs: dict[int, list[bytes]] = {}
    monkeypatch.setattr(proc, "pids", lambda: set(environs))
    monkeypatch.setattr(proc, "environ", lambda pid: environs[pid])
    return environs


@pytest.fixture
def processes(tmp_path):
    """Those of the sandbox at ``here:1``."""
    loop, guard = Loop(), Guard(Path(tmp_path, "nothing"))
    yield Processes(loop, {}, mark="here:1", guard=guard, limits=Limits(None, None))
    guard.close()
    loop.close()


class TestAMember:
    """Is known by the sandbox's address among its variables."""

    def test_is_found_whenever_it_came(self, machine, processes):
        machine.update({1: OTHERS, 2: OURS})
        assert processes.members() == [2]

        machine[3] = OURS

        assert sorted(processes.members()) == [2, 3]

    def test_is_found_though_it_was_becoming_another_program(self, machine, processes):
        machine[2] = []
        assert processes.members() == []

        machine[2] = OURS

        assert processes.members() == [2]

    def test_is_found_though_a_stranger_had_its_id(self, machine, processes):
        machine[2] = OTHERS
        processes.members()
        del machine[2]
        processes.members()

        machine[2] = OURS

        assert processes.members() == [2]


class TestAStranger:
    """Is looked at no more than necessary."""

    @pytest.mark.parametrize(("environ", "looks"), [(OTHERS, 1), ([], 2)])
    def test_is_known_as_one(self, machine, processes, monkeypatch, environ, looks):
        looked: list[int] = []
        machine[2] = environ

        def look(pid):
            looked.append(pid)
            return environ

        monkeypatch.setattr(proc, "environ", look)

        for _ in range(4):
            processes.members()

        assert len(looked) == looks
