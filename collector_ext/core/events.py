"""What happened: the facts the lifecycle is told, in the past tense."""

from __future__ import annotations

from collector_ext.core.delivery.failures import Failure
from collector_ext.core.otlp import ExportRequest, Payload
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collector_ext.core.platform.records import PlatformRecord

START = "start"
SNAPSHOT = "snapshot"
END = "end"
ORDINARY = ""
PHASES = (START, SNAPSHOT, END, ORDINARY)
"""Values of the header Lambda-Invocation-Phase; ORDINARY when it is absent."""

SUCCESS = "success"


class InvokeReceived(Value):
    """Lambda answered ``/event/next`` with INVOKE: the function starts now."""

    request_id: str
    deadline_at: float  # s since the epoch


class ShutdownReceived(Value):
    """Lambda answered ``/event/next`` with SHUTDOWN: the environment is going away."""

    reason: str  # spindown, timeout, failure or a word unknown to us, in lower case
    deadline_at: float  # s since the epoch


class NextFailed(Value):
    """``/event/next`` was answered with no event, or not at all."""

    reason: str


class PayloadReceived(Value):
    """A client in the function posted one export request, and was answered 200."""

    payload: Payload
    request_id: str  # of the invocation it belongs to; empty when it does not say
    phase: str  # one of PHASES


class ClientGone(Value):
    """The client that told of the start of an invocation closed its connection before the end.

    The kernel does that for a process that has died.
    """

    request_id: str


class RequestRefused(Value):
    """A client in the function posted what is no export request, and was told so."""

    status: int  # HTTP
    reason: str


class InitStarted(Value):
    """Telemetry reported ``platform.initStart``."""

    is_part_of_invocation: bool  # a suppressed init, phase `invoke`
    at: float  # s since the epoch, by the platform's clock; whole milliseconds


class InitDone(Value):
    """Telemetry reported ``platform.initReport``: runtime and extensions are initialised."""

    status: str  # success, error or timeout; empty when it is not told
    at: float  # s since the epoch, by the platform's clock; whole milliseconds


class RuntimeDone(Value):
    """Telemetry reported ``platform.runtimeDone`` or ``platform.report`` of an invocation."""

    request_id: str
    status: str  # success, failure, error or timeout
    error_type: str  # e.g. Runtime.ExitError; empty when there is none
    at: float  # s since the epoch, by the platform's clock; whole milliseconds


class PlatformReported(Value):
    """Telemetry reported how long something took; read where platform telemetry is wanted."""

    record: PlatformRecord


class FunctionLogged(Value):
    """Telemetry reported what the function wrote; read where its logs are wanted."""

    batch: int  # the same for the same batch, if it comes again
    entries: tuple[dict[str, Any], ...]  # in their order, with what says whose they are


class Delivered(Value):
    """The endpoint accepted a request, all of it or in part."""

    request: ExportRequest
    rejected_count: int  # spans, data points or records, as in OTLP's partial success
    reason: str


class Refused(Value):
    """The endpoint will not accept this request, however often it is sent."""

    request: ExportRequest
    failure: Failure


class Failed(Value):
    """A request was not delivered and may be sent again."""

    request: ExportRequest
    failure: Failure


Outcome = Delivered | Refused | Failed


class ExportFinished(Value):
    """An exporter is free again; every request of its order has an outcome."""

    exporter: str  # its id in the configuration
    outcomes: tuple[Outcome, ...]


class KeptFound(Value):
    """An earlier process of this environment has kept payloads that it could not deliver."""

    exporter: str  # its id in the configuration of that time
    payloads: tuple[Payload, ...]  # oldest first


class TimerExpired(Value):
    """The time the lifecycle asked to be called at has come."""


Event = (
    InvokeReceived
    | ShutdownReceived
    | NextFailed
    | PayloadReceived
    | ClientGone
    | RequestRefused
    | InitStarted
    | InitDone
    | RuntimeDone
    | PlatformReported
    | FunctionLogged
    | ExportFinished
    | KeptFound
    | TimerExpired
)
