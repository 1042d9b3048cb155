"""What the answer to an export request means.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from collector_ext.core import json_text, wire
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.events import Delivered, Failed, Outcome, Refused
from collector_ext.core.otlp import JSON, PROTOBUF, ExportRequest
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector_ext.core.http1 import Response

RETRYABLE = (429, 502, 503, 504)
"""All others must not be sent again, 408 and 500 included:
https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes"""

KINDS = {
    400: failures.CONTENT,
    401: failures.UNAUTHORISED,
    403: failures.UNAUTHORISED,
    404: failures.NOT_FOUND,
    405: failures.NOT_FOUND,  # e.g. a user interface, which can be looked at and not posted to
    413: failures.TOO_LARGE,
    429: failures.THROTTLED,
    502: failures.UNAVAILABLE,
    503: failures.UNAVAILABLE,
    504: failures.UNAVAILABLE,
}
"""By status; any other is `failures.ANSWER`."""

_WITH_RETRY_AFTER = (429, 503)
"""https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling"""

_SUCCESS = range(200, 300)

_INT64_MAX = 2**63 - 1  # what protobuf counts in; its negative numbers are read as larger ones


class Post(Value):
    """What a request was sent as. Its ``repr`` holds secrets."""

    target: str  # path and query
    headers: dict[str, str]  # beside those that say how the body is encoded


def outcome(request: ExportRequest, response: Response, post: Post, now: float) -> Outcome:
    """Return what became of a request that was answered.

    Args:
        request: That was sent.
        response: Its answer.
        post: As what it was sent.
        now: Seconds since the epoch.
    """
    if response.status in _SUCCESS:
        content_type = response.headers.get("content-type", "")
        return accepted(request, content_type, response.body, post.headers.values())
    failure = _failure(request, response, post, now)
    if response.status in RETRYABLE or failure.kind is failures.TLS:
        return Failed(request, failure)
    return Refused(request, failure)


def accepted(
    request: ExportRequest, content_type: str, body: bytes, values: Iterable[str]
) -> Outcome:
    """Return what became of a request that was answered with success.

    Args:
        request: That was sent.
        content_type: Of the answer.
        body: An ``Export*ServiceResponse``.
        values: Of the headers that were sent, which it may quote.
    """
    rejected_count, reason = _partial_success(content_type, body)
    if not 0 < rejected_count <= _INT64_MAX:
        return Delivered(request, 0, "")
    from collector_ext.core import refusal  # noqa: PLC0415 - as below

    return Delivered(request, rejected_count, refusal.excerpt(reason, refusal.secrets_of(values)))


def _failure(request: ExportRequest, response: Response, post: Post, now: float) -> Failure:
    from collector_ext.core import refusal  # noqa: PLC0415 - not for those who answer with success

    if refusal.is_of_tls(response):
        return Failure(failures.TLS, "HTTP 400: it speaks TLS, its URL begins with https", None)
    status = response.status
    kind = KINDS.get(status, failures.ANSWER)
    reason = f"HTTP {status}"
    if kind is failures.UNAUTHORISED:
        reason += f" ({refusal.sent_with(post.headers)})"
    elif kind is failures.NOT_FOUND:
        reason += _about_path(post.target, request.signal.path)
    # The query may be a key.
    secrets = refusal.secrets_of([*post.headers.values(), post.target.partition("?")[2]])
    text = refusal.said(response, secrets)
    if text:
        reason += f": {text}"
    is_timed = status in _WITH_RETRY_AFTER
    return Failure(kind, reason, refusal.retry_after_s(response.headers, now) if is_timed else None)


def _about_path(target: str, usual_path: str) -> str:
    """Return what is odd about the path that nothing was found at."""
    path = target.partition("?")[0]
    if path.count(usual_path) > 1:
        return f" (the path has {usual_path} twice)"
    return "" if path.endswith(usual_path) else f" (the path does not end in {usual_path})"


def _partial_success(content_type: str, body: bytes) -> tuple[int, str]:
    content_type = content_type.partition(";")[0].strip().lower()
    if content_type == PROTOBUF:
        return wire.partial_success(body)
    if content_type == JSON:
        return _partial_success_json(body)
    return 0, ""


def _partial_success_json(body: bytes) -> tuple[int, str]:
    """As ``wire.partial_success``; the count's key is named after the signal's items."""
    try:
        partial = json_text.parse(body)["partialSuccess"]
        counts = [int(value) for key, value in partial.items() if key.startswith("rejected")]
        return sum(counts), str(partial.get("errorMessage", ""))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return 0, ""  # There is none, or it cannot be read.
