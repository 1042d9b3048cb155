"""The initialisation under way, and the invocation that fails with it.

After a failure Lambda initialises an environment anew within the invocation that needs it (a
suppressed init). When that fails, too, no handler was called: nobody was told INVOKE, no
provisional root was started, and the function's process never knew the request id. Telemetry
alone does, and tells it last: the invocation that fails after ``platform.initStart``, with no
success in between, is the one. There is one at most: Lambda ends this process then. Once a
handler was called, or an invocation has failed, what is told of the initialisation is late, or
told again.

What the function's process does know is the exception. It sends a provisional root that has
it, with ``Lambda-Invocation-Phase: start`` and no ``Lambda-Invocation-Id``: the root of
whatever invocation the initialisation turns out to be part of. It is held here. An
initialisation that fails by itself is part of none, and leaves no trace.
"""

from __future__ import annotations

from collector_ext.core.events import SUCCESS, InitDone, InitStarted, RuntimeDone
from collector_ext.core.value import Value


class FailedInit(Value):
    """An invocation that failed before its handler could be called."""

    request_id: str
    error_type: str  # e.g. Runtime.ImportModuleError, or the status: timeout
    started_at: float  # s since the epoch
    ended_at: float  # likewise
    is_cold_start: bool
    root: bytes  # the export request that holds its provisional root; empty for none


class Initialisation:
    """Know whether the environment is initialised, and who fails if it is not."""

    def __init__(self) -> None:
        self._began: InitStarted | None = None
        self._root = b""
        self._succeeded_at = 0.0
        self._is_over = False  # a handler was called, or will not be

    def take(self, event: InitStarted | InitDone) -> None:
        """Note that it has begun, or ended; a report without a status is one of a success."""
        if isinstance(event, InitDone):
            if event.status in {SUCCESS, ""}:
                self._succeed(event.at)
            return
        if self._is_over or event.at <= self._succeeded_at:
            return
        # Of the first one a root may be here already: telemetry is slower.
        if self._began is not None:
            self._root = b""
        self._began = event

    def hold(self, root: bytes) -> None:
        """Hold the provisional root that the function's process has sent of it."""
        self._root = root

    def invoked(self) -> None:
        """Note an invocation: nothing of the initialisation is of interest any more."""
        self._is_over = True
        self._forget()

    def failure_of(self, event: RuntimeDone) -> FailedInit | None:
        """Return what is known of an invocation if this made it fail, once; None if not.

        Args:
            event: The end of an invocation that failed. One that is older than the
                initialisation was of an environment before this one.
        """
        began, root = self._began, self._root
        if began is None or event.at < began.at:
            return None
        self.invoked()
        return FailedInit(
            event.request_id,
            event.error_type or event.status,
            began.at if began.is_part_of_invocation else event.at,
            event.at,
            began.is_part_of_invocation,
            root,
        )

    def _succeed(self, at: float) -> None:
        # One that had ended before this one began was of an environment before it.
        self._succeeded_at = max(at, self._succeeded_at)
        if self._began is None or self._began.at <= at:
            self._forget()

    def _forget(self) -> None:
        self._began, self._root = None, b""
