"""What became of a request, in as few words as a test needs."""

from __future__ import annotations

from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure, Kind
from collector_ext.core.events import Failed, Refused
from collector_ext.core.otlp import ExportRequest

_KINDS = {
    400: failures.CONTENT,
    401: failures.UNAUTHORISED,
    403: failures.UNAUTHORISED,
    404: failures.NOT_FOUND,
    405: failures.NOT_FOUND,
    413: failures.TOO_LARGE,
    429: failures.THROTTLED,
    502: failures.UNAVAILABLE,
    503: failures.UNAVAILABLE,
    504: failures.UNAVAILABLE,
}


def failed(
    request: ExportRequest,
    reason: str = "HTTP 503",
    kind: Kind = failures.UNAVAILABLE,
    retry_after_s: float | None = None,
) -> Failed:
    """It was not delivered, and may be sent again."""
    return Failed(request, Failure(kind, reason, retry_after_s))


def refused(request: ExportRequest, status: int, reason: str = "") -> Refused:
    """It was answered so, and must not be sent again."""
    kind = _KINDS.get(status, failures.ANSWER)
    return Refused(request, Failure(kind, reason or f"HTTP {status}", None))
