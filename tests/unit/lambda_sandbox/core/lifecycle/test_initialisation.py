"""How long an initialisation may take, and whom it is part of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_sandbox.core.actions import Action, FinishInit, Record
from lambda_sandbox.core.api import Register
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import Extension
from lambda_sandbox.core.apis.extension import Input as ExtensionInput
from lambda_sandbox.core.function import (
    MANAGED_INSTANCES,
    ON_DEMAND,
    PROVISIONED_CONCURRENCY,
    SNAP_START,
    FunctionFacts,
    InitializationType,
)
from lambda_sandbox.core.invocation import Failure, InitOutcome
from lambda_sandbox.core.lifecycle.initialisation import Initialisation
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
CRASH = Failure("error", "Runtime.ExitError", "exit status 1", b"{}")


class Stage:
    """An initialisation with nobody but the runtime to wait for."""

    def __init__(self, initialization_type: InitializationType = ON_DEMAND):
        self.out: list[Action] = []
        function = replace(FUNCTION, initialization_type=initialization_type)
        journal = Journal(function, supported=True, epoch_s=0.0, out=self.out)
        self.control = Control(function, (), journal, self.out)
        self.journal = journal
        self.init = Initialisation(function, self.control, journal, self.out, timeout_s=10.0)

    def outcomes(self):
        return [action.outcome for action in self.out if isinstance(action, FinishInit)]

    def phases(self):
        events = [action.event for action in self.out if isinstance(action, Record)]
        return [event["record"]["phase"] for event in events]

    def types(self):
        events = [action.event for action in self.out if isinstance(action, Record)]
        return [event["type"] for event in events]


class TestItsLimit:
    """Its own the first time, then the function's."""

    @pytest.mark.parametrize(
        ("again", "needed", "limit_s", "part"),
        [
            (False, False, 10.0, False),
            (False, True, 10.0, False),
            (True, False, 10.0, False),
            (True, True, 3.0, True),
        ],
    )
    def test_is_the_functions_when_an_invocation_waits_after_a_reset(
        self, again, needed, limit_s, part
    ):
        stage = Stage()
        if again:
            stage.init.again()

        stage.init.begin(NOW, needed=needed)

        assert stage.init.deadline_at == NOW + limit_s
        assert stage.init.is_part_of_invocation is part


class TestTheInvocationThatWaitsForIt:
    """On demand it fails with the second try; elsewhere there is none."""

    @pytest.mark.parametrize(
        ("initialization_type", "at_first", "after_a_reset"),
        [
            (ON_DEMAND, False, True),
            (PROVISIONED_CONCURRENCY, False, True),
            (SNAP_START, True, True),
            (MANAGED_INSTANCES, True, True),
        ],
    )
    def test_fails_with_it(self, initialization_type, at_first, after_a_reset):
        stage = Stage(initialization_type)

        stage.init.begin(NOW, needed=True)
        assert stage.init.fails_invocation is at_first
        stage.init.again()
        stage.init.begin(NOW, needed=True)
        assert stage.init.fails_invocation is after_a_reset

    @pytest.mark.parametrize(
        "initialization_type", [ON_DEMAND, PROVISIONED_CONCURRENCY, SNAP_START, MANAGED_INSTANCES]
    )
    def test_is_not_there_if_none_waits(self, initialization_type):
        stage = Stage(initialization_type)
        stage.init.again()

        stage.init.begin(NOW, needed=False)

        assert not stage.init.fails_invocation
        assert not stage.init.is_part_of_invocation


