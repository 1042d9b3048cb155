"""What went before the first invocation of an environment, and whether that waited for it.

Initialisation and restore are told before any invocation is. Whether they were its cold start
is decided by the first one:

- on demand it is, unless the environment was initialised ahead of it, which Lambda does at its
  own discretion (proactive initialisation);
- a restore (SnapStart) is; the initialisation that the snapshot is of happened when the version
  was published, and is nobody's cold start;
- with provisioned concurrency, and on Managed Instances, environments are initialised ahead.
"""

from __future__ import annotations

from collector_ext.core.platform.records import (
    INIT_REPORT,
    INIT_RUNTIME_DONE,
    INIT_START,
    INVOKE_START,
    RESTORE_REPORT,
    RESTORE_RUNTIME_DONE,
    RESTORE_START,
    ns_of,
)
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.platform.records import PlatformRecord

ON_DEMAND, SNAP_START = "on-demand", "snap-start"

PROACTIVE_GAP_NS = 10_000_000_000
"""Between the end of an initialisation and an invocation. One that waited begins at once, within
milliseconds; Datadog's extension draws the line at the same 10 s."""


class Initialisation(Value):
    """An initialisation, or a restore, that has ended."""

    is_restore: bool
    initialization_type: str
    phase: str  # init, or invoke for one within an invocation, after a reset
    start_ns: int  # since the epoch
    runtime_done_ns: int  # when the runtime was ready; 0 where it is not told
    end_ns: int
    status: str  # success, failure, error or timeout; may be empty
    error_type: str


class Startup:
    """Follow an environment to its first invocation.

    Attributes:
        initialization_type: As far as it is known; empty before.
    """

    def __init__(self) -> None:
        self.initialization_type = ""
        self._start: PlatformRecord | None = None
        self._runtime_done_ns = 0
        self._ended: Initialisation | None = None
        self._is_invoked = False

    def told(self, record: PlatformRecord) -> Initialisation | None:
        """Take a record; return the cold start of the invocation that it is the start of."""
        if record.kind in {INIT_START, RESTORE_START}:
            is_restore = record.kind == RESTORE_START
            self.initialization_type = (
                SNAP_START if is_restore else record.initialization_type or ON_DEMAND
            )
            self._start, self._runtime_done_ns, self._ended = record, 0, None
            self._is_invoked = False
        elif record.kind in {INIT_RUNTIME_DONE, RESTORE_RUNTIME_DONE}:
            self._runtime_done_ns = record.at_ns
        elif record.kind in {INIT_REPORT, RESTORE_REPORT}:
            self._end(record)
        elif record.kind == INVOKE_START and not self._is_invoked:
            self._is_invoked = True
            return self._waited_for(record.at_ns)
        return None

    def _end(self, record: PlatformRecord) -> None:
        is_restore = record.kind == RESTORE_REPORT
        self.initialization_type = (
            SNAP_START if is_restore else record.initialization_type or self.initialization_type
        )
        start_ns = self._start.at_ns if self._start else 0
        if "durationMs" in record.metrics:
            duration_ns = ns_of(record.metrics["durationMs"])
            start_ns = start_ns or max(record.at_ns - duration_ns, 1)
            end_ns = start_ns + duration_ns
        else:
            end_ns = record.at_ns
        self._ended = Initialisation(
            is_restore=is_restore,
            initialization_type=self.initialization_type,
            phase=record.phase,
            start_ns=start_ns or end_ns,
            runtime_done_ns=self._runtime_done_ns,
            end_ns=end_ns,
            status=record.status,
            error_type=record.error_type,
        )

    def _waited_for(self, invoked_ns: int) -> Initialisation | None:
        ended = self._ended
        if ended is None or invoked_ns - ended.end_ns > PROACTIVE_GAP_NS:
            return None
        is_awaited = ended.is_restore or ended.initialization_type == ON_DEMAND
        return ended if is_awaited else None
