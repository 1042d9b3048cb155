"""From the first process of a clone to the moment when all have asked next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_sandbox.core.actions import Action, Record
from lambda_sandbox.core.api import Register
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import Input as ExtensionInput
from lambda_sandbox.core.apis.runtime import Input, Runtime
from lambda_sandbox.core.function import SNAP_START, FunctionFacts
from lambda_sandbox.core.invocation import OUT_OF_TIME, Failure
from lambda_sandbox.core.lifecycle.restoration import Restoration
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = replace(
    FunctionFacts("hello", "1", "app.handler", 128, 3.0, "3.13", "stream"),
    initialization_type=SNAP_START,
)
CRASH = Failure("error", "Runtime.ExitError", "exit status 1")
DONE, REPORT = "platform.restoreRuntimeDone", "platform.restoreReport"


class Stage:
    """A restoration that has begun, with the clones of a runtime and its extensions."""

    def __init__(self, *names, needed=True):
        self.out: list[Action] = []
        self.journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=self.out)
        self.control = Control(FUNCTION, names, self.journal, self.out)
        self.restoration = Restoration(self.control, self.journal)
        self.restoration.begin(NOW, needed=needed)
        for name in names:
            self.control.extensions.register(Register(name, ()), f"id-{name}")

    def runtime_goes_through(self, *happened):
        runtime = self.control.runtime
        assert isinstance(runtime, Runtime)
        assert [runtime.take(one) for one in happened] == [None] * len(happened)

    def runtime_asks_next(self):
        self.runtime_goes_through(Input.SNAPSHOT, Input.RESTORE_NEXT, Input.NEXT)

    def extension_asks_next(self, name):
        self.control.extensions.of_process(f"extensions/{name}").take(ExtensionInput.NEXT)

    def told(self):
        """Types and records of what was told since the beginning."""
        events = [action.event for action in self.out if isinstance(action, Record)]
        return [(event["type"], event["record"]) for event in events[1:]]


class TestItsBeginning:
    """It has 10 s, whatever the function's timeout is."""

    def test_is_told(self):
        stage = Stage()

        (record,) = [action for action in stage.out if isinstance(action, Record)]
        assert record.event["type"] == "platform.restoreStart"
        assert stage.restoration.deadline_at == NOW + 10

    @pytest.mark.parametrize("needed", [False, True])
    def test_is_no_part_of_an_invocation_but_may_fail_one(self, needed):
        restoration = Stage(needed=needed).restoration

        assert restoration.fails_invocation is needed
        assert restoration.is_part_of_invocation is False


class TestItsEnd:
    """When the clone of the runtime and all extensions have asked next."""

    def test_is_not_there_while_the_hooks_run(self):
        stage = Stage()
        stage.runtime_goes_through(Input.SNAPSHOT, Input.RESTORE_NEXT)

        assert not stage.restoration.finish(NOW + 1)
        assert stage.told() == []

    def test_comes_with_the_runtimes_next(self):
        stage = Stage()
        stage.runtime_asks_next()

        assert stage.restoration.finish(NOW + 1)
        assert stage.told() == [
            (DONE, {"status": "success"}),
            (REPORT, {"status": "success", "metrics": {"durationMs": 1000.0}}),
        ]
        assert stage.journal.telemetry.closed

    def test_comes_with_the_last_extensions_next(self):
        stage = Stage("listener")
        stage.runtime_asks_next()
        assert not stage.restoration.finish(NOW + 1)
        assert not stage.journal.telemetry.closed

        stage.extension_asks_next("listener")

        assert stage.restoration.finish(NOW + 2)
        assert stage.told() == [
            (DONE, {"status": "success"}),
            (REPORT, {"status": "success", "metrics": {"durationMs": 2000.0}}),
        ]


class TestItsFailure:
    """Reported for the runtime only if it was the runtime's turn."""

    @pytest.mark.parametrize(
        ("runtime_started", "asked", "done"),
        [
            (False, False, []),
            (True, False, [(DONE, {"status": "error", "errorType": "Runtime.ExitError"})]),
            (True, True, [(DONE, {"status": "success"})]),
        ],
    )
    def test_is_told(self, runtime_started, asked, done):
        stage = Stage("listener")
        stage.restoration.runtime_started = runtime_started
        if asked:
            stage.runtime_asks_next()
            stage.restoration.finish(NOW)

        stage.restoration.fail(CRASH, NOW + 1)

        report = {
            "status": "error",
            "errorType": "Runtime.ExitError",
            "metrics": {"durationMs": 1000.0},
        }
        assert stage.told() == [*done, (REPORT, report)]
        assert stage.journal.telemetry.closed

    def test_for_want_of_time_has_no_type(self):
        stage = Stage()

        stage.restoration.fail(OUT_OF_TIME, NOW + 10)

        assert stage.told() == [(REPORT, {"status": "timeout", "metrics": {"durationMs": 10000.0}})]
