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
    monkeypatch.setattr(proc, "children", lambda _pid: [])
    return environs


@pytest.fixture
def family(machine, monkeypatch):
    """The children of these processes, by id; each was started at the tick that its id is."""
    children: dict[int, list[int]] = {}
    monkeypatch.setattr(proc, "children", lambda pid: children.get(pid, []))
    monkeypatch.setattr(proc, "started_ticks", lambda pid: pid if pid in machine else None)
    return children


@pytest.fixture
def descendants():
    """Those of the sandbox at ``here:1``."""
    return Descendants("here:1")


class TestADescendant:
    """Is known by the sandbox's address among its variables."""

    def test_is_found_whenever_it_came(self, machine, descendants):
        machine.update({1: OTHERS, 2: OURS})
        assert descendants.pids() == {2}

        machine[3] = OURS

        assert descendants.pids() == {2, 3}

    def test_is_found_though_it_was_becoming_another_program(self, machine, descendants):
        machine[2] = []
        assert descendants.pids() == set()

        machine[2] = OURS

        assert descendants.pids() == {2}

    def test_is_found_though_a_stranger_had_its_id(self, machine, descendants):
        machine[2] = OTHERS
        descendants.pids()
        del machine[2]
        descendants.pids()

        machine[2] = OURS

        assert descendants.pids() == {2}


class TestADescendantThatHasEmptiedItsVariables:
    """Is known by its parent, and from then on by itself."""

    def test_is_found_with_all_that_descends_from_it(self, machine, family, descendants):
        machine.update({2: OURS, 3: [b"A=1"], 4: [b"A=1"]})
        family.update({2: [3], 3: [4]})

        assert descendants.pids() == {2, 3, 4}

    def test_is_found_when_its_parent_has_ended(self, machine, family, descendants):
        machine.update({2: OURS, 3: [b"A=1"]})
        family[2] = [3]
        descendants.pids()

        del machine[2], family[2]
        machine[4] = [b"A=1"]
        family[3] = [4]

        assert descendants.pids() == {3, 4}

    def test_is_forgotten_when_it_has_ended(self, machine, family, descendants, monkeypatch):
        machine.update({2: OURS, 3: [b"A=1"]})
        family[2] = [3]
        descendants.pids()

        family.clear()
        monkeypatch.setattr(proc, "started_ticks", lambda pid: pid + 100)  # its id was given again

        assert descendants.pids() == {2}


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

        assert descendants.pids() == {2}
