"""From receipt to export: what is done to telemetry, and by whom it is sent.

A pipeline with processors holds what it is given until an export: then its processors see all
of it at once, a whole invocation as a rule. One without hands it on at once. From there each
exporter has an outbox of its own, so that one that is away costs the others nothing.
"""

from __future__ import annotations

from collector_ext.core.actions import WARN, Action, Export, Keep, Say
from collector_ext.core.delivery.account import BUFFER_FULL, FILTERED, PROCESSOR, Account
from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.delivery.complaints import Complaints
from collector_ext.core.delivery.failures import CONTENT
from collector_ext.core.delivery.outbox import Outbox
from collector_ext.core.otlp import PROTOBUF, SIGNALS, Payload, Signal
from collector_ext.core.otlp_items import item_count
from collector_ext.core.wire import MalformedError, top_level_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from collector_ext.core.config.configuration import Processor
    from collector_ext.core.events import ExportFinished


class Pipeline:
    """One way of one signal.

    Args:
        name: Its id in the configuration.
        signal: Which payloads go this way.
        processors: What is done to them, in order.
        outboxes: Where they go then.
        held_bytes_max: Of payloads that wait for the processors.

    Attributes:
        account: What became of the items until they were handed on.
        needs_whole: Whether a processor decides on a whole invocation.
    """

    def __init__(
        self,
        name: str,
        signal: Signal,
        processors: Sequence[Processor],
        outboxes: Sequence[Outbox],
        *,
        held_bytes_max: int,
    ) -> None:
        self.name = name
        self.signal = signal
        self._processors = processors
        self._outboxes = outboxes
        self.held_bytes_max = held_bytes_max
        self._held = Buffer(held_bytes_max)
        self.account = Account()
        self.needs_whole = any(getattr(p, "needs_whole", False) for p in processors)

    @property
    def holds(self) -> bool:
        """Whether something waits for its processors."""
        return bool(self._held)

    def takes(self, signal: Signal) -> bool:
        """Whether payloads of a signal go this way, and come to an endpoint."""
        return signal == self.signal and any(signal in o.accounts for o in self._outboxes)

    def put(self, payload: Payload) -> tuple[list[Say], tuple[Payload, ...]]:
        """Take a payload; return what is said of that, and what had to be dropped for it."""
        self.account.received += payload.item_count
        if self._processors:
            dropped = self._held.append(payload)
            self.account.drop(BUFFER_FULL, sum(each.item_count for each in dropped))
            return [], dropped
        return self.hand_on((payload,)), ()

    def take_held(self) -> tuple[Payload, ...]:
        """Return what waits for the processors, oldest first; it waits no more."""
        return self._held.take_all()

    def processed(self, body: bytes) -> list[Payload]:
        """Return what the processors make of a request in protobuf."""
        for processor in self._processors:
            body = processor.process(self.signal, body) if body else b""
        # In parts again, so that an endpoint that refuses one of them gets the others.
        return [
            Payload(self.signal, PROTOBUF, part, item_count(self.signal, part), is_suspect=False)
            for part in _parts(body)
        ]

    def hand_on(self, payloads: Sequence[Payload]) -> list[Say]:
        """Give payloads to all exporters."""
        self.account.exported += sum(payload.item_count for payload in payloads)
        return [said for outbox in self._outboxes for said in outbox.put(payloads)]


