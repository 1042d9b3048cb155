"""The invocations of one environment: who waits, who runs, and what comes of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, ReleaseResponse
from lambda_sandbox.core.invocation import (
    Failure,
    Invocation,
    Run,
    error_payload,
    timeout_payload,
)

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.telemetry.journal import Journal


class Invocations(ABC):
    """Invocations that have been asked for; each gets exactly one outcome.

    How many of them run at the same time is for a subclass to decide.

    Args:
        function: Whose timeout they are under.
        control: Who has spoken.
        journal: Who is told.
        out: Where the actions go.
    """

    def __init__(
        self, function: FunctionFacts, control: Control, journal: Journal, out: list[Action]
    ) -> None:
        self._timeout_s = function.timeout_s
        self._control = control
        self._journal = journal
        self._out = out
        self._waiting: deque[Invocation] = deque()
        self._charged_at: float | None = None  # of the next, if earlier than its beginning

    @property
    def wait(self) -> bool:
        """Whether some have not begun."""
        return bool(self._waiting)

    @property
    @abstractmethod
    def resting(self) -> bool:
        """Whether none is under way."""

    @property
    @abstractmethod
    def timer_at(self) -> float | None:
        """When one is out of time, if nothing else happens."""

    @abstractmethod
    def step(self, now: float) -> bool:
        """Go on as far as what has happened allows; return whether it was a step."""

    @abstractmethod
    def time_reached(self, now: float) -> Failure | None:
        """Take note of the time; return why the environment cannot go on, if it cannot."""

    @abstractmethod
    def memory_measured(self, now: float) -> None:
        """Take note that the memory, which was to be measured, has been."""

    @abstractmethod
    def fail(self, failure: Failure, now: float) -> None:
        """End what is under way: the environment is about to be reset."""

    def add(self, invocation: Invocation) -> None:
        """Let one more wait."""
        self._waiting.append(invocation)

    def charge_from(self, started_at: float) -> None:
        """Charge the next one from an earlier instant: the environment was initialised for it."""
        self._charged_at = started_at

    def _begin(self, now: float) -> Run:
        charged_at = now if self._charged_at is None else self._charged_at
        self._charged_at = None
        return Run(self._waiting.popleft(), now, charged_at + self._timeout_s, charged_at)

    def fail_first(self, failure: Failure, now: float) -> None:
        """Fail the one that the environment was to be initialised for."""
        run = self._begin(now)
        self._journal.invoked(run.invocation, now)
        self._give_up(run, failure, now)

    @abstractmethod
    def _tell_failure(self, run: Run, failure: Failure, now: float) -> None:
        """Publish the end of an invocation that cannot go on."""

    def _give_up(self, run: Run, failure: Failure, now: float) -> None:
        """End an invocation that cannot go on; its caller may have been answered before."""
        self._tell_failure(run, failure, now)
        if run.outcome is None:
            payload = failure.payload or self._payload(run, failure, now)
            outcome = run.fail(payload, failure.status, failure.error_type, now)
            self._out.append(ReleaseResponse(outcome))

    def _payload(self, run: Run, failure: Failure, now: float) -> bytes:
        if failure.status == "timeout":
            return timeout_payload(run.request_id, self._timeout_s, self._journal.epoch(now))
        return error_payload(failure.error_type, run.request_id, failure.text)

    def refuse(self, error_type: str, text: str) -> None:
        """Tell everyone who waits that the environment is gone."""
        while self._waiting:
            run = Run(self._waiting.popleft(), 0.0, 0.0, 0.0)
            payload = error_payload(error_type, run.request_id, text)
            self._out.append(ReleaseResponse(run.fail(payload, "failure", error_type, 0.0)))
