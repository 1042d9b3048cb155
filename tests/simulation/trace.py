"""One invocation's trace: what was told of it, in which order, and what may follow from that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.bodies import shown
from tests.simulation.ledger import promise
from tests.simulation.spans import OWN_ERROR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.simulation.spans import Seen, Span

_NS_PER_MS = 1_000_000


class Trace:
    """It.

    Args:
        request_id: Of the invocation, which another try may have as well.
        root: Its root span.

    Attributes:
        spans: Those that have started, by id.
        is_told: Whether the collector has its root, in whatever state.
        is_announced: Whether it has its beginning.
        reasons: Why it may be given up, in the words that its root is then ended with.
    """

    def __init__(self, request_id: str, root: Span) -> None:
        self.request_id = request_id
        self.root = root
        self.spans = {root.id: root}
        self.is_told = False
        self.reasons: set[str] = set()
        self.is_announced = self._is_ended_in_time = False
        self._failed_at_ns: int | None = None  # if nothing else was a reason before
        self._ended: set[bytes] = set()
        self._open: Sequence[bytes] = ()

    def is_not(self, request_id: str) -> bool:
        """Whether it is of another request."""
        return self.request_id != request_id

    def is_other_try(self, request_id: str, root_id: bytes) -> bool:
        """Whether it is of that request, and has another root."""
        return self.request_id == request_id and self.root.id != root_id

    def note_beginning(self) -> None:
        """Note that its open root has arrived."""
        self.is_told = self.is_announced = True

    def note_other_snapshot(self) -> None:
        """Note that of another try something is open.

        Whose beginning and end were both lost is forgotten with its snapshot.
        """
        if not self.is_announced and self.root.id not in self._ended:
            self.is_told = False

    def note_snapshot(self, ids: Sequence[bytes]) -> None:
        """Note the newest view of what is open."""
        self._open = ids
        self.is_told |= self.root.id in ids

    def note_ended(self, id_: bytes) -> None:
        """Note that a span has arrived as it ended."""
        self._ended.add(id_)
        if id_ == self.root.id:
            self.is_told = True
            self._is_ended_in_time |= not self.reasons

    def note_failure(self, why: str, at: float, *, is_believed: bool) -> None:
        """Note that the platform calls it failed."""
        at_ms = round(at * 1000)
        if is_believed and self.root.start_ns // _NS_PER_MS > at_ms:
            return  # an earlier try was meant
        if is_believed and self.is_told and not self.reasons:
            self._failed_at_ns = at_ms * _NS_PER_MS
        self.reasons.add(why)

    def judge(self, seen: Seen) -> None:
        """Make sure that a span is as it ended, or was given up for a reason, at that moment."""
        span, name = self.spans[seen.id], f"{shown(seen.id)} of {self.request_id}"
        as_it_ended = (span.end_time, span.is_error, False)
        if (seen.end_ns, seen.is_error, seen.is_unfinished) == as_it_ended:
            promise(seen.id in self._ended, f"{name} has ended before it did")
            return
        promise(seen.id not in self._ended, f"{name} is not as it ended")
        promise(self.reasons, f"{name} is given up for no reason")
        promise(not self._is_ended_in_time, f"{name} is given up, and its invocation had ended")
        is_root = seen.id == self.root.id
        promise(is_root or seen.id in self._open, f"{name} is not known to be open")
        promise(seen.is_error, f"{name} is given up, and no error")
        promise(is_root or seen.is_unfinished, f"{name} is not called unfinished")
        why = {OWN_ERROR} if span.is_error and seen.message == OWN_ERROR else self.reasons
        promise(seen.message in why, f"{name} failed of {seen.message}, not of {self.reasons}")
        promise(seen.end_ns >= span.start_ns, f"{name} ends before it begins")
        if self._failed_at_ns is not None:
            end_ns = max(self._failed_at_ns, span.start_ns)
            promise(seen.end_ns == end_ns, f"{name} does not end when its invocation did")

    def check(self, put: Mapping[bytes, Seen | None]) -> None:
        """Make sure that the root is there, and what was open of an invocation given up."""
        root = put.get(self.root.id)
        promise(root or not self.is_told, f"{self.request_id} has no root")
        if root is None or root.end_ns == self.root.end_time:
            return
        for id_ in self._open:
            promise(id_ in put, f"{shown(id_)} of {self.request_id} hung, and nobody is told")
