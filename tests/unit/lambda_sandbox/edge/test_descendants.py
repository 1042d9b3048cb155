"""Who belongs to a sandbox; what becomes of its processes is in tests/integration."""

from __future__ import annotations

import pytest

from lambda_sandbox.edge import proc
from lambda_sandbox.edge.descendants import Descendants

OURS, OTHERS = [b"A=1", b"AWS_LAMBDA_RUNTIME_API=here:1"], [b"AWS_LAMBDA_RUNTIME_API=here:12"]


@pytest.fixture
def machine(monkeypatch):
    """A machine with these processes: their variables by id."""
    environs: dict[int, list[bytes]] = {}
    monkeypatch.setattr(proc, "pids", lambda: set(environs))
    monkeypatch.setattr(proc, "environ", lambda pid: environs[pid])
    return environs


@pytest.fixture
def descendants():
    """Those of the sandbox at ``here:1``."""
    return Descendants("here:1")


class TestADescendant:
    """Is known by the sandbox's address among its variables."""

    def test_is_found_whenever_it_came(self, machine, descendants):
        machine.update({1: OTHERS, 2: OURS})
        assert descendants.pids() == [2]

        machine[3] = OURS

        assert sorted(descendants.pids()) == [2, 3]

    def test_is_found_though_it_was_becoming_another_program(self, machine, descendants):
        machine[2] = []
        assert descendants.pids() == []

        machine[2] = OURS

        assert descendants.pids() == [2]

    def test_is_found_though_a_stranger_had_its_id(self, machine, descendants):
        machine[2] = OTHERS
        descendants.pids()
        del machine[2]
        descendants.pids()

        machine[2] = OURS

        assert descendants.pids() == [2]


class TestAStranger:
    """Is looked at no more than necessary."""

    @pytest.mark.parametrize(("environ", "looks"), [(OTHERS, 1), ([], 2)])
    def test_is_known_as_one(self, machine, descendants, monkeypatch, environ, looks):
        looked: list[int] = []
        machine[2] = environ

        def look(pid):
            looked.append(pid)
            return environ

        monkeypatch.setattr(proc, "environ", look)

        for _ in range(4):
            descendants.pids()

        assert len(looked) == looks

    def test_is_looked_at_again_when_nobody_may_escape(self, machine, descendants):
        machine[2] = OTHERS
        descendants.pids()
        machine[2] = OURS

        descendants.forget_strangers()

        assert descendants.pids() == [2]
