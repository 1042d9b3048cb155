"""One invocation at a time, and a freeze between two of them: what Lambda does by default."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, MeasureMemory
from lambda_sandbox.core.invocation import OUT_OF_TIME, timeout_text
from lambda_sandbox.core.lifecycle.invocations import Invocations

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Failure, Run
    from lambda_sandbox.core.lifecycle.freezer import Freezer
    from lambda_sandbox.core.telemetry.journal import Journal


class Stage(Enum):
    """Where the invocation stands."""

    RESTING = "resting"  # none is under way
    INVOKING = "invoking"  # the runtime and the extensions have to ask next
    REPORTING = "reporting"  # all have; the memory is being measured


class SequentialInvocations(Invocations):
    """Run invocations one after the other.

    Args:
        function: Whose timeout they are under.
        control: Who has spoken.
        journal: Who is told.
        freezer: Thaws the environment for an invocation.
        out: Where the actions go.
    """

    def __init__(
        self,
        function: FunctionFacts,
        control: Control,
        journal: Journal,
        freezer: Freezer,
        out: list[Action],
    ) -> None:
        super().__init__(function, control, journal, out)
        self._freezer = freezer
        self._stage = Stage.RESTING
        self._run: Run | None = None

    @property
    def resting(self) -> bool:
        """Whether none is under way."""
        return self._stage is Stage.RESTING

    @property
    def timer_at(self) -> float | None:
        """When the function's timeout is over; it counts until all have asked next."""
        if self._run is None or self._stage is not Stage.INVOKING:
            return None
        return self._run.deadline_at

    def step(self, now: float) -> bool:
        """Begin the next invocation, or end the one under way if all have asked next."""
        match self._stage:
            case Stage.RESTING:
                return self._invoke(now)
            case Stage.INVOKING:
                return self._finish(now)
            case Stage.REPORTING:  # pragma: no branch  # mypy: the last one
                return False

    def _invoke(self, now: float) -> bool:
        if not self._waiting:
            return False
        self._freezer.thaw(now)
        self._run = self._begin(now)
        self._stage = Stage.INVOKING
        self._control.invoke(self._run, now)
        return True

    def _finish(self, now: float) -> bool:
        run, control = self._run, self._control
        assert run is not None, "an invocation runs"
        if run.outcome is None or not control.runtime.is_ready:
            return False
        if run.runtime_done_at is None:
            run.runtime_done_at = now
            self._journal.runtime_done(run, "success", None, now)
        if not control.extensions.all_ready:
            return False
        self._stage = Stage.REPORTING
        self._out.append(MeasureMemory())
        return True

    def memory_measured(self, now: float) -> None:
        """Report the invocation that waits for this, if one does."""
        if self._stage is Stage.REPORTING:
            assert self._run is not None, "an invocation runs"
            self._journal.reported(self._run, "success", None, now)
            self._rest()

    def time_reached(self, now: float) -> Failure | None:
        """Return the timeout, if it is over: it ends the environment, too."""
        if self.timer_at is None or self.timer_at > now:
            return None
        return OUT_OF_TIME

    def _tell_failure(self, run: Run, failure: Failure, now: float) -> None:
        if failure.status == "timeout":
            line = timeout_text(run.request_id, self._timeout_s, self._journal.epoch(now))
            self._journal.timed_out(line)
        else:
            self._journal.failed(run.request_id, failure.text, failure.error_type)
        if run.runtime_done_at is None:
            self._journal.runtime_done(run, failure.status, failure.reported_type, now)
        self._journal.reported(run, failure.status, failure.reported_type, now)

    def fail(self, failure: Failure, now: float) -> None:
        """End the invocation under way, if one is."""
        if self._run is not None:
            self._give_up(self._run, failure, now)
            self._rest()

    def _rest(self) -> None:
        assert self._run is not None, "an invocation runs"
        self._control.forget(self._run.request_id)
        self._run = None
        self._stage = Stage.RESTING
