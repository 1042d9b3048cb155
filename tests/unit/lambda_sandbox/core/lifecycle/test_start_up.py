"""What initialisation and restoration have in common."""

from __future__ import annotations

from lambda_sandbox.core.actions import Action
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.lifecycle.start_up import StartUp
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")


class Brief(StartUp):
    """A start-up of at most 2 s, which nobody takes part in."""

    def begin(self, now, *, needed):
        self.fails_invocation = needed
        self._began(now, 2.0)

    def finish(self, now):
        return self.started_at < now

    def fail(self, failure, now):
        """Leave it at that."""


def brief():
    out: list[Action] = []
    journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=out)
    return Brief(Control(FUNCTION, (), journal, out), journal)


class TestAStartUp:
    """It has a beginning and a limit, and may be begun again."""

    def test_has_its_limit_from_its_beginning(self):
        start_up = brief()

        start_up.begin(NOW, needed=False)

        assert (start_up.started_at, start_up.deadline_at) == (NOW, NOW + 2)

    def test_is_late_when_its_limit_is_reached(self):
        start_up = brief()
        start_up.begin(NOW, needed=False)

        assert [start_up.is_late(NOW + after_s) for after_s in (1.9, 2.0)] == [False, True]

    def test_begins_without_a_runtime_each_time(self):
        start_up = brief()
        start_up.begin(NOW, needed=False)
        start_up.runtime_started = True

        start_up.begin(NOW + 9, needed=False)

        assert (start_up.runtime_started, start_up.started_at) == (False, NOW + 9)

    def test_is_nobodys_before_it_begins(self):
        start_up = brief()

        assert not start_up.is_part_of_invocation
        assert not start_up.fails_invocation
        assert not start_up.runtime_started
