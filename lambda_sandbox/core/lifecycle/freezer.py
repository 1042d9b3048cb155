"""The freeze: all processes stop where they stand, and telemetry with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, Freeze, Thaw

if TYPE_CHECKING:
    from lambda_sandbox.core.telemetry.journal import Journal


class Freezer:
    """Freeze and thaw the environment.

    Promise: nothing is frozen while telemetry is under way, and nothing delivered while frozen.

    Args:
        journal: Whose telemetry stops.
        out: Where the actions go.
    """

    def __init__(self, journal: Journal, out: list[Action]) -> None:
        self.frozen = False
        self._journal = journal
        self._out = out

    def freeze(self) -> None:
        """Freeze, unless it is so already or telemetry is under way."""
        if not self.frozen and not self._journal.telemetry.under_way:
            self.frozen = True
            self._out.append(Freeze())

    def thaw(self, now: float) -> None:
        """Let everything go on, and send the telemetry that became due meanwhile."""
        if self.frozen:
            self.frozen = False
            self._out.append(Thaw())
            self._journal.deliver(now)
