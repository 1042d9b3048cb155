"""Processes stand still until they have paid for the CPU time they used."""

from __future__ import annotations

import signal

import pytest

from lambda_sandbox.edge import clock, proc
from lambda_sandbox.edge.cpu_share import LOOK_INTERVAL_S, CpuShare

STOP, GO = signal.SIGSTOP, signal.SIGCONT


class Machine:
    """A loop, a clock and one process, in a time of their own.

    Attributes:
        now: The time, in seconds.
        used_s: The CPU time that the process has used.
        signals: What it was sent.
    """

    def __init__(self):
        self.now = 1000.0
        self.used_s = 0.0
        self.signals = []
        self.calls = []

    def call_at(self, at, call):
        self.calls.append((at, call))

    def look(self):
        """Let the time come for the next look; return when that was."""
        ((self.now, call),) = self.calls
        self.calls.clear()
        call()
        return self.now


@pytest.fixture
def machine(monkeypatch):
    """A machine whose time is the clock's."""
    made = Machine()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    monkeypatch.setattr(proc, "cpu_s", lambda _pid: made.used_s)
    return made


def share_of(machine, share=0.1):
    return CpuShare(machine, lambda: [7], machine.signals.append, share)


class TestWhileTheEnvironmentRuns:
    """Its processes get no more than their share."""

    def test_who_uses_less_is_never_stopped(self, machine):
        share_of(machine).resume()

        for _ in range(100):
            machine.used_s += 0.09 * LOOK_INTERVAL_S
            machine.look()

        assert machine.signals == []

    def test_who_uses_more_stands_still_until_it_is_paid_for(self, machine):
        share_of(machine).resume()
        machine.used_s += 0.011

        stopped_at = machine.look()
        resumed_at = machine.look()

        assert machine.signals == [STOP, GO]
        assert resumed_at - stopped_at == pytest.approx(0.1)

    def test_who_is_still_in_debt_stands_still_for_longer(self, machine):
        share_of(machine).resume()
        machine.used_s += 0.011
        machine.look()
        machine.used_s += 0.01

        machine.look()

        assert machine.signals == [STOP, STOP]

    def test_what_is_saved_is_what_a_period_allows_at_most(self, machine):
        share_of(machine).resume()
        for _ in range(1000):
            machine.look()

        machine.used_s += 0.02
        stopped_at = machine.look()

        assert machine.signals == [STOP]
        assert machine.look() - stopped_at == pytest.approx(0.09)


class TestWhoeverElseDecides:
    """Is not interfered with."""

    def test_a_freeze_is_not_ended_when_the_debt_is_paid(self, machine):
        share = share_of(machine)
        share.resume()
        machine.used_s += 0.011
        machine.look()

        share.pause()
        machine.look()

        assert machine.signals == [STOP]
        assert machine.calls == []

    def test_a_thaw_begins_the_looking_anew_and_once(self, machine):
        share = share_of(machine)
        for _ in range(3):
            share.resume()
            share.resume()
            share.pause()
        share.resume()

        machine.look()

        assert len(machine.calls) == 1
        assert machine.signals == []

    def test_the_end_lets_go_of_who_stands_still(self, machine):
        share = share_of(machine)
        share.resume()
        machine.used_s += 0.011
        machine.look()

        share.release()
        share.release()
        machine.look()

        assert machine.signals == [STOP, GO]

    def test_the_end_does_not_end_a_freeze(self, machine):
        share = share_of(machine)
        share.resume()
        machine.used_s += 0.011
        machine.look()

        share.pause()
        share.release()

        assert machine.signals == [STOP]

    def test_without_a_share_nobody_looks(self, machine):
        share_of(machine, None).resume()

        assert machine.calls == []
