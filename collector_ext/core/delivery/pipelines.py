"""From receipt to export: what is done to telemetry, and by whom it is sent.

A pipeline with processors holds what it is given until an export: then its processors see all
of it at once, a whole invocation as a rule. One without hands it on at once. From there each
exporter has an outbox of its own, so that one that is away costs the others nothing.
"""

from __future__ import annotations

from collector_ext.core.actions import WARN, Say
from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.delivery.complaints import Complaints
from collector_ext.core.delivery.outbox import BUFFER_BYTES_MAX, Outbox
from collector_ext.core.otlp import PROTOBUF, ExportRequest, Payload, Signal
from collector_ext.core.wire import MalformedError, top_level_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from collector_ext.core.config.configuration import Processor
    from collector_ext.core.events import Outcome


class Pipeline:
    """One way of one signal.

    Args:
        name: Its id in the configuration.
        signal: Which payloads go this way.
        processors: What is done to them, in order.
        outboxes: Where they go then.
    """

    def __init__(
        self,
        name: str,
        signal: Signal,
        processors: Sequence[Processor],
        outboxes: Sequence[Outbox],
    ) -> None:
        self.name = name
        self.signal = signal
        self._processors = processors
        self._outboxes = outboxes
        self._held = Buffer(BUFFER_BYTES_MAX)
        self.needs_whole = any(getattr(p, "needs_whole", False) for p in processors)

    @property
    def holds(self) -> bool:
        """Whether something waits for its processors."""
        return bool(self._held)

    def put(self, payload: Payload) -> tuple[list[Say], tuple[Payload, ...]]:
        """Take a payload; return what is said of that, and what had to be dropped for it."""
        if self._processors:
            return [], self._held.append(payload)
        return self.hand_on((payload,)), ()

    def take_held(self) -> tuple[Payload, ...]:
        """Return what waits for the processors, oldest first; it waits no more."""
        return self._held.take_all()

    def processed(self, body: bytes) -> list[Payload]:
        """Return what the processors make of a request in protobuf."""
        for processor in self._processors:
            body = processor.process(self.signal, body) if body else b""
        # In parts again, so that an endpoint that refuses one of them gets the others.
        return [Payload(self.signal, PROTOBUF, part, is_suspect=False) for part in _parts(body)]

    def hand_on(self, payloads: Sequence[Payload]) -> list[Say]:
        """Give payloads to all exporters."""
        return [said for outbox in self._outboxes for said in outbox.put(payloads)]


