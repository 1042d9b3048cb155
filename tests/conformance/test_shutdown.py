"""How an environment ends: who is told, in which order, and how long each may take.

Who survives SIGTERM here has the kernel write the signal's number to a file: whether it came can
be seen even if Python had no turn to handle it.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import LOOP, REGISTERED, Story, function, layer_of, told

TERMINATED = bytes([signal.SIGTERM])
RUNTIME_EXITED = ("process exited", "runtime")


def ended(folder, **plans):
    """Return the story of a runtime that survives SIGTERM, with these extensions beside it."""
    layer = layer_of(folder, **plans)
    with Sandbox(function(layer)) as sandbox:
        sandbox.invoke(told("defy", file=str(folder / "runtime")))
        sandbox.shutdown()
    story = Story(sandbox)
    story.outcomes["folder"] = folder
    return story


def took_s(story, who):
    """How long after the shutdown began a process was gone."""
    return story.at_s("process exited", who) - story.at_s("shutdown: spindown", "environment")


def deadline_ms(story, who):
    """How long after the shutdown began an extension's deadline is."""
    (what,) = story.received(who, "SHUTDOWN")
    return what["event"]["deadlineMs"] - story.shutdown_ms()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Nobody registered."""
    return ended(tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def internal(tmp_path_factory):
    """An internal extension alone."""
    plan = [{"do": "register", "events": ["INVOKE"]}, {"do": "go_on"}, LOOP]
    return ended(tmp_path_factory.mktemp("internal"), internal=plan)


@pytest.fixture(scope="module")
def external(tmp_path_factory):
    """One extension that obeys, one that does not, one that did not subscribe to SHUTDOWN."""
    folder = tmp_path_factory.mktemp("external")
    return ended(
        folder,
        good=[REGISTERED, LOOP],
        stubborn=[
            REGISTERED,
            {"do": "defy", "file": str(folder / "stubborn")},
            LOOP,
            {"do": "hang"},
        ],
        unsubscribed=[
            {"do": "register", "events": ["INVOKE"]},
            {"do": "defy", "file": str(folder / "unsubscribed")},
            LOOP,
        ],
    )


class TestWithNobodyRegistered:
    """0 ms."""

    @pytest.mark.rule("§4.4", "Nobody registered: the runtime is killed without SIGTERM")
    def test_the_runtime_is_not_told(self, alone):
        assert (alone.outcomes["folder"] / "runtime").read_bytes() == b""
        assert RUNTIME_EXITED in alone.order


class TestWithInternalExtensionsAlone:
    """500 ms, all of it the runtime's."""

    @pytest.mark.rule("§4.4", "Internal extensions only: the runtime is sent SIGTERM")
    def test_the_runtime_is_told(self, internal):
        assert (internal.outcomes["folder"] / "runtime").read_bytes() == TERMINATED

    @pytest.mark.rule("§4.4", "Internal extensions only: the runtime is killed after 500 ms")
    def test_the_runtime_has_its_time(self, internal):
        assert took_s(internal, "runtime") >= 0.5


class TestWithExternalExtensions:
    """2000 ms, of which the runtime has 30 %."""

    @pytest.mark.rule("§4.4", "With external extensions the runtime is sent SIGTERM")
    def test_the_runtime_is_told(self, external):
        assert (external.outcomes["folder"] / "runtime").read_bytes() == TERMINATED

    @pytest.mark.rule("§4.4", "The runtime is killed after 600 ms: 30 % of the time")
    def test_the_runtime_has_its_share(self, external):
        assert took_s(external, "runtime") >= 0.6

    @pytest.mark.rule("§4.4", "SHUTDOWN is sent when the runtime is gone")
    def test_extensions_are_told_after_the_runtime(self, external):
        order = external.order

        gone = order.index(RUNTIME_EXITED)
        for name in ("good", "stubborn"):
            assert order.index(("told to shut down", name)) > gone

    @pytest.mark.rule("§4.4", "The deadline in SHUTDOWN is 2000 ms after the shutdown began")
    def test_extensions_are_told_until_when(self, external):
        # Two clocks, each rounded to the millisecond.
        assert deadline_ms(external, "good") == pytest.approx(2000, abs=3)

    @pytest.mark.rule("§4.4", "Of 2000 ms, 1400 are left when the runtime took its share")
    def test_extensions_have_what_the_runtime_left(self, external):
        (what,) = external.received("good", "SHUTDOWN")

        assert what["event"]["deadlineMs"] - what["now_ms"] <= 1400

    @pytest.mark.rule("§4.4", "An extension that is still there at the deadline is killed")
    def test_who_stays_is_killed_at_the_deadline(self, external):
        assert took_s(external, "stubborn") >= 2.0

    @pytest.mark.rule("§4.4", "Not subscribed to SHUTDOWN: killed when the runtime is gone")
    def test_who_did_not_subscribe_is_killed_at_once(self, external):
        order = external.order

        killed = order.index(("process exited", "unsubscribed"))
        assert order.index(RUNTIME_EXITED) < killed
        assert killed < order.index(("process exited", "stubborn"))
        assert external.received("unsubscribed", "SHUTDOWN") == []

    @pytest.mark.rule("§4.4", "Extensions are never sent SIGTERM")
    @pytest.mark.parametrize("name", ["stubborn", "unsubscribed"])
    def test_extensions_get_no_signal_but_the_last(self, external, name):
        assert (external.outcomes["folder"] / name).read_bytes() == b""

    @pytest.mark.rule("§4.4", "A runtime that is gone already leaves its share to the extensions")
    def test_a_dead_runtime_is_not_waited_for(self, tmp_path):
        layer = layer_of(tmp_path, external=[REGISTERED, LOOP])
        with Sandbox(function(layer)) as sandbox:
            sandbox.invoke(told("exit_", status=1))
            # The next one comes after the reset.
            sandbox.invoke(told("answer"))
            order = Story(sandbox).order
            (reset,) = Story(sandbox).received("external", "SHUTDOWN")
            reset_ms = Story(sandbox).shutdown_ms()

        assert reset["event"]["deadlineMs"] - reset_ms == pytest.approx(2000, abs=3)
        assert order.index(RUNTIME_EXITED) < order.index(("shutdown: failure", "environment"))


class TestNothingIsLeft:
    """Whatever the processes did."""

    @pytest.mark.rule("§4.4", "After the shutdown no process is left")
    def test_no_process_is_left(self, external):
        sandbox = external.sandbox

        assert (sandbox.runtime_pid, sandbox.extension_pids) == (None, {})
        mark = f"AWS_LAMBDA_RUNTIME_API={sandbox.runtime_api}".encode()
        assert [pid for pid in Path("/proc").iterdir() if mark in variables(pid)] == []


def variables(process):
    """Return the environment of a process; nothing of one that is gone."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
