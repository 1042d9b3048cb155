"""How an environment comes to serve: what initialisation and restoration have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.invocation import Failure
    from lambda_sandbox.core.telemetry.journal import Journal


class StartUp(ABC):
    """From the first process to the moment when all have asked next.

    Args:
        control: Who has spoken.
        journal: Who is told.

    Attributes:
        runtime_started: Whether the extensions have registered, and the runtime started.
        started_at: When it began.
        deadline_at: When it has to be finished.
        is_part_of_invocation: Whether the invocation that waits for it is charged for it.
        fails_invocation: Whether the invocation that waits for it fails with it.
    """

    def __init__(self, control: Control, journal: Journal) -> None:
        self._control = control
        self._journal = journal
        self._runtime_done = False
        self.runtime_started = False
        self.started_at = 0.0
        self.deadline_at = 0.0
        self.is_part_of_invocation = False
        self.fails_invocation = False

    def is_late(self, now: float) -> bool:
        """Return whether its time is over."""
        return self.deadline_at <= now

    @abstractmethod
    def begin(self, now: float, *, needed: bool) -> None:
        """Begin.

        Args:
            now: Monotonic seconds.
            needed: Whether an invocation waits.
        """

    @abstractmethod
    def finish(self, now: float) -> bool:
        """Take into account who has asked next; return whether all have."""

    @abstractmethod
    def fail(self, failure: Failure, now: float) -> None:
        """Give up."""

    def _began(self, now: float, timeout_s: float) -> None:
        self.started_at, self.deadline_at = now, now + timeout_s
        self.runtime_started = self._runtime_done = False
