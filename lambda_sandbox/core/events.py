"""What happened: the facts the environment is told, in the past tense.

A process is named ``"runtime"``, or ``"extensions/<file name>"`` like its file in the layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Invocation

if TYPE_CHECKING:
    from lambda_sandbox.core.invocation import ShutdownReason

RUNTIME = "runtime"


def extension_process(name: str) -> str:
    """Return the process name of an extension."""
    return f"extensions/{name}"


@dataclass(frozen=True, slots=True)
class InitRequested:
    """Somebody wants the environment to be ready before the first invocation."""


@dataclass(frozen=True, slots=True)
class InvokeRequested:
    """A caller invokes the function."""

    invocation: Invocation


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """The environment is no longer wanted, once it has done what was asked before.

    Attributes:
        reason: What the extensions are told.
        for_good: Whether no other one is wanted in its place.
    """

    reason: ShutdownReason
    for_good: bool = True


@dataclass(frozen=True, slots=True)
class ProcessStarted:
    """A process runs."""

    process: str


@dataclass(frozen=True, slots=True)
class ProcessNotStarted:
    """The machine refused to start a process."""

    process: str
    reason: str  # such as "PermissionDenied"


@dataclass(frozen=True, slots=True)
class ProcessExited:
    """A process is gone, for whatever reason; what it wrote has been told before."""

    process: str
    status: str  # "exit status 1", "signal: killed"

    @property
    def succeeded(self) -> bool:
        """Whether it left with exit status 0."""
        return self.status == "exit status 0"


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The runtime has initialised and stands still, to be cloned; it is no process any more."""


@dataclass(frozen=True, slots=True)
class SnapshotLost:
    """The snapshot cannot be cloned any more.

    Its clone, if there is one, ends with it, and that is told by itself.
    """


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A process called one of the APIs and waits for the answer."""

    client_id: int
    request: Request
    fresh_uuid: str  # for whatever the answer has to name


@dataclass(frozen=True, slots=True)
class ClientGone:
    """A process hung up before it was answered."""

    client_id: int


@dataclass(frozen=True, slots=True)
class LineWritten:
    """A process wrote a line to its standard output or error."""

    process: str
    text: str


@dataclass(frozen=True, slots=True)
class MemoryMeasured:
    """The peak memory of the environment's processes, as ``MeasureMemory`` wanted to know."""

    used_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryExhausted:
    """A process was killed, because all together used more than the function's memory size."""


@dataclass(frozen=True, slots=True)
class BatchDelivered:
    """A telemetry subscriber answered a batch, or could not be reached."""

    subscriber: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class TimeReached:
    """The instant that ``Environment.timer_at`` named has come."""


Event = (
    InitRequested
    | InvokeRequested
    | ShutdownRequested
    | ProcessStarted
    | ProcessNotStarted
    | ProcessExited
    | SnapshotTaken
    | SnapshotLost
    | RequestReceived
    | ClientGone
    | LineWritten
    | MemoryMeasured
    | MemoryExhausted
    | BatchDelivered
    | TimeReached
)
