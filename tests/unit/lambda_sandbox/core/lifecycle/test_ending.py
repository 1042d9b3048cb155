"""The end of an environment, asked for once, twice, and while another is under way."""

from __future__ import annotations

import json

from lambda_sandbox.core.actions import (
    Action,
    Answer,
    Deliver,
    FinishShutdown,
    Kill,
    Note,
    Terminate,
)
from lambda_sandbox.core.api import Register
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import Input
from lambda_sandbox.core.events import RUNTIME, ShutdownRequested
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.lifecycle.ending import Ending
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
LISTENER = "extensions/listener"
RECYCLE = ShutdownRequested("spindown", for_good=False)
FOR_GOOD = ShutdownRequested("failure")
SUBSCRIPTION = {
    "schemaVersion": "2022-12-13",
    "types": ["platform"],
    "destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"},
}


class Story:
    """An environment of which only the end is told; an extension listens to SHUTDOWN."""

    def __init__(self):
        self.out: list[Action] = []
        self.journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=self.out)
        control = Control(FUNCTION, ("listener",), self.journal, self.out)
        control.extensions.register(Register("listener", ("SHUTDOWN",)), "id")
        (extension,) = control.extensions
        extension.take(Input.NEXT)
        extension.client_id = 7  # who asked
        self.ending = Ending(control, self.journal, self.out)

    def step(self, *alive, now=NOW):
        """Go on; return whether all have ended, and what was ordered."""
        self.out.clear()
        finished = self.ending.step(frozenset(alive), now)
        return finished, list(self.out)


class TestAnEndThatIsWanted:
    """Is the first that was asked for, unless a later one is for good."""

    def test_gives_its_reason_when_it_is_taken_up_and_is_wanted_no_more(self):
        ending = Story().ending
        ending.request(RECYCLE)

        assert ending.take_up() == "spindown"
        assert ending.wanted is None

    def test_is_the_one_for_good_whenever_that_was_asked_for(self):
        for requests in ([RECYCLE, FOR_GOOD], [FOR_GOOD, RECYCLE]):
            ending = Story().ending
            for request in requests:
                ending.request(request)

            assert ending.wanted == FOR_GOOD

    def test_is_none_if_nobody_asked(self):
        assert Story().ending.take_up() is None


class TestAShutdown:
    """Is said, and goes on until nobody lives."""

    def test_is_noted(self):
        story = Story()

        story.ending.begin("timeout", NOW)

        assert story.out == [Note("shutdown: timeout", "environment")]

    def test_ends_the_runtime_then_tells_the_extensions_and_ends_with_the_last(self):
        story = Story()
        story.ending.begin("spindown", NOW)

        assert story.step(RUNTIME, LISTENER) == (False, [Terminate(RUNTIME)])
        assert story.ending.timer_at(frozenset({RUNTIME, LISTENER})) == NOW + 0.6
        assert story.step(RUNTIME, LISTENER, now=NOW + 0.6) == (False, [Kill(RUNTIME)])
        finished, orders = story.step(LISTENER, now=NOW + 0.7)
        assert (finished, [type(order) for order in orders]) == (False, [Answer, Note])
        assert story.step(LISTENER, now=NOW + 2) == (False, [Kill(LISTENER)])
        assert story.step(now=NOW + 2.1) == (True, [])

    def test_tells_nobody_before_its_telemetry_is_with_the_subscribers(self):
        story = Story()
        story.journal.subscribe("listener", json.dumps(SUBSCRIPTION).encode(), NOW)
        story.journal.init_started("init", NOW)
        story.ending.begin("spindown", NOW)

        _, orders = story.step(LISTENER)

        assert [type(order) for order in orders] == [Deliver]


class TestTheConclusion:
    """Nobody is told of an end before that for which they asked."""

    def test_is_the_end_that_was_begun(self):
        ending = Story().ending
        ending.request(RECYCLE)
        ending.take_up()

        assert ending.conclude()
        assert ending.wanted == RECYCLE

    def test_is_that_another_is_wanted_if_it_was_asked_for_meanwhile(self):
        for later in (RECYCLE, FOR_GOOD):
            ending = Story().ending
            ending.request(RECYCLE)
            ending.take_up()
            ending.request(later)

            assert not ending.conclude()
            assert ending.wanted == later

    def test_is_for_good_whatever_was_asked_for_meanwhile(self):
        ending = Story().ending
        ending.request(FOR_GOOD)
        ending.take_up()
        ending.request(RECYCLE)

        assert ending.conclude()
        assert ending.wanted == FOR_GOOD

    def test_is_told_once(self):
        story = Story()
        story.ending.request(RECYCLE)

        story.ending.finish()
        story.ending.finish()

        assert story.out == [FinishShutdown()]
        assert story.ending.wanted is None
