"""The table of an environment's end: who is told what, and when."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.actions import Kill, Terminate
from lambda_sandbox.core.api import Register
from lambda_sandbox.core.apis.extension import Extension, Extensions, Input
from lambda_sandbox.core.lifecycle.shutdown import Shutdown, budget_s

RUNTIME = "runtime"
LISTENER, QUIET = "extensions/listener", "extensions/quiet"
EVERYBODY = frozenset({RUNTIME, LISTENER, QUIET})
EXTENSIONS = EVERYBODY - {RUNTIME}
START = 100.0


def extensions_with(files=(), internal=()):
    """``listener`` subscribes to SHUTDOWN, the others do not; all have asked next."""
    extensions = Extensions(tuple(files))
    for name in (*files, *internal):
        events = ("SHUTDOWN",) if name == "listener" else ()
        registered = extensions.register(Register(name, events), f"id-{name}")
        assert isinstance(registered, Extension)
        registered.take(Input.NEXT)
    return extensions


def shutdown_of(**kwargs):
    return Shutdown("spindown", extensions_with(**kwargs), START)


class TestTheBudget:
    """0, 0.5 or 2 seconds."""

    @pytest.mark.parametrize(
        ("registered", "seconds"),
        [
            ({}, 0.0),
            ({"internal": ["thread"]}, 0.5),
            ({"files": ["listener"], "internal": ["thread"]}, 2.0),
        ],
    )
    def test_depends_on_who_registered(self, registered, seconds):
        assert budget_s(extensions_with(**registered)) == seconds

    def test_a_file_that_has_not_registered_buys_none(self):
        assert budget_s(Extensions(("listener",))) == 0.0


class TestWithoutExtensions:
    """There is nobody to give time to."""

    def test_the_runtime_is_killed_at_once_and_once(self):
        shutdown = shutdown_of()

        assert shutdown.step(frozenset({RUNTIME}), START) == [Kill(RUNTIME)]
        assert shutdown.step(frozenset({RUNTIME}), START) == []
        assert shutdown.timer_at(frozenset({RUNTIME})) is None

    def test_a_file_that_has_not_registered_is_killed_with_it(self):
        shutdown = Shutdown("failure", Extensions(("listener",)), START)

        assert shutdown.step(frozenset({RUNTIME, LISTENER}), START) == [
            Kill(LISTENER),
            Kill(RUNTIME),
        ]


class TestWithAnInternalExtension:
    """SIGTERM reaches the runtime, which has half a second."""

    def test_the_runtime_is_asked_then_killed(self):
        shutdown, alive = shutdown_of(internal=["thread"]), frozenset({RUNTIME})

        assert shutdown.step(alive, START) == [Terminate(RUNTIME)]
        assert shutdown.timer_at(alive) == START + 0.5
        assert shutdown.step(alive, START + 0.4) == []
        assert shutdown.step(alive, START + 0.5) == [Kill(RUNTIME)]


class TestWithExternalExtensions:
    """The runtime first, with 30 % of two seconds; then the extensions."""

    def test_nobody_but_the_runtime_is_touched_while_it_lives(self):
        shutdown = shutdown_of(files=["listener", "quiet"])

        assert shutdown.step(EVERYBODY, START) == [Terminate(RUNTIME)]
        assert shutdown.told_now(EVERYBODY) == []
        assert shutdown.timer_at(EVERYBODY) == pytest.approx(START + 0.6)

    def test_a_runtime_that_does_not_go_is_killed_once(self):
        shutdown = shutdown_of(files=["listener"])
        shutdown.step(EVERYBODY, START)

        assert shutdown.step(EVERYBODY, START + 0.59) == []
        assert shutdown.step(EVERYBODY, START + 0.6) == [Kill(RUNTIME)]
        assert shutdown.step(EVERYBODY, START + 0.7) == []
        assert shutdown.timer_at(EVERYBODY) == START + 2.0

    def test_then_those_who_subscribed_are_told_and_the_others_killed(self):
        shutdown = shutdown_of(files=["listener", "quiet"])

        assert shutdown.step(EXTENSIONS, START + 0.1) == [Kill(QUIET)]
        assert [extension.name for extension in shutdown.told_now(EXTENSIONS)] == ["listener"]

    def test_each_is_told_once(self):
        shutdown = shutdown_of(files=["listener"])
        shutdown.told_now(frozenset({LISTENER}))

        assert shutdown.told_now(frozenset({LISTENER})) == []

    def test_one_that_is_busy_is_told_when_it_asks_next(self):
        extensions = extensions_with(files=["listener"])
        listener = extensions.of_process(LISTENER)
        listener.take(Input.EVENT)
        shutdown = Shutdown("timeout", extensions, START)

        assert shutdown.told_now(frozenset({LISTENER})) == []
        listener.take(Input.NEXT)
        assert shutdown.told_now(frozenset({LISTENER})) == [listener]

    def test_whoever_is_left_is_killed_at_the_end(self):
        shutdown = shutdown_of(files=["listener"])

        assert shutdown.step(frozenset({LISTENER}), START + 1.99) == []
        assert shutdown.timer_at(frozenset({LISTENER})) == START + 2.0
        assert shutdown.step(frozenset({LISTENER}), START + 2.0) == [Kill(LISTENER)]
        assert shutdown.step(frozenset({LISTENER}), START + 2.1) == []

    def test_there_is_nothing_to_wait_for_when_all_are_gone(self):
        assert shutdown_of(files=["listener"]).timer_at(frozenset()) is None
