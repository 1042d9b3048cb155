"""Groups of a sandbox's own: real ones of version 1, and of version 2 on paper."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from lambda_sandbox.edge import cgroup_places, cgroups
from lambda_sandbox.edge.cgroup_places import Places
from lambda_sandbox.edge.cgroups import Groups
from lambda_sandbox.edge.limits import Limits

MIB = 1 << 20
BOTH = Limits(memory_bytes=64 * MIB, cpu_share=0.25)


def contents(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A group on paper, which this process is in, with nothing below it so far."""
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)
    (tmp_path / "cgroup.procs").touch()
    return tmp_path


def groups_at(monkeypatch, version_1=None, version_2=None, limits=BOTH):
    monkeypatch.setattr(cgroup_places, "places", lambda: Places(version_1 or {}, version_2))
    return Groups(limits)


class TestVersion2:
    """One group has all controllers that groups below ours are given."""

    @pytest.fixture
    def place(self, place):
        (place / "cgroup.subtree_control").write_text("cpu memory pids\n")
        return place

    def test_limits_memory_and_cpu(self, monkeypatch, place):
        groups = groups_at(monkeypatch, version_2=place)

        assert groups.methods == {"cpu": "cgroup v2", "memory": "cgroup v2"}
        (folder,) = groups.folders
        assert folder.parent == place
        assert contents(folder) == {"cpu.max": "5000 20000", "memory.max": "67108864"}

    def test_lets_nothing_be_swapped_out_instead(self, monkeypatch, place):
        def mkdtemp(**kwargs):
            folder = Path(kwargs["dir"], "made")
            folder.mkdir()
            (folder / "memory.swap.max").touch()
            return folder

        monkeypatch.setattr(cgroups, "mkdtemp", mkdtemp)

        (folder,) = groups_at(monkeypatch, version_2=place).folders

        assert (folder / "memory.swap.max").read_text() == "0"

    @pytest.mark.parametrize(
        ("limits", "methods"),
        [
            (Limits(memory_bytes=MIB, cpu_share=None), {"memory": "cgroup v2"}),
            (Limits(memory_bytes=None, cpu_share=0.5), {"cpu": "cgroup v2"}),
            (Limits(memory_bytes=None, cpu_share=None), {}),
        ],
    )
    def test_limits_nothing_else(self, monkeypatch, place, limits, methods):
        assert groups_at(monkeypatch, version_2=place, limits=limits).methods == methods

    def test_takes_a_process_in_once(self, monkeypatch, place):
        groups = groups_at(monkeypatch, version_2=place)
        procs = groups.folders[0] / "cgroup.procs"

        groups.add([7])
        assert procs.read_text() == "7"
        procs.write_text("7\n8\n")
        groups.add([7, 8])

        assert procs.read_text() == "7\n8\n"
        assert groups.pids() == {7, 8}

    def test_holds_nobody_whom_we_cannot_see(self, monkeypatch, place):
        groups = groups_at(monkeypatch, version_2=place)

        (groups.folders[0] / "cgroup.procs").write_text("0\n7\n0\n")

        assert groups.pids() == {7}

    def test_tells_a_kill_once(self, monkeypatch, place):
        groups = groups_at(monkeypatch, version_2=place)
        events = groups.folders[0] / "memory.events"

        events.write_text("low 0\noom 3\noom_kill 0\n")
        assert not groups.has_killed()
        events.write_text("low 0\noom 4\noom_kill 1\n")

        assert [groups.has_killed(), groups.has_killed()] == [True, False]

    def test_is_removed(self, monkeypatch, place):
        groups = groups_at(monkeypatch, version_2=place)

        groups.remove()

        assert [path for path in place.iterdir() if path.is_dir()] == []
        assert groups.pids() == set()


