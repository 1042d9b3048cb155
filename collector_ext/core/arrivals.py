"""What is there to export, of all that arrives and of what nobody will end any more.

Ended spans go on as they came. What has not ended is held back, and given up when its invocation
turns out to be over; an invocation that failed before its handler was called is given a root.
When anything leaves is not decided here.
"""

from __future__ import annotations

from collector_ext.core.events import END, SNAPSHOT, START, SUCCESS
from collector_ext.core.initialisation import Initialisation
from collector_ext.core.otlp import PROTOBUF, TRACES, Payload
from collector_ext.core.otlp_items import item_count
from collector_ext.core.unfinished import NO_END, Unfinished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from collector_ext.core.events import (
        InitDone,
        InitStarted,
        InvokeReceived,
        PayloadReceived,
        RuntimeDone,
    )
    from collector_ext.core.initialisation import FailedInit

SPINDOWN = "spindown"
"""The reason of a SHUTDOWN after which nothing is left of the environment. After any other one
Lambda starts new processes in it, and /tmp is as it was."""


class Arrivals:
    """Turn what has happened into payloads to export.

    Args:
        root_of: Makes the export request with the root span of an invocation that failed before
            its handler was called; None where there shall be none.
    """

    def __init__(self, root_of: Callable[[FailedInit], bytes] | None) -> None:
        self._root_of = root_of
        self._unfinished = Unfinished()
        self._initialisation = Initialisation()
        self._why_left = ""  # since SHUTDOWN: what has become of whatever has not ended

    def received(self, event: PayloadReceived, now: float) -> list[Payload]:
        """Hold what has not ended; return what is to be exported, which may be older."""
        if event.request_id:
            self._initialisation.invoked()  # INVOKE may be read later, or never be sent.
        found = self._sorted(event, now)
        # Read after the process that sent it was stopped, it would never be given up.
        left = self._unfinished.give_up_all(self._why_left, now) if self._why_left else []
        return found + left

    def _sorted(self, event: PayloadReceived, now: float) -> list[Payload]:
        payload, request_id = event.payload, event.request_id
        if event.phase == START and not request_id:
            self._initialisation.hold(payload.body)
            return []
        if event.phase == START:
            return self._unfinished.start(request_id, payload.body, now=now)
        if event.phase == SNAPSHOT:
            return self._unfinished.snapshot(request_id, payload.body, now=now)
        if not request_id or payload.signal != TRACES or payload.content_type != PROTOBUF:
            return [payload]
        is_last = event.phase == END
        body = self._unfinished.receive(request_id, payload.body, is_last=is_last)
        return [payload] if body is payload.body else [_of_spans(body)]

    def initialised(self, event: InitStarted | InitDone) -> None:
        """Take note of the beginning or the end of an initialisation."""
        self._initialisation.take(event)

    def invoked(self, event: InvokeReceived, now: float) -> list[Payload]:
        """Return what is left of other invocations: who has not ended by now never will."""
        self._initialisation.invoked()
        return self._unfinished.give_up_all(NO_END, now, but=event.request_id)

    def ended(self, event: RuntimeDone) -> list[Payload]:
        """Return what is left of an invocation, if it has failed."""
        if event.status == SUCCESS:
            return []
        given_up: list[Payload] = []
        if self._unfinished.has_started_by(event.request_id, event.at):
            why = event.error_type or event.status
            given_up = self._unfinished.give_up(event.request_id, why, event.at)
        failure = self._initialisation.failure_of(event)
        if failure is not None and self._root_of is not None:
            given_up.append(_of_spans(self._root_of(failure)))
        return given_up

    def shut_down(
        self, reason: str, request_id: str, gone_at: float | None, now: float
    ) -> list[Payload]:
        """Return everything that is held.

        Args:
            reason: Of SHUTDOWN.
            request_id: Of the last invocation.
            gone_at: When its process was gone; None if it was there until now.
            now: The time.
        """
        why = self._why_left = NO_END if reason == SPINDOWN else reason
        last = [] if gone_at is None else self._unfinished.give_up(request_id, why, gone_at)
        return last + self._unfinished.give_up_all(why, now)


def _of_spans(body: bytes) -> Payload:
    return Payload(TRACES, PROTOBUF, body, item_count(TRACES, body), is_suspect=False)