class Pipelines:
    """All of them, as the lifecycle sees them.

    Promise: a payload is held, or it is in the outboxes of its pipelines, or a processor left
    it out, or it was dropped and that was said.

    Args:
        pipelines: Whose outboxes are among the next.
        outboxes: By the ids of their exporters.
        transcode: Makes an export request in protobuf of one in JSON.
    """

    def __init__(
        self,
        pipelines: Sequence[Pipeline],
        outboxes: dict[str, Outbox],
        transcode: Callable[[Signal, bytes], bytes],
    ) -> None:
        self._pipelines = pipelines
        self._outboxes = outboxes
        self._transcode = transcode
        self._complaints = Complaints()
        self._said: list[Say] = []
        self._unsaid_count = 0  # payloads dropped before processing without a word of it

    @property
    def is_in_flight(self) -> bool:
        """Whether an export was ordered whose outcome is not known."""
        return any(outbox.is_in_flight for outbox in self._outboxes.values())

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to export, or may be after processing."""
        waiting = any(outbox.has_waiting for outbox in self._outboxes.values())
        return waiting or any(pipeline.holds for pipeline in self._pipelines)

    def complain(self, about: str, reason: str, text: str) -> list[Say]:
        """Say ``text``, unless the same was complained about for the same reason before."""
        return self._complaints.complain(about, reason, text)

    def put(self, payloads: Iterable[Payload]) -> list[Say]:
        """Add payloads, oldest first. Those of a signal without a pipeline are let go."""
        said: list[Say] = []
        for payload in payloads:
            for pipeline in self._pipelines:
                if payload.body and payload.signal == pipeline.signal:
                    spoken, dropped = pipeline.put(payload)
                    said += spoken + self._dropped(pipeline, dropped)
        return said

    def _dropped(self, pipeline: Pipeline, payloads: tuple[Payload, ...]) -> list[Say]:
        if not payloads:
            return []
        found = f"more than {BUFFER_BYTES_MAX} bytes wait for the processors of {pipeline.name}"
        text = f"{found}; the {len(payloads)} oldest payloads are dropped"
        said = self._complaints.complain(pipeline.name, "full", text)
        self._unsaid_count += 0 if said else len(payloads)
        return said

    def take(
        self, *, is_over: bool, but: Collection[str] = ()
    ) -> tuple[list[Say], tuple[ExportRequest, ...]]:
        """Process what is held, and return everything to send; it is in flight from now on.

        Args:
            is_over: Whether no more of the same invocation is to come: some processors need
                the whole of it, and hold it until then.
            but: Exporters that nothing is to be sent by; what is for them goes on waiting.

        Returns:
            What is to be said, and the requests, exporter by exporter.
        """
        said: list[Say] = []
        for pipeline in self._pipelines:
            if pipeline.holds and (is_over or not pipeline.needs_whole):
                said += self._release(pipeline)
        said += self._said
        self._said = []
        wanted = [outbox for exporter, outbox in self._outboxes.items() if exporter not in but]
        return said, tuple(request for outbox in wanted for request in outbox.take())

    def _release(self, pipeline: Pipeline) -> list[Say]:
        """Let the processors have what is held, and hand on what they make of it."""
        held = pipeline.take_held()
        body = b"".join([self._to_protobuf(payload) for payload in held])
        try:
            processed = pipeline.processed(body)
        except Exception as fault:  # noqa: BLE001 - not swallowed: it is said as the reason
            # A fault of ours that one request can trigger must not end all telemetry. What a
            # processor was to take out must not leave either.
            reason = type(fault).__name__
            found = f"the processors of {pipeline.name} failed: {reason}"
            text = f"{found}; the {len(held)} payloads that they were given are dropped"
            said = self._complaints.complain(pipeline.name, reason, text)
            self._unsaid_count += 0 if said else len(held)
            return said
        return pipeline.hand_on(processed)

    def _to_protobuf(self, payload: Payload) -> bytes:
        if payload.content_type == PROTOBUF:
            return payload.body
        try:
            return self._transcode(payload.signal, payload.body)
        except ValueError as fault:
            text = f"{payload.signal.name} in JSON cannot be processed: {fault}; they are dropped"
            said = self._complaints.complain("json", str(fault), text)
            self._unsaid_count += 0 if said else 1
            self._said += said
            return b""

    def settle(self, outcomes: Sequence[Outcome]) -> list[Say]:
        """Take into account what became of the export in flight."""
        said: list[Say] = []
        for exporter, outbox in self._outboxes.items():
            if outbox.is_in_flight:
                said += outbox.settle([o for o in outcomes if o.request.exporter == exporter])
        return said

    def discard(self, why: str) -> list[Say]:
        """Give up all that is held, waits or is in flight."""
        said: list[Say] = []
        for pipeline in self._pipelines:
            if pipeline.holds:
                said += self._release(pipeline)
        said, self._said = [*said, *self._said], []
        if self._unsaid_count:
            found = f"{self._unsaid_count} more payloads were dropped before processing"
            said.append(Say(WARN, f"{found} for reasons given above"))
            self._unsaid_count = 0
        return said + [line for outbox in self._outboxes.values() for line in outbox.discard(why)]


def _parts(body: bytes) -> list[bytes]:
    try:
        return list(top_level_fields(body))
    except MalformedError:
        # Its judge is the endpoint.
        return [body] if body else []
