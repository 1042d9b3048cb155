"""The answers to ``/event/next`` as events.

Shapes::

    {"eventType": "INVOKE", "deadlineMs": 676051, "requestId": "...", ...}
    {"eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": 676051}

Specification: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

from collector_ext.core import json_text
from collector_ext.core.events import InvokeReceived, NextFailed, ShutdownReceived

_OK = 200

DEADLINE_UNSAID_S = 2.0
"""What is left when an event names no deadline: Lambda's whole budget of a shutdown."""

_DEADLINE_MS_MAX = 2**63
"""Beyond the API's integers: JSON has larger numbers, and `inf` is spelled 1e999."""

_EXCERPT = 200  # characters of an answer that is quoted in a message


def event_in(
    status: int, body: bytes, now: float
) -> InvokeReceived | ShutdownReceived | NextFailed:
    """Return the event that ``/event/next`` was answered with.

    Args:
        status: HTTP status of the answer.
        body: Its JSON.
        now: Seconds since the epoch; used only when the event names no deadline.
    """
    excerpt = body[:_EXCERPT].decode("utf-8", "replace")
    if status != _OK:
        return NextFailed(f"HTTP {status} {excerpt}")
    try:
        fields = json_text.parse(body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return NextFailed(f"no event: {excerpt}")
    deadline_ms = fields.get("deadlineMs")
    deadline_at = now + DEADLINE_UNSAID_S
    if isinstance(deadline_ms, (int, float)) and 0 <= deadline_ms < _DEADLINE_MS_MAX:
        deadline_at = deadline_ms / 1000
    if fields.get("eventType") == "INVOKE":
        return InvokeReceived(str(fields.get("requestId", "")), deadline_at)
    if fields.get("eventType") == "SHUTDOWN":
        # The docs print the reasons in capitals, the platform sends small letters.
        return ShutdownReceived(str(fields.get("shutdownReason", "")).lower(), deadline_at)
    return NextFailed(f"an unknown event: {excerpt}")
