"""What the collector was told of each invocation's trace, and what it makes of it.

Held against each other, span by span, where the lifecycle hands payloads to the pipelines:
from there on `books` follow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.arrivals import SPINDOWN
from collector_ext.core.events import (
    END,
    ORDINARY,
    SNAPSHOT,
    START,
    SUCCESS,
    InitDone,
    InitStarted,
    InvokeReceived,
    PayloadReceived,
    RuntimeDone,
    ShutdownReceived,
)
from collector_ext.core.otlp import PROTOBUF, TRACES
from collector_ext.core.unfinished import NO_END
from tests.simulation.bodies import ids_in, shown
from tests.simulation.ledger import promise
from tests.simulation.spans import spans_in
from tests.simulation.trace import Trace

if TYPE_CHECKING:
    from collector_ext.core.events import Event
    from collector_ext.core.otlp import Payload
    from tests.simulation.spans import Seen, Span


class Traces:
    """Of one environment, as its collector knows it.

    Args:
        is_clock_steady: Whether the platform's times are to be believed.

    Attributes:
        put: The spans that were handed to the pipelines, by id; None for what came in JSON.
        failing_request_id: Of the invocation that fails with the initialisation, if one does.
        earlier: The request ids of invocations of the environment before this one.
    """

    def __init__(self, *, is_clock_steady: bool) -> None:
        self.put: dict[bytes, Seen | None] = {}
        self.failing_request_id = ""
        self.earlier: set[str] = set()
        self._heard: set[str] = set()  # request ids of invocations that have begun
        self._is_clock_steady = is_clock_steady
        self._traces: list[Trace] = []
        self._by_root: dict[bytes, Trace] = {}
        self._by_span: dict[bytes, Trace | Span] = {}  # itself, where it is part of no trace
        self._is_init_failure_told = False
        self._init_began_at = self._init_succeeded_at = 0.0
        self._held_id = b""  # of the newest root without an invocation
        self._init_roots: list[Seen] = []

    def begin(self, request_id: str, root: Span) -> Trace:
        """Note an invocation."""
        trace = Trace(request_id, root)
        self._traces.append(trace)
        self._by_root[root.id] = self._by_span[root.id] = trace
        return trace

    def add(self, trace: Trace | None, span: Span) -> None:
        """Note a span, of an invocation or of none."""
        if trace is not None:
            trace.spans[span.id] = span
        self._by_span[span.id] = trace or span

    def told(self, event: Event) -> None:
        """Note what the collector is told, before it is."""
        match event:
            case PayloadReceived():
                self._heard.add(event.request_id)
                if event.payload.signal == TRACES and event.payload.content_type == PROTOBUF:
                    self._note_payload(event)
            case RuntimeDone():
                self._note_end(event)
            case InvokeReceived():
                self._heard.add(event.request_id)
                self._note_reason(NO_END, [t for t in self._traces if t.is_not(event.request_id)])
            case ShutdownReceived():
                self._note_reason(NO_END if event.reason == SPINDOWN else event.reason)
            case InitStarted() | InitDone():
                self._note_init(event)
            case _:
                pass

    def _note_init(self, event: InitStarted | InitDone) -> None:
        # What is held was an earlier one's, as far as one can know.
        if isinstance(event, InitStarted):
            if event.at > self._init_succeeded_at:
                self._held_id = b"" if self._init_began_at else self._held_id
                self._init_began_at = event.at
        elif event.status != "error" and event.at >= self._init_began_at:
            self._held_id = b""
            self._init_began_at, self._init_succeeded_at = 0.0, event.at

    def _note_payload(self, event: PayloadReceived) -> None:
        ids = ids_in(event.payload.body)
        if event.phase == START and not event.request_id:
            self._held_id = ids[0]
        elif event.phase == START:
            self._by_root[ids[0]].note_beginning()
            others = [t for t in self._traces if t.is_other_try(event.request_id, ids[0])]
            self._note_reason(NO_END, others)
        elif event.phase == SNAPSHOT:
            self._note_snapshot(event.request_id, ids)
        elif event.phase in {ORDINARY, END}:
            for id_ in ids:
                found = self._by_span.get(id_)
                if isinstance(found, Trace):
                    found.note_ended(id_)

    def _note_snapshot(self, request_id: str, ids: tuple[bytes, ...]) -> None:
        trace = self._by_span[ids[0]]
        assert isinstance(trace, Trace)
        if trace.root.id not in self.put or not trace.is_announced:
            trace.note_snapshot(ids)
        for other in self._traces:
            if other.is_other_try(request_id, trace.root.id):
                other.note_other_snapshot()

    def _note_end(self, event: RuntimeDone) -> None:
        if event.status == SUCCESS:
            return
        why = event.error_type or event.status
        for trace in self._traces:
            if trace.request_id == event.request_id:
                trace.note_failure(why, event.at, is_believed=self._is_clock_steady)
        if event.request_id == self.failing_request_id and self._init_began_at:
            self._is_init_failure_told = True

    def _note_reason(self, why: str, traces: list[Trace] | None = None) -> None:
        for trace in self._traces if traces is None else traces:
            trace.reasons.add(why)

    def watch(self, payload: Payload) -> None:
        """Look at what is handed to the pipelines."""
        if payload.signal != TRACES:
            return
        if payload.content_type != PROTOBUF:
            self.put.update(dict.fromkeys(ids_in(payload.body)))
            return
        spans = list(spans_in(payload.body))
        promise(len(spans) == payload.item_count, "a payload does not know what it holds")
        for seen in spans:
            promise(seen.id not in self.put, f"{shown(seen.id)} is exported twice")
            self.put[seen.id] = seen
            self._judge(seen)

    def _judge(self, seen: Seen) -> None:
        found = self._by_span.get(seen.id)
        if isinstance(found, Trace):
            found.judge(seen)
        elif found is not None:
            promise(seen.end_ns == found.end_time, "a span of no trace is not as it was")
        elif seen.is_platform:
            is_known = seen.parent in self._by_root or seen.parent in self.put
            promise(is_known, "a span of the platform's hangs in the air")
        else:
            self._init_roots.append(seen)
            self._judge_init_root(seen)

    def _judge_init_root(self, seen: Seen) -> None:
        found = f"{shown(seen.id)} is the root of {seen.request_id or 'no invocation'}"
        promise(seen.request_id, found)
        promise(seen.request_id not in self._heard, f"{found}, whose handler was called")
        is_earlier = seen.request_id in self.earlier and self._is_clock_steady
        promise(not is_earlier, f"{found}, which is of an earlier environment")
        promise(len(self._init_roots) == 1, f"{found}, and not the first one")
        promise(seen.is_error, "the root of a failed initialisation is no error")
        promise(0 < seen.start_ns <= seen.end_ns, "a root ends before it begins")
        is_held = not self._held_id or seen.id == self._held_id
        promise(is_held, "what the function knew of its failed initialisation is lost")

    def check_arrived(self, event: Event) -> None:
        """Make sure that what has ended is handed on, once it has arrived."""
        if not isinstance(event, PayloadReceived) or event.phase in {START, SNAPSHOT}:
            return
        if event.payload.signal == TRACES:
            for id_ in ids_in(event.payload.body):
                promise(id_ in self.put, f"{shown(id_)} has ended, and is held back")

    def check_all(self) -> None:
        """Make sure that nothing is missing when the collector leaves."""
        for trace in self._traces:
            trace.check(self.put)
        if self._is_init_failure_told and self._is_clock_steady:
            found = f"{self.failing_request_id} has failed with its initialisation"
            promise(self._init_roots, f"{found}, and has no root")
