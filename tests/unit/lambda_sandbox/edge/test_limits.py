"""What a process may use, and what happens to the one that uses too much."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import ExitStack

import pytest

from lambda_sandbox.core.events import MemoryMeasured
from lambda_sandbox.edge import clock, proc
from lambda_sandbox.edge.limits import (
    FIRST_INTERVAL_S,
    WATCH_INTERVAL_S,
    MemoryWatch,
    restrict,
)

MIB = 1 << 20
GONE = 2**22  # larger than any process id


@pytest.fixture
def hoarder():
    """Start processes that use so much memory; they are killed afterwards."""
    with ExitStack() as afterwards:

        def start(mib):
            script = f"held = b'x' * {mib * MIB}; print(flush=True); import time; time.sleep(600)"
            process = subprocess.Popen([sys.executable, "-S", "-c", script], stdout=subprocess.PIPE)
            afterwards.enter_context(process)
            afterwards.callback(process.kill)
            assert process.stdout is not None
            process.stdout.readline()
            return process

        yield start


def look(loop):
    """Let one look's time pass; return what was told."""
    return loop.take(clock.now() + 1.5 * WATCH_INTERVAL_S)


class TestRestricting:
    """Sets the limits of Lambda, or lower ones if the machine has them."""

    def test_allows_so_many_files_and_no_core_dump(self, hoarder):
        process = hoarder(1)

        restrict(process.pid, 1024)

        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (1024, 1024)
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)

    def test_raises_no_limit(self, hoarder):
        process = hoarder(1)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (100, 200))

        restrict(process.pid, 1024)

        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (200, 200)

    def test_leaves_the_files_alone_where_they_are_not_limited(self, hoarder):
        process = hoarder(1)

        restrict(process.pid, None)

        ours = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == ours
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)


class TestTheMemoryWatch:
    """Looks while the processes run."""

    def test_kills_the_process_that_uses_most(self, loop, hoarder):
        less, most = hoarder(30), hoarder(50)
        watch = MemoryWatch(loop, lambda: [less.pid, most.pid], 60 * MIB)

        watch.resume()
        told = look(loop)

        assert told is not None
        assert told[1] == MemoryMeasured(60 * MIB)
        assert most.wait() == -9
        assert less.poll() is None
        assert [watch.has_killed(process.pid) for process in (less, most)] == [False, True]

    def test_leaves_processes_alone_that_keep_within_the_limit(self, loop, hoarder):
        process = hoarder(30)
        looks = []

        def members():
            looks.append("")
            return [process.pid]

        watch = MemoryWatch(loop, members, 60 * MIB)

        watch.resume()

        assert look(loop) is not None
        assert look(loop) is not None
        assert len(looks) >= 2
        assert process.poll() is None

    def test_tells_what_is_used_and_soon_after_a_start(self, loop, hoarder):
        one, other = hoarder(30), hoarder(50)
        watch = MemoryWatch(loop, lambda: [one.pid, other.pid], None)

        watch.expect()
        watch.resume()
        told = loop.take(clock.now() + FIRST_INTERVAL_S * 8)

        used_bytes = proc.peak_bytes(one.pid) + proc.peak_bytes(other.pid)
        assert told is not None
        assert told[1] == MemoryMeasured(used_bytes)

    def test_tells_no_more_than_may_be_used(self, loop, hoarder):
        one, other = hoarder(30), hoarder(1)
        watch = MemoryWatch(loop, lambda: [one.pid, other.pid], 44 * MIB)

        watch.resume()
        told = look(loop)

        assert told is not None
        assert told[1] == MemoryMeasured(44 * MIB)
        assert [one.poll(), other.poll()] == [None, None]

    def test_does_not_look_while_it_pauses(self, loop, hoarder):
        process = hoarder(30)
        watch = MemoryWatch(loop, lambda: [process.pid], MIB)

        watch.resume()
        watch.pause()

        assert look(loop) is None
        assert process.poll() is None

    def test_looks_once_at_a_time_however_often_it_is_resumed(self, loop, monkeypatch):
        calls = []
        monkeypatch.setattr(loop, "call_at", lambda _at, call: calls.append(call))
        watch = MemoryWatch(loop, list, MIB)

        for _ in range(3):
            watch.pause()
            watch.resume()

        assert len(calls) == 1

    @pytest.mark.parametrize(("bytes_max", "kills"), [(None, True), (MIB, False)])
    def test_kills_nobody_where_it_does_not_enforce_a_limit(self, loop, hoarder, bytes_max, kills):
        process = hoarder(30)
        watch = MemoryWatch(loop, lambda: [process.pid], bytes_max, kills=kills)

        watch.resume()

        assert look(loop) is not None
        assert process.poll() is None

    def test_does_not_mind_if_the_process_is_gone_meanwhile(self, loop, monkeypatch):
        monkeypatch.setattr(proc, "claimed_bytes", lambda _pid: 2 * MIB)
        watch = MemoryWatch(loop, lambda: [GONE], MIB)

        watch.resume()

        assert look(loop) is not None
