"""Initialisation: from the first process to the moment when all have asked next.

The first one has a limit of its own. On demand, after a failure, the environment is initialised
again by the invocation that needs it, within the function's timeout: a suppressed init, whose
telemetry says ``phase: invoke``. A snapshot and a managed instance have no second try: what
waits for them fails with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lambda_sandbox.core.actions import Action, FinishInit
from lambda_sandbox.core.apis.runtime import State
from lambda_sandbox.core.function import ON_DEMAND, PROVISIONED_CONCURRENCY, SNAP_START
from lambda_sandbox.core.invocation import InitOutcome
from lambda_sandbox.core.lifecycle.start_up import StartUp

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Failure, Status
    from lambda_sandbox.core.telemetry.journal import Journal

SUPPRESSED = frozenset({ON_DEMAND, PROVISIONED_CONCURRENCY})
"""The types of initialisation that are tried again by the invocation that needs them."""


class Initialisation(StartUp):
    """The initialisation under way, or the last one.

    Args:
        function: Whose timeout a suppressed init is under.
        control: Who has spoken.
        journal: Who is told.
        out: Where the actions go.
        timeout_s: Of the first initialisation.

    Attributes:
        wanted: Whether somebody waits for its outcome.
    """

    def __init__(
        self,
        function: FunctionFacts,
        control: Control,
        journal: Journal,
        out: list[Action],
        *,
        timeout_s: float,
    ) -> None:
        super().__init__(control, journal)
        self._function = function
        self._out = out
        self._timeout_s = timeout_s
        self._phase: Literal["init", "invoke"] = "init"
        self._outcome: InitOutcome | None = None
        self.wanted = False

    def begin(self, now: float, *, needed: bool) -> None:
        """Begin."""
        self.is_part_of_invocation = self._phase == "invoke" and needed
        has_second_try = self._function.initialization_type in SUPPRESSED
        self.fails_invocation = needed and (self._phase == "invoke" or not has_second_try)
        timeout_s = self._function.timeout_s if self.is_part_of_invocation else self._timeout_s
        self._began(now, timeout_s)
        self._journal.init_started(self._phase, now)

    @property
    def _runtime_initialised(self) -> bool:
        runtime = self._control.runtime
        if self._function.initialization_type == SNAP_START:
            return runtime.state is State.RESTORE_READY
        return runtime.is_ready

    def finish(self, now: float) -> bool:
        """Take into account who has asked next; return whether all have."""
        if self._runtime_initialised and not self._runtime_done:
            self._runtime_done = True
            self._journal.runtime_initialised(self._phase, "success", None, now)
        if not (self._runtime_done and self._control.extensions.all_ready):
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
        self.wanted = False
        self._out.append(FinishInit(self._outcome))

    def again(self) -> None:
        """Take note of a reset: from now on, invocations wait for initialisation."""
        if self._function.initialization_type in SUPPRESSED:
            self._phase = "invoke"

    def anew(self) -> None:
        """Take note that another environment takes the place of this one."""
        self._phase = "init"
