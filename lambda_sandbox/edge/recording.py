"""Recording invocations as they come, and the pace of those that are invoked again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.core.recording import Recorded, line_of
from lambda_sandbox.edge import clock

if TYPE_CHECKING:
    from typing import TextIO


class Recorder:
    """Write down each invocation when it is asked for; from any thread.

    Args:
        file: Where; each line is there as soon as it is written.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._previous_at: float | None = None

    def record(
        self, payload: bytes, *, trace_header: str | None = None, client_context: str | None = None
    ) -> None:
        """Write one down.

        Raises:
            SandboxError: It could not be written.
        """
        with self._lock:
            now = clock.now()
            since_previous_s = 0.0 if self._previous_at is None else now - self._previous_at
            self._previous_at = now
            recorded = Recorded(payload, client_context, trace_header, since_previous_s)
            try:
                print(line_of(recorded), file=self._file, flush=True)
            except OSError as error:
                message = f"cannot record to {self._file.name!r}: {error.strerror}"
                raise SandboxError(message) from error


class Pace:
    """The pace at which invocations were recorded."""

    def __init__(self) -> None:
        self._previous_at: float | None = None

    def wait(self, since_previous_s: float) -> None:
        """Wait until it is so long since the previous call returned; the first is not delayed."""
        if self._previous_at is not None:
            rest_s = self._previous_at + since_previous_s - clock.now()
            if rest_s > 0:
                threading.Event().wait(min(rest_s, threading.TIMEOUT_MAX))
        self._previous_at = clock.now()
