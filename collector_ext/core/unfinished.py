"""Spans that were started and not ended, held back until it is known how they ended.

The internal half sends a provisional root when an invocation starts, and shortly before the
deadline a snapshot of what is still open. When the invocation ends as it should, its final
root takes their place and they are forgotten. When it does not, they are given up: ended as
errors, and exported. What comes for them later is dropped, so that

- there is at most one root span per request id,
- no span id of a provisional root or a snapshot is exported twice.
"""

from __future__ import annotations

from collector_ext.core import wire
from collector_ext.core.otlp import PROTOBUF, TRACES, Payload
from collector_ext.core.otlp_items import item_count

INVOCATION_COUNT_MAX = 256
"""Invocations that are remembered. One at a time is running, except on Managed Instances,
where this is 16 workers on each of 16 CPUs; beyond, the oldest that has ended is forgotten, and
if none has, the oldest is given up."""

ENDED_ID_COUNT_MAX = 1024
"""Spans of a running invocation that are known to have ended: 0.1 MB. A snapshot is overtaken
by the last of them only."""

NO_END = "no end of the invocation was reported"

_MS_PER_S = 1_000
_NS_PER_MS = 1_000_000


class _Invocation:
    """What is known of one invocation's unfinished spans."""

    def __init__(self) -> None:
        self.root = b""  # the export request that holds the provisional root; empty for none
        self.root_id = b""
        self.snapshot = b""
        self.done_ids: set[bytes] = set()  # never to be exported (again)
        self.ended_ids: dict[bytes, None] = {}  # not to be taken from a snapshot; newest last

    @property
    def is_over(self) -> bool:
        """Whether its root has ended, or was given up."""
        return self.root_id in self.done_ids

    def note_ended(self, ids: list[bytes]) -> None:
        """Remember spans that arrived ended, the newest ``ENDED_ID_COUNT_MAX`` of them."""
        self.ended_ids.update(dict.fromkeys(ids))
        for oldest in list(self.ended_ids)[: len(self.ended_ids) - ENDED_ID_COUNT_MAX]:
            del self.ended_ids[oldest]

    def let_go(self) -> None:
        """Forget what is held."""
        self.root = self.snapshot = b""
        self.ended_ids = {}


class Unfinished:
    """Hold provisional roots and snapshots by request id."""

    def __init__(self) -> None:
        self._invocations: dict[str, _Invocation] = {}
        self.late_count = 0  # spans that came after they were given up

    def start(self, request_id: str, body: bytes, *, now: float) -> list[Payload]:
        """Hold the provisional root of an invocation, in place of what it was before.

        Args:
            request_id: The invocation.
            body: An export request that holds this one span.
            now: Seconds since the epoch.

        Returns:
            What this gives up: an asynchronous invocation that failed is tried again under
            its old request id, and the number of those remembered is bounded.
        """
        (root_id,) = wire.span_ids(body)
        invocation = self._invocation(request_id)
        if root_id in invocation.done_ids:
            return []
        is_known = invocation.root_id == root_id
        if wire.holds_span(invocation.snapshot, root_id):
            is_known |= not invocation.root  # It was told before, and that was lost on the way.
            invocation.snapshot = wire.without_spans(invocation.snapshot, {root_id})
        given_up = [] if is_known else self.give_up(request_id, NO_END, now)
        invocation.root, invocation.root_id = body, root_id
        return given_up + self._give_up_oldest(now)

    def snapshot(self, request_id: str, body: bytes, *, now: float) -> list[Payload]:
        """Hold the spans that are still open, in place of an earlier snapshot.

        Returns:
            What this gives up, as in ``start``.
        """
        invocation = self._invocation(request_id)
        if invocation.is_over and invocation.root_id not in body:
            invocation.root_id = b""  # Another try of the request: its own root is in there.
        if not invocation.is_over:
            known = invocation.done_ids | invocation.ended_ids.keys()
            invocation.snapshot = wire.without_spans(body, known)
        return self._give_up_oldest(now)

    def receive(self, request_id: str, body: bytes, *, is_last: bool = False) -> bytes:
        """Return what is to be exported of a request with ended spans; empty for nothing.

        Args:
            request_id: The invocation.
            body: An export request.
            is_last: Whether it is the last of the invocation. Its root is in it then, unless it
                is held, or the request is empty.
        """
        invocation = self._invocations.get(request_id)
        if invocation is None:
            return body
        repeated = {i for i in invocation.done_ids if wire.holds_span(body, i)}
        if repeated:
            self.late_count += len(repeated)
            body = wire.without_spans(body, repeated)
        if invocation.root or invocation.snapshot:
            ended = _ids_in(body)
            invocation.note_ended(ended)
            shown = invocation.snapshot
            if shown:
                invocation.snapshot = wire.without_spans(shown, set(ended))
            if invocation.root and invocation.root_id in ended:
                invocation.done_ids.add(invocation.root_id)
                invocation.let_go()
            elif is_last and not invocation.root and invocation.snapshot != shown:
                invocation.let_go()  # It was announced, and that was lost on the way.
        return body

    def has_started_by(self, request_id: str, at: float) -> bool:
        """Whether what is held of an invocation can have ended at ``at``.

        Telemetry may come a freeze later, when the next try of the same request is running.
        """
        invocation = self._invocations.get(request_id)
        started_ns = wire.start_ns(invocation.root) if invocation and invocation.root else 0
        return started_ns // _NS_PER_MS <= round(at * _MS_PER_S)

    def give_up(self, request_id: str, why: str, at: float) -> list[Payload]:
        """Return the unfinished spans of an invocation, ended as errors, and forget them.

        Args:
            request_id: The invocation.
            why: What became of it, e.g. ``timeout``.
            at: When, in seconds since the epoch.
        """
        invocation = self._invocations.get(request_id)
        if invocation is None:
            return []
        bodies = [invocation.snapshot] if invocation.snapshot else []
        # The snapshot is the newer view: where it holds the root as well, it counts.
        if invocation.root and not wire.holds_span(invocation.snapshot, invocation.root_id):
            bodies.insert(0, invocation.root)
        invocation.let_go()
        for body in bodies:
            invocation.done_ids.update(wire.span_ids(body))
        end_ns = round(at * _MS_PER_S) * _NS_PER_MS
        ended = [wire.end_spans(body, end_ns=end_ns, message=why) for body in bodies]
        return [
            Payload(TRACES, PROTOBUF, body, item_count(TRACES, body), is_suspect=False)
            for body in ended
        ]

    def give_up_all(self, why: str, at: float, *, but: str = "") -> list[Payload]:
        """As ``give_up``, for every invocation except ``but``."""
        others = [request_id for request_id in self._invocations if request_id != but]
        return [payload for other in others for payload in self.give_up(other, why, at)]

    def _give_up_oldest(self, now: float) -> list[Payload]:
        if len(self._invocations) <= INVOCATION_COUNT_MAX:
            return []
        found = self._invocations.items()
        over = (request_id for request_id, one in found if not (one.root or one.snapshot))
        oldest = next(over, next(iter(self._invocations)))
        payloads = self.give_up(oldest, NO_END, now)
        del self._invocations[oldest]
        return payloads

    def _invocation(self, request_id: str) -> _Invocation:
        return self._invocations.setdefault(request_id, _Invocation())


def _ids_in(body: bytes) -> list[bytes]:
    try:
        return wire.span_ids(body)
    except wire.MalformedError:
        return []  # It was accepted without a look at its spans; the endpoint will judge.
