"""Initialisation: from the first process to the moment when all have asked next.

The first one has a limit of its own. After a failure the environment is initialised again by
the invocation that needs it, within the function's timeout: a suppressed init, whose telemetry
says ``phase: invoke``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lambda_sandbox.core.actions import Action, FinishInit
from lambda_sandbox.core.apis.runtime import State
from lambda_sandbox.core.invocation import InitOutcome

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Failure, Status
    from lambda_sandbox.core.telemetry.journal import Journal


class Initialisation:
    """The initialisation under way, or the last one.

    Args:
        function: Whose timeout a suppressed init is under.
        control: Who has spoken.
        journal: Who is told.
        out: Where the actions go.

    Attributes:
        timeout_s: Of the first initialisation.
        wanted: Whether somebody waits for its outcome.
        is_part_of_invocation: Whether it is a suppressed init, which an invocation waits for.
        runtime_started: Whether the extensions have registered, and the runtime started.
        started_at: When it began.
        deadline_at: When it has to be finished.
    """

    def __init__(
        self, function: FunctionFacts, control: Control, journal: Journal, out: list[Action]
    ) -> None:
        self._function = function
        self._control = control
        self._journal = journal
        self._out = out
        self._phase: Literal["init", "invoke"] = "init"
        self._runtime_done = False
        self._outcome: InitOutcome | None = None
        self.timeout_s = 10.0
        self.wanted = False
        self.is_part_of_invocation = False
        self.runtime_started = False
        self.started_at = 0.0
        self.deadline_at = 0.0

    def begin(self, now: float, *, needed: bool) -> None:
        """Begin.

        Args:
            now: Monotonic seconds.
            needed: Whether an invocation waits.
        """
        self.is_part_of_invocation = self._phase == "invoke" and needed
        timeout_s = self._function.timeout_s if self.is_part_of_invocation else self.timeout_s
        self.started_at, self.deadline_at = now, now + timeout_s
        self.runtime_started = self._runtime_done = False
        self._journal.init_started(self._phase, now)

    def is_late(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.deadline_at <= now

    def finish(self, now: float) -> bool:
        """Take into account who has asked next; return whether all have."""
        control = self._control
        if control.runtime.state is State.READY and not self._runtime_done:
            self._runtime_done = True
            self._journal.runtime_initialised(self._phase, "success", None, now)
        if not (self._runtime_done and control.extensions.all_ready):
            return False
        self._report("success", None, now)
        self._finished(InitOutcome("success", None, None, now - self.started_at))
        return True

    def fail(self, failure: Failure, now: float) -> None:
        """Give up."""
        status, error_type = failure.status, failure.reported_type
        if self.runtime_started and not self._runtime_done:
            self._journal.runtime_initialised(self._phase, status, error_type, now)
        self._report(status, error_type, now)
        duration_s = now - self.started_at
        self._finished(InitOutcome(status, failure.error_type, failure.payload, duration_s))

    def _report(self, status: Status, error_type: str | None, now: float) -> None:
        for extension in self._control.extensions:
            self._journal.extension_initialised(
                extension.name, extension.state.value, extension.events, extension.error_type, now
            )
        self._journal.initialised(self._phase, status, error_type, self.started_at, now)
        self._journal.telemetry.close()

    def refuse(self, error_type: str) -> None:
        """Tell whoever waits that there will be none."""
        self._finished(InitOutcome("failure", error_type, None, 0.0))

    def _finished(self, outcome: InitOutcome) -> None:
        self.wanted, self._outcome = False, outcome
        self._out.append(FinishInit(outcome))

    def repeat_outcome(self) -> None:
        """Tell again how it went, to someone who asks late."""
        assert self._outcome is not None, "it has ended"
        self._out.append(FinishInit(self._outcome))

    def again(self) -> None:
        """Take note of a reset: from now on, invocations wait for initialisation."""
        self._phase = "invoke"
