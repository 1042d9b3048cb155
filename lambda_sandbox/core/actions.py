"""What to do: the orders of the environment, carried out in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.invocation import InitOutcome, Outcome

PlatformEvent = dict[str, Any]
"""``{"time", "type", "record"}`` as the Telemetry API delivers it."""


@dataclass(frozen=True, slots=True)
class StartProcess:
    """Start a process; ``ProcessStarted`` or ``ProcessNotStarted`` follows.

    The runtime is a clone of the snapshot, if there is one.
    """

    process: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask a process to end: SIGTERM to its group."""

    process: str


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process: SIGKILL to its group; ``ProcessExited`` follows."""

    process: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """Stop every process of the environment where it stands."""


@dataclass(frozen=True, slots=True)
class Thaw:
    """Let every process of the environment go on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a request."""

    client_id: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class Deliver:
    """Post a batch to a telemetry subscriber; ``BatchDelivered`` follows."""

    subscriber: str
    destination: str  # URL, or "tcp://host:port"
    events: tuple[PlatformEvent, ...]


@dataclass(frozen=True, slots=True)
class AbandonDelivery:
    """Stop waiting for a subscriber; no ``BatchDelivered`` follows."""

    subscriber: str


@dataclass(frozen=True, slots=True)
class MeasureMemory:
    """Measure the environment's processes; ``MemoryMeasured`` follows."""


@dataclass(frozen=True, slots=True)
class Record:
    """Show an event of the platform to whoever watches."""

    event: PlatformEvent


@dataclass(frozen=True, slots=True)
class WriteLine:
    """Show a line of the log, as CloudWatch would."""

    source: Literal["platform", "function", "extension"]
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Put a moment on the timeline: it happened when the event of this action did.

    ``request_id`` names the invocation that it is a part of, where that is known.
    """

    what: str
    who: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class FinishInit:
    """Tell whoever waits how initialisation went."""

    outcome: InitOutcome


@dataclass(frozen=True, slots=True)
class ReleaseResponse:
    """Give the caller the outcome of the invocation."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ClearEnvironment:
    """All processes have ended: end what they left behind, close their connections."""


@dataclass(frozen=True, slots=True)
class DiscardSnapshot:
    """Nothing will be cloned any more."""


@dataclass(frozen=True, slots=True)
class FinishShutdown:
    """The environment is gone."""


Action = (
    StartProcess
    | Terminate
    | Kill
    | Freeze
    | Thaw
    | Answer
    | Deliver
    | AbandonDelivery
    | MeasureMemory
    | Record
    | WriteLine
    | Note
    | FinishInit
    | ReleaseResponse
    | ClearEnvironment
    | DiscardSnapshot
    | FinishShutdown
)