class Pipelines:
    """All of them, as the lifecycle sees them.

    Promise: a payload is held, or it is in the outboxes of its pipelines, or a processor left
    it out, or it was dropped and that was said.

    Args:
        pipelines: Whose outboxes are among the next.
        outboxes: By the ids of their exporters.
        transcode: Makes an export request in protobuf of one in JSON.

    Attributes:
        received: Items of each signal that were put in.
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
        self.received = dict.fromkeys(SIGNALS, 0)
        self._unrouted = dict.fromkeys(SIGNALS, 0)  # of these, without a pipeline
        self._complaints = Complaints()
        self._said: list[Say] = []
        self._unsaid_count = 0  # payloads dropped before processing without a word of it

    def in_flight_until(self, after: float) -> float | None:
        """Return the latest deadline of exports in flight; None without one after ``after``."""
        times = [outbox.in_flight_until for outbox in self._outboxes.values()]
        return max((at for at in times if at is not None and at > after), default=None)

    def try_at(self, now: float) -> float | None:
        """Return when an exporter has something to send in this flush; None for not at all."""
        times = [outbox.try_at(now) for outbox in self._outboxes.values()]
        return min((at for at in times if at is not None), default=None)

    def rests_until(self, now: float) -> float:
        """Return when another flush would have something to send: now, unless all rest."""
        if self.holds:
            return now
        times = [outbox.rests_until(now) for outbox in self._outboxes.values()]
        return min((at for at in times if at is not None), default=now)

    @property
    def outboxes(self) -> Iterable[Outbox]:
        """Those of all exporters."""
        return self._outboxes.values()

    @property
    def holds(self) -> bool:
        """Whether something waits for processors."""
        return any(pipeline.holds for pipeline in self._pipelines)

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to export, or may be after processing."""
        waiting = any(outbox.has_waiting for outbox in self._outboxes.values())
        return waiting or self.holds

    def complain(self, about: str, reason: str, text: str) -> list[Say]:
        """Say ``text``, unless the same was complained about for the same reason before."""
        return self._complaints.complain(about, reason, text)

    def put(self, payloads: Iterable[Payload]) -> list[Say]:
        """Add payloads, oldest first. Those of a signal without a pipeline are only counted."""
        said: list[Say] = []
        for payload in payloads:
            self.received[payload.signal] += payload.item_count
            ways = [pipeline for pipeline in self._pipelines if pipeline.takes(payload.signal)]
            if not ways:
                self._unrouted[payload.signal] += payload.item_count
            for pipeline in ways:
                if payload.body:
                    spoken, dropped = pipeline.put(payload)
                    said += spoken + self._dropped(pipeline, dropped)
        return said

    def _dropped(self, pipeline: Pipeline, payloads: tuple[Payload, ...]) -> list[Say]:
        if not payloads:
            return []
        bound = pipeline.held_bytes_max
        found = f"more than {bound} bytes wait for the processors of {pipeline.name}"
        text = f"{found}; the {len(payloads)} oldest payloads are dropped"
        said = self._complaints.complain(pipeline.name, "full", text)
        self._unsaid_count += 0 if said else len(payloads)
        return said

    def start_flush(self, now: float, urgency: int) -> None:
        """Begin a flush; see `Outbox.start_flush`."""
        for outbox in self._outboxes.values():
            outbox.start_flush(now, urgency)

    def close_flush(self) -> None:
        """Let nothing into the flush any more; see `Outbox.close_flush`."""
        for outbox in self._outboxes.values():
            outbox.close_flush()

    def take(self, now: float, until: float, *, is_over: bool) -> list[Action]:
        """Process what is held, and return the orders to send all that may be sent now.

        Args:
            now: Seconds since the epoch.
            until: By when it has to be delivered, likewise.
            is_over: Whether no more of the same invocation is to come: some processors need
                the whole of it, and hold it until then.

        Returns:
            What is to be said, and an ``Export`` for each exporter that is not busy. What
            they hold is in flight from now on.
        """
        actions: list[Action] = []
        for pipeline in self._pipelines:
            if pipeline.holds and (is_over or not pipeline.needs_whole):
                actions += self._release(pipeline)
        actions += self._said
        self._said = []
        for exporter, outbox in self._outboxes.items():
            requests = outbox.take(now, until)
            if requests:
                actions.append(Export(exporter, requests, until))
        return actions

    def _release(self, pipeline: Pipeline) -> list[Say]:
        """Let the processors have what is held, and hand on what they make of it."""
        held = pipeline.take_held()
        body = b"".join([self._to_protobuf(payload, pipeline.account) for payload in held])
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
            pipeline.account.drop(PROCESSOR, pipeline.account.carried)
            return said
        said = pipeline.hand_on(processed)
        pipeline.account.drop(FILTERED, pipeline.account.carried)
        return said

    def _to_protobuf(self, payload: Payload, account: Account) -> bytes:
        if payload.content_type == PROTOBUF:
            return payload.body
        try:
            return self._transcode(payload.signal, payload.body)
        except ValueError as fault:
            text = f"{payload.signal.name} in JSON cannot be processed: {fault}; they are dropped"
            said = self._complaints.complain("json", str(fault), text)
            self._unsaid_count += 0 if said else 1
            self._said += said
            account.drop(CONTENT.name, payload.item_count)
            return b""

    def settle(self, event: ExportFinished, now: float) -> list[Action]:
        """Take into account what became of an export in flight."""
        outbox = self._outboxes[event.exporter]
        return [*outbox.settle(event.outcomes, now), *outbox.release()]

    def summary(self) -> str:
        """Return what became of everything in words; empty when there was nothing."""
        unrouted = [
            f"{signal.amount(count)} received, without an exporter"
            for signal, count in self._unrouted.items()
            if count
        ]
        lost = [
            f"pipeline {pipeline.name}: {pipeline.account.text(pipeline.signal, 'handed on')}"
            for pipeline in self._pipelines
            if pipeline.account.dropped
        ]
        exported = [
            f"{outbox.exporter}: {account.text(signal, 'exported')}"
            for outbox in self._outboxes.values()
            for signal, account in outbox.accounts.items()
            if account.received
        ]
        return "; ".join((*unrouted, *lost, *exported))

    def restore(self, exporter: str, payloads: Sequence[Payload]) -> list[Action]:
        """Take what an earlier process of the environment has kept for an exporter."""
        if exporter in self._outboxes:
            return [*self._outboxes[exporter].restore(payloads)]
        text = f"{len(payloads)} payloads were kept for {exporter}, which is no exporter any more"
        return [Say(WARN, f"{text}; dropped"), Keep(exporter, ())]

    def keep(self) -> list[Action]:
        """Order that what is not delivered outlives this process; see `Outbox.keep`."""
        return [order for outbox in self._outboxes.values() for order in outbox.keep()]

    def leave(self, why: str, *, is_reset: bool) -> list[Action]:
        """Give up all that is held, waits or is in flight; see `Outbox.leave`."""
        said: list[Action] = []
        for pipeline in self._pipelines:
            if pipeline.holds:
                said += self._release(pipeline)
        said, self._said = [*said, *self._said], []
        if self._unsaid_count:
            found = f"{self._unsaid_count} more payloads were dropped before processing"
            said.append(Say(WARN, f"{found} for reasons given above"))
            self._unsaid_count = 0
        for outbox in self._outboxes.values():
            said += outbox.leave(why, is_reset=is_reset)
        return said


def _parts(body: bytes) -> list[bytes]:
    try:
        return list(top_level_fields(body))
    except MalformedError:
        # Its judge is the endpoint.
        return [body] if body else []
