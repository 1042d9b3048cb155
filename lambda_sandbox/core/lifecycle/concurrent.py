"""Many invocations at a time, and no freeze: what Lambda does in a managed instance.

Each has a worker of the runtime to itself and a timeout of its own. Running out of time ends
the invocation and nothing else: its worker goes on, and its late response is refused.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_sandbox.core.apis.workers import Workers
from lambda_sandbox.core.invocation import OUT_OF_TIME
from lambda_sandbox.core.lifecycle.invocations import Invocations

if TYPE_CHECKING:
    from lambda_sandbox.core.actions import Action
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Failure, Run
    from lambda_sandbox.core.telemetry.journal import Journal


class ConcurrentInvocations(Invocations):
    """Run an invocation in each worker that is free.

    Args:
        function: Whose timeout they are under.
        control: Who has spoken.
        journal: Who is told.
        out: Where the actions go.
    """

    def __init__(
        self, function: FunctionFacts, control: Control, journal: Journal, out: list[Action]
    ) -> None:
        super().__init__(function, control, journal, out)
        self._runs: dict[str, Run] = {}
        self._stuck_since: float | None = None  # from when on some wait and no worker is free

    @property
    def resting(self) -> bool:
        """Whether none is under way, and none waits for a worker."""
        return not (self._runs or self.wait)

    @property
    def timer_at(self) -> float | None:
        """When the first of them is out of time."""
        deadlines = [run.deadline_at for run in self._runs.values()]
        if self._stuck_since is not None:
            deadlines.append(self._stuck_since + self._timeout_s)
        return min(deadlines, default=None)

    def step(self, now: float) -> bool:
        """Report those that were answered, and begin the next if a worker is free."""
        for run in [run for run in self._runs.values() if run.outcome is not None]:
            assert run.outcome is not None, "it was answered"
            status = "error" if run.outcome.function_error else "success"
            self._journal.reported_managed(run, status, run.outcome.error_type, now)
            self._forget(run)
        if not self._may_begin:
            if not self.wait:
                self._stuck_since = None
            elif self._stuck_since is None:
                self._stuck_since = now
            return False
        self._stuck_since = None
        run = self._begin(now)
        self._runs[run.request_id] = run
        self._control.invoke(run, now)
        return True

    @property
    def _may_begin(self) -> bool:
        # A request id is given again only when its first invocation has ended.
        is_free = self._control.runtime.is_ready
        return is_free and self.wait and self._waiting[0].request_id not in self._runs

    def time_reached(self, now: float) -> Failure | None:
        """End those that are out of time; the environment goes on."""
        workers = self._control.runtime
        assert isinstance(workers, Workers), "the runtime of a managed instance"
        late = [run for run in self._runs.values() if run.deadline_at <= now]
        for run in late:
            workers.expire(run.request_id)
            self._give_up(run, OUT_OF_TIME, now)
            self._forget(run)
        if late:
            self._stuck_since = None  # their workers may be free soon
        if self._stuck_since is not None and self._stuck_since + self._timeout_s <= now:
            # All workers may be gone while the process they were forked from lives.
            while self.wait:
                self.fail_first(OUT_OF_TIME, now)
        return None

    def memory_measured(self, now: float) -> None:
        """Do nothing: the memory of an invocation is not that of its process."""

    def _tell_failure(self, run: Run, failure: Failure, now: float) -> None:
        self._journal.reported_managed(run, failure.status, failure.error_type, now)

    def fail(self, failure: Failure, now: float) -> None:
        """End them all: the environment is gone."""
        self._stuck_since = None
        for run in list(self._runs.values()):
            self._give_up(run, failure, now)
            self._forget(run)

    def _forget(self, run: Run) -> None:
        del self._runs[run.request_id]
        self._control.forget(run.request_id)