class TestItsPhase:
    """Where a reset is followed by a suppressed init, telemetry says so."""

    @pytest.mark.parametrize(
        ("initialization_type", "phase"),
        [
            (ON_DEMAND, "invoke"),
            (PROVISIONED_CONCURRENCY, "invoke"),
            (SNAP_START, "init"),
            (MANAGED_INSTANCES, "init"),
        ],
    )
    def test_is_invoke_after_a_reset(self, initialization_type, phase):
        stage = Stage(initialization_type)
        stage.init.begin(NOW, needed=True)
        stage.init.again()

        stage.init.begin(NOW, needed=True)
        stage.init.runtime_started = True
        stage.init.fail(CRASH, NOW)

        assert stage.phases() == ["init", phase, phase, phase]

    def test_is_init_in_the_environment_that_takes_the_place_of_this_one(self):
        stage = Stage()
        stage.init.again()
        stage.init.anew()

        stage.init.begin(NOW, needed=True)

        assert stage.phases() == ["init"]
        assert stage.init.deadline_at == NOW + 10


class TestSuccess:
    """When all have asked next."""

    def test_comes_with_the_last_next(self):
        stage = Stage()
        stage.init.begin(NOW, needed=False)
        assert not stage.init.finish(NOW + 1)

        stage.control.runtime.ask_next(7)

        assert stage.init.finish(NOW + 2)
        assert stage.outcomes() == [InitOutcome("success", None, None, 2.0)]
        assert stage.journal.telemetry.closed

    def test_waits_for_an_extension_and_says_where_it_stands(self):
        stage = Stage()
        stage.init.begin(NOW, needed=False)
        stage.control.runtime.ask_next(7)
        thread = stage.control.extensions.register(Register("thread", ()), "id-thread")
        assert isinstance(thread, Extension)
        assert not stage.init.finish(NOW)

        thread.take(ExtensionInput.NEXT)

        assert stage.init.finish(NOW)
        assert "platform.extension" in stage.types()

    def test_comes_with_the_snapshot_and_not_with_next_if_there_is_to_be_one(self):
        stage = Stage(SNAP_START)
        stage.init.begin(NOW, needed=False)
        assert not stage.init.finish(NOW)

        stage.control.snapshot_taken()

        assert stage.init.finish(NOW)
        assert stage.outcomes() == [InitOutcome("success", None, None, 0.0)]

    def test_comes_with_the_next_of_the_first_worker(self):
        stage = Stage(MANAGED_INSTANCES)
        stage.init.begin(NOW, needed=False)
        assert not stage.init.finish(NOW)

        stage.control.runtime.ask_next(7)

        assert stage.init.finish(NOW)

    def test_is_repeated_to_whoever_asks_again(self):
        stage = Stage()
        stage.init.begin(NOW, needed=False)
        stage.control.runtime.ask_next(7)
        stage.init.finish(NOW)

        stage.init.repeat_outcome()

        assert stage.outcomes() == [InitOutcome("success", None, None, 0.0)] * 2


class TestFailure:
    """Reported for the runtime only if it was the runtime's turn."""

    @pytest.mark.parametrize(
        ("runtime_started", "asked", "runtime_done"),
        [(False, False, 0), (True, False, 1), (True, True, 1)],
    )
    def test_reports_the_runtime_once_if_it_was_started(self, runtime_started, asked, runtime_done):
        stage = Stage()
        stage.init.begin(NOW, needed=False)
        stage.init.runtime_started = runtime_started
        stage.control.extensions.register(Register("thread", ()), "id-thread")
        if asked:
            stage.control.runtime.ask_next(7)
            assert not stage.init.finish(NOW)

        stage.init.fail(CRASH, NOW + 1)

        assert stage.types().count("platform.initRuntimeDone") == runtime_done
        assert stage.types()[-2:] == ["platform.extension", "platform.initReport"]
        assert stage.journal.telemetry.closed
        assert stage.outcomes() == [InitOutcome("error", "Runtime.ExitError", b"{}", 1.0)]

    def test_may_be_that_there_will_be_none(self):
        stage = Stage()
        stage.init.wanted = True

        stage.init.refuse("Sandbox.Failure")

        assert stage.outcomes() == [InitOutcome("failure", "Sandbox.Failure", None, 0.0)]
        assert not stage.init.wanted