class TestAPlaceThatIsNotOurs:
    """Is left alone, and what it would have limited is not in the methods."""

    def test_because_its_controllers_are_not_given_away(self, monkeypatch, place):
        (place / "cgroup.subtree_control").write_text("memory\n")

        assert groups_at(monkeypatch, version_2=place).methods == {"memory": "cgroup v2"}

    def test_because_no_process_may_be_moved_from_there(self, monkeypatch, place):
        (place / "cgroup.subtree_control").write_text("cpu memory\n")
        monkeypatch.setattr(os, "access", lambda *_args: False)

        assert groups_at(monkeypatch, version_2=place).methods == {}

    def test_because_nothing_is_known_of_it(self, monkeypatch, place):
        assert groups_at(monkeypatch, version_2=place).methods == {}

    def test_because_nothing_can_be_made_there(self, monkeypatch, place):
        missing = place / "missing"

        groups = groups_at(monkeypatch, version_1={"memory": missing, "cpu": missing})

        assert (groups.methods, groups.folders, groups.pids()) == ({}, [], set())
        assert not groups.has_killed()

    def test_because_it_does_not_know_the_setting(self, monkeypatch, place):
        def refuse(*_args):
            raise OSError

        monkeypatch.setattr(Path, "write_text", refuse)

        assert groups_at(monkeypatch, version_1={"memory": place}).methods == {}
        assert [path.name for path in place.iterdir()] == ["cgroup.procs"]


class TestVersion1:
    """Has a group for each controller, and one for those that share a hierarchy."""

    def test_limits_memory_and_cpu_apart(self, monkeypatch, place):
        (place / "a").mkdir()
        (place / "b").mkdir()

        groups = groups_at(monkeypatch, version_1={"memory": place / "a", "cpu": place / "b"})

        found = {folder.parent.name: contents(folder) for folder in groups.folders}
        assert groups.methods == {"cpu": "cgroup v1", "memory": "cgroup v1"}
        assert found == {
            "a": {"memory.limit_in_bytes": "67108864"},
            "b": {"cpu.cfs_period_us": "20000", "cpu.cfs_quota_us": "5000"},
        }

    def test_limits_them_together_where_they_share_a_hierarchy(self, monkeypatch, place):
        groups = groups_at(monkeypatch, version_1={"memory": place, "cpu": place})

        assert len(groups.folders) == 1

    def test_leaves_to_version_2_what_it_has_not(self, monkeypatch, place):
        (place / "cgroup.subtree_control").write_text("cpu memory\n")

        groups = groups_at(monkeypatch, version_1={"cpu": place}, version_2=place)

        assert groups.methods == {"cpu": "cgroup v1", "memory": "cgroup v2"}


@pytest.fixture
def real():
    """Groups that this machine lets us make, gone afterwards."""
    groups = Groups(BOTH)
    missing = {"cpu", "memory"} - groups.methods.keys()
    if missing:
        groups.remove()
        pytest.skip(f"no control groups of our own on this machine for {sorted(missing)}")
    yield groups
    groups.remove()


@pytest.fixture
def python():
    """Start Python programs that begin when they are told to; they are killed afterwards."""
    with ExitStack() as afterwards:

        def start(script):
            argv = [sys.executable, "-S", "-c", f"import sys; sys.stdin.read(1); {script}"]
            process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            afterwards.enter_context(process)
            afterwards.callback(process.kill)
            return process

        yield start


class TestOnThisMachine:
    """The kernel does it."""

    def test_who_uses_too_much_is_killed_and_it_is_told(self, real, python):
        process = python(f"held = b'x' * {100 * MIB}")

        real.add([process.pid])
        process.communicate(b"\n")

        assert process.returncode == -9
        assert [real.has_killed(), real.has_killed()] == [True, False]

    def test_who_keeps_within_the_limit_is_not(self, real, python):
        process = python(f"held = b'x' * {30 * MIB}")

        real.add([process.pid])
        process.communicate(b"\n")

        assert process.returncode == 0
        assert not real.has_killed()

    def test_who_descends_from_a_member_is_one(self, real, python):
        process = python(
            "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True);"
            "sys.stdin.read(1)"
        )
        real.add([process.pid])

        process.stdin.write(b"\n")
        process.stdin.flush()

        child = int(process.stdout.readline())
        assert real.pids() == {process.pid, child}
        os.kill(child, signal.SIGKILL)

    def test_nobody_gets_more_than_the_share_of_the_cpu(self, real, python):
        process = python(
            "import time; begun = time.monotonic()\n"
            "while time.process_time() < 0.2: pass\n"
            "print(time.monotonic() - begun)"
        )

        real.add([process.pid])
        took_s = float(process.communicate(b"\n")[0])

        # A quarter: 0.8 s, but for what it used before it was put there, and the first period.
        assert took_s > 0.4

    def test_who_is_gone_is_not_missed(self, real, python):
        process = python("pass")
        process.communicate(b"\n")

        real.add([process.pid])

        assert real.pids() == set()

    def test_nothing_is_left_of_them(self, real):
        real.remove()
        real.remove()

        assert [folder for folder in real.folders if folder.exists()] == []
