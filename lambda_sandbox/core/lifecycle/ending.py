"""The end of an environment: asked for, begun, finished.

One that was asked for is begun when all that was asked before is done. One that is asked for
while another is under way comes after it: what was asked in between is done first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, FinishShutdown, Note
from lambda_sandbox.core.lifecycle.shutdown import Shutdown

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.control import Control
    from lambda_sandbox.core.events import ShutdownRequested
    from lambda_sandbox.core.invocation import ShutdownReason
    from lambda_sandbox.core.telemetry.journal import Journal


class Ending:
    """The shutdown under way, and the end that is wanted.

    A reset is a shutdown, too, but nobody has asked for it.

    Args:
        control: Who has spoken, and is told.
        journal: Whose telemetry is delivered before.
        out: Where the actions go.

    Attributes:
        wanted: The end that was asked for and has not begun; None for none.
    """

    def __init__(self, control: Control, journal: Journal, out: list[Action]) -> None:
        self._control = control
        self._journal = journal
        self._out = out
        self._shutdown: Shutdown | None = None
        self._begun: ShutdownRequested | None = None  # what the end under way was asked for
        self.wanted: ShutdownRequested | None = None

    def request(self, event: ShutdownRequested) -> None:
        """Want an end; one for good includes one that makes room for another environment."""
        if self.wanted is None or event.for_good:
            self.wanted = event

    def take_up(self) -> ShutdownReason | None:
        """Return why the end is to begin, if one is wanted; what is asked from now on is another.

        Afterwards:
            ``begin``, and at its end ``conclude``.
        """
        self._begun, self.wanted = self.wanted, None
        return self._begun.reason if self._begun else None

    def begin(self, reason: ShutdownReason, now: float) -> None:
        """Begin to shut down; the environment has been thawed."""
        self._shutdown = Shutdown(reason, self._control.extensions, now)
        self._out.append(Note(f"shutdown: {reason}", "environment"))

    def timer_at(self, alive: frozenset[str]) -> float | None:
        """When to step again, if nothing else happens."""
        return self._under_way.timer_at(alive)

    @property
    def _under_way(self) -> Shutdown:
        assert self._shutdown is not None, "a shutdown is under way"
        return self._shutdown

    def step(self, alive: frozenset[str], now: float) -> bool:
        """Go on as far as what has happened allows.

        Args:
            alive: Names of the processes that have not ended.
            now: Monotonic seconds.

        Returns:
            Whether all of them have ended.
        """
        shutdown = self._under_way
        self._out += shutdown.step(alive, now)
        # What the subscribers are to know has to be with them before they are told to end.
        self._journal.telemetry.hurry()
        self._journal.deliver(now)
        if not self._journal.telemetry.under_way:
            for extension in shutdown.told_now(alive):
                self._control.shut_down(extension, shutdown.reason, shutdown.deadline_at)
        if not alive:
            self._shutdown = None
        return not alive

    def conclude(self) -> bool:
        """Return whether the end that was begun is the last that is wanted.

        If so, it is ``wanted`` again: until the environment is gone, or has said that it is
        finished. Else whoever waits for it waits for the last.
        """
        begun, self._begun = self._begun, None
        assert begun is not None, "it was begun because somebody wanted it"
        is_last = self.wanted is None or begun.for_good
        if is_last:
            self.wanted = begun
        return is_last

    def finish(self) -> None:
        """Tell everyone who wants an end that there has been one."""
        if self.wanted is not None:
            self.wanted = None
            self._out.append(FinishShutdown())
