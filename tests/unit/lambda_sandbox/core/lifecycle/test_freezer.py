"""The freeze waits for telemetry, and telemetry for the thaw."""

from __future__ import annotations

from lambda_sandbox.core.actions import Action, Deliver, Freeze, Thaw
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.lifecycle.freezer import Freezer
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
WANTED = (
    b'{"schemaVersion": "2022-12-13", "types": ["function"], "buffering": {"timeoutMs": 25},'
    b'"destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"}}'
)


class Winter:
    """A freezer, and what it ordered."""

    def __init__(self):
        self.out: list[Action] = []
        self.journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=self.out)
        self.freezer = Freezer(self.journal, self.out)
        self.journal.subscribe("listener", WANTED, NOW)
        self.out.clear()


class TestTheFreezer:
    """Nothing is frozen while telemetry is under way, and nothing delivered while frozen."""

    def test_freezes_once(self):
        winter = Winter()

        winter.freezer.freeze()
        winter.freezer.freeze()

        assert winter.out == [Freeze()]
        assert winter.freezer.frozen

    def test_waits_for_a_batch_under_way(self):
        winter = Winter()
        winter.journal.line_written("runtime", "hello", NOW)
        winter.journal.deliver(NOW + 0.03)
        winter.out.clear()

        winter.freezer.freeze()
        assert winter.out == []
        winter.journal.telemetry.finish("listener", NOW + 0.04, accepted=True)
        winter.freezer.freeze()

        assert winter.out == [Freeze()]

    def test_sends_with_the_thaw_what_became_due(self):
        winter = Winter()
        winter.journal.line_written("runtime", "hello", NOW)
        winter.freezer.freeze()
        winter.out.clear()

        winter.freezer.thaw(NOW + 3600)

        thaw, batch = winter.out
        assert thaw == Thaw()
        assert isinstance(batch, Deliver)
        assert not winter.freezer.frozen

    def test_thaws_only_what_is_frozen(self):
        winter = Winter()

        winter.freezer.thaw(NOW)

        assert winter.out == []
