"""What the answer to an export request means.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from collector_ext.core import json_text, wire
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.events import Delivered, Failed, Outcome, Refused
from collector_ext.core.http1 import Response
from collector_ext.core.otlp import JSON, PROTOBUF, ExportRequest

RETRYABLE = (429, 502, 503, 504)
"""All others must not be sent again, 408 and 500 included:
https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes"""

_KINDS = {
    400: failures.CONTENT,
    401: failures.UNAUTHORISED,
    403: failures.UNAUTHORISED,
    404: failures.NOT_FOUND,
    413: failures.TOO_LARGE,
    429: failures.THROTTLED,
    502: failures.UNAVAILABLE,
    503: failures.UNAVAILABLE,
    504: failures.UNAVAILABLE,
}

_SUCCESS = range(200, 300)

_INT64_MAX = 2**63 - 1  # what protobuf counts in; its negative numbers are read as larger ones

_EXCERPT = 200  # characters of what an endpoint says that are passed on


def outcome(request: ExportRequest, response: Response) -> Outcome:
    """Return what became of a request that was answered."""
    if response.status in _SUCCESS:
        rejected_count, reason = _partial_success(response)
        if not 0 < rejected_count <= _INT64_MAX:
            return Delivered(request, 0, "")
        return Delivered(request, rejected_count, reason[:_EXCERPT])
    kind = _KINDS.get(response.status, failures.ANSWER)
    failure = Failure(kind, f"HTTP {response.status}", None)
    if response.status in RETRYABLE:
        return Failed(request, failure)
    return Refused(request, failure)


def _partial_success(response: Response) -> tuple[int, str]:
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == PROTOBUF:
        return wire.partial_success(response.body)
    if content_type == JSON:
        return _partial_success_json(response.body)
    return 0, ""


def _partial_success_json(body: bytes) -> tuple[int, str]:
    """As ``wire.partial_success``; the count's key is named after the signal's items."""
    try:
        partial = json_text.parse(body)["partialSuccess"]
        counts = [int(value) for key, value in partial.items() if key.startswith("rejected")]
        return sum(counts), str(partial.get("errorMessage", ""))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return 0, ""  # There is none, or it cannot be read.
