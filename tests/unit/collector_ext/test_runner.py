"""The loop, with peers that are lists."""

from __future__ import annotations

import os
import select

import pytest

from collector_ext.core.actions import INFO, Action, AskNext, Exit, Say
from collector_ext.core.delivery.strategy import End
from collector_ext.core.events import Event, InvokeReceived
from collector_ext.core.lifecycle import Lifecycle
from collector_ext.runner import Runner
from tests.fakes.pipelines import pipelines_to

NOW = 1_000.0


class Peer:
    """Events that wait for the runner; a full pipe is what it polls for."""

    def __init__(self, *events: Event) -> None:
        self.waiting = list(events)
        self.reader, self.writer = os.pipe()
        os.write(self.writer, b".")

    def interests(self):
        return [(self.reader, select.POLLIN)]

    def events(self):
        waiting, self.waiting = self.waiting, []
        return waiting

    def ask_next(self):
        return ()

    def export(self, order):
        """Nothing is exported here."""

    def close(self):
        os.close(self.reader)
        os.close(self.writer)


class Script(Lifecycle):
    """Exits at the first event of the platform; its timer is as it is told."""

    def __init__(self, timer_at: float) -> None:
        super().__init__(pipelines_to(), End(), flush_timeout_s=1.0, has_telemetry=False)
        self.told: list[Event] = []
        self._timer_at = timer_at

    def timer_at(self, now: float) -> float:
        assert now == NOW
        return self._timer_at

    def handle(self, event: Event, now: float) -> list[Action]:
        self.told.append(event)
        return [AskNext(), Say(INFO, f"{now}"), Exit()]


@pytest.mark.parametrize("timer_at", [NOW + 30 * 86_400, 2.0**53, float("inf")])
def test_a_timer_in_the_far_future_is_waited_for_in_parts(timer_at):
    peer, script = Peer(InvokeReceived("r-1", timer_at)), Script(timer_at)

    try:
        Runner(
            script,
            extensions_api=peer,
            telemetry=None,
            receiver=peer,
            exporter=peer,
            keep=None,
            say=lambda *_: None,
            now=lambda: NOW,
        ).run()
    finally:
        peer.close()

    assert script.told == [InvokeReceived("r-1", timer_at)]
