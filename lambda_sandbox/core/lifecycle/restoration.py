"""Restoration: a clone of the snapshot, from its first process to its first next.

The extensions of a clone are new processes, which register, subscribe and ask next like any;
the runtime is a clone of the one that was initialised. On Lambda both are part of the snapshot.

Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_sandbox.core.lifecycle.start_up import StartUp

if TYPE_CHECKING:
    from lambda_sandbox.core.invocation import Failure

TIMEOUT_S = 10.0
"""For loading the runtime and running its hooks; beyond it Lambda gives up.

Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""


class Restoration(StartUp):
    """The restoration under way, or the last one."""

    def begin(self, now: float, *, needed: bool) -> None:
        """Begin; the function's timeout begins only with the invocation."""
        self.fails_invocation = needed
        self._began(now, TIMEOUT_S)
        self._journal.restore_started(now)

    def finish(self, now: float) -> bool:
        """Take into account who has asked next; return whether all have."""
        if self._control.runtime.is_ready and not self._runtime_done:
            self._runtime_done = True
            self._journal.runtime_restored("success", None, now)
        if not (self._runtime_done and self._control.extensions.all_ready):
            return False
        self._journal.restored("success", None, self.started_at, now)
        self._journal.telemetry.close()
        return True

    def fail(self, failure: Failure, now: float) -> None:
        """Give up."""
        status, error_type = failure.status, failure.reported_type
        if self.runtime_started and not self._runtime_done:
            self._journal.runtime_restored(status, error_type, now)
        self._journal.restored(status, error_type, self.started_at, now)
        self._journal.telemetry.close()
