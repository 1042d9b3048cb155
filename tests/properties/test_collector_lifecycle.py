"""Whatever happens, in whatever order, the collector's lifecycle keeps its promises."""

from __future__ import annotations

from collections import Counter
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collector_ext.core.actions import Action, AskNext, Exit, Export, Say
from collector_ext.core.delivery.outbox import Outbox
from collector_ext.core.events import (
    Delivered,
    Event,
    ExportFinished,
    Failed,
    InvokeReceived,
    NextFailed,
    PayloadReceived,
    Refused,
    RuntimeDone,
    ShutdownReceived,
    TimerExpired,
)
from collector_ext.core.lifecycle import (
    DEADLINE_MARGIN_S,
    DRAIN_EXPORT_COUNT_MAX,
    Lifecycle,
)
from collector_ext.core.otlp import PROTOBUF, TRACES
from tests.fakes.outcomes import failed, refused
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import pipelines_to
from tests.fakes.trace_requests import export_request, span_id, spans_in

START_AT = 1_000.0
NAME = "https://otlp.example/v1/traces"


class SimulatedLambda(RuleBasedStateMachine):
    """Lambda, a function and an endpoint, as hostile as the APIs allow.

    The function's spans have ids that tell which invocation they are of, so that at the
    endpoint each span id must be seen at most once, and each root span at most once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = START_AT
        self.ids = count(1)
        self.export: Export | None = None
        self.owed_count = 0  # events and failed nexts that AskNext has to answer
        self.export_count = 0  # ordered while Lambda waited for nothing else
        self.divided_count = 0  # requests refused whose parts are to be judged alone
        self.is_exited = False
        self.request_id: str | None = None  # of the invocation in progress
        self.deadline_at = 0.0
        self.has_ended = True
        self.is_told = False  # that it has ended, by a sign that cannot be mistaken
        self.open_ids: list[bytes] = []  # of the function's spans
        self.root_id: bytes | None = None
        self.unsent: list[tuple[str, bytes]] = []  # request and span ids that may come late
        self.delivered: Counter[bytes] = Counter()
        self.past: list[str] = []

    @initialize(has_telemetry=st.booleans())
    def environment_starts(self, *, has_telemetry: bool) -> None:
        self.has_telemetry = has_telemetry
        self.outbox = Outbox("otlp", {TRACES: NAME})
        self.lifecycle = Lifecycle(
            pipelines_to(self.outbox),
            flush_timeout_s=1.0,
            has_telemetry=has_telemetry,
            period_s=None,
        )

    def feed(self, event: Event) -> None:
        assert not self.is_exited
        for action in self.lifecycle.handle(event, self.now):
            self.obey(action)

    def obey(self, action: Action) -> None:
        match action:
            case AskNext():
                assert self.owed_count == 1, "next is asked for once for each event"
                self.owed_count = self.export_count = 0
            case Export():
                assert self.export is None, "one export at a time"
                assert action.deadline_at > self.now
                assert action.requests
                self.export = action
                if self.lifecycle.phase == "draining":
                    self.export_count += 1
                    assert self.export_count <= DRAIN_EXPORT_COUNT_MAX + self.divided_count
            case Say():
                assert action.text
            case Exit():
                assert not self.outbox.has_waiting
                self.is_exited = True

    def post(self, phase: str, *ids: bytes, of: str | None = None, is_open: bool = False) -> None:
        spans = [(f"span {i.hex()}", i) for i in ids]
        body = export_request(*spans, is_open=is_open) if ids else b""
        payload = payload_of(TRACES, PROTOBUF, body)
        self.feed(PayloadReceived(payload, of or self.request_id or "", phase))

    def new_span(self) -> bytes:
        return span_id(next(self.ids))

    # Time

    @rule(seconds=st.floats(0, 2))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: not self.is_exited and self.lifecycle.timer_at is not None)
    @rule()
    def timer_expires(self) -> None:
        timer_at = self.lifecycle.timer_at
        assert timer_at is not None
        self.now = max(self.now, timer_at)
        self.feed(TimerExpired())
        again_at = self.lifecycle.timer_at
        assert again_at is None or again_at > self.now, "a timer that stays would spin"

    # Lambda

    @precondition(lambda self: not self.is_exited and not self.owed_count)
    @rule(
        timeout_s=st.floats(0.1, 5),
        read_after=st.sampled_from(["nothing", "its start", "its end"]),
        is_again=st.booleans(),
        pause_s=st.sampled_from([0.0, 3600.0]),
    )
    def environment_is_invoked(
        self, timeout_s: float, pause_s: float, read_after: str, *, is_again: bool
    ) -> None:
        self.now += pause_s
        is_again = is_again and pause_s > 0 and bool(self.past)
        self.request_id = self.past[-1] if is_again else f"request-{next(self.ids)}"
        self.past.append(self.request_id)
        self.deadline_at = self.now + timeout_s
        self.has_ended = self.is_told = False
        self.open_ids, self.root_id = [], None
        if read_after != "nothing":
            self.function_starts()
        if read_after == "its end":
            self.function_returns(is_repeated=False, tells=False)
        self.owed_count = 1
        self.feed(InvokeReceived(self.request_id, self.deadline_at))

    @precondition(lambda self: not self.is_exited and not self.owed_count)
    @rule(reason=st.sampled_from(["spindown", "timeout", "failure"]), timeout_s=st.floats(-1, 2))
    def environment_shuts_down(self, reason: str, timeout_s: float) -> None:
        self.owed_count = 1
        self.has_ended = True
        self.feed(ShutdownReceived(reason, self.now + timeout_s))

    @precondition(lambda self: not self.is_exited and not self.owed_count)
    @rule()
    def next_fails(self) -> None:
        self.owed_count = 1
        self.feed(NextFailed("HTTP 500"))

    @precondition(lambda self: not self.is_exited and self.has_telemetry and self.past)
    @rule(data=st.data(), status=st.sampled_from(["success", "error", "timeout"]))
    def telemetry_is_late_or_repeated(self, data: st.DataObject, status: str) -> None:
        request_id = data.draw(st.sampled_from(self.past))
        if request_id != self.request_id or self.has_ended:
            self.feed(RuntimeDone(request_id, status, "", self.now - 2.0))

    # The function

    @precondition(lambda self: not self.is_exited and not self.has_ended and self.root_id is None)
    @rule()
    def function_starts(self) -> None:
        self.root_id, *self.open_ids = (self.new_span() for _ in range(4))
        self.post("start", self.root_id, is_open=True)

    @precondition(lambda self: not self.is_exited and self.open_ids)
    @rule(is_snapshot_before=st.booleans(), is_snapshot_after=st.booleans())
    def function_ends_a_span(self, *, is_snapshot_before: bool, is_snapshot_after: bool) -> None:
        if is_snapshot_before:
            self.function_takes_a_snapshot(with_root=False)
        ended = self.open_ids.pop()
        self.post("", ended)
        if is_snapshot_after and self.open_ids:
            self.function_takes_a_snapshot(with_root=False)

    @precondition(lambda self: not self.is_exited and self.open_ids and not self.has_ended)
    @rule(with_root=st.booleans())
    def function_takes_a_snapshot(self, *, with_root: bool) -> None:
        root = [self.root_id] if with_root and self.root_id else []
        self.post("snapshot", *root, *self.open_ids, is_open=True)

    @precondition(lambda self: not self.is_exited and not self.has_ended)
    @rule(is_repeated=st.booleans(), tells=st.booleans())
    def function_returns(self, *, is_repeated: bool, tells: bool) -> None:
        self.has_ended = True
        assert self.request_id is not None
        if self.root_id is not None:
            self.is_told = True
            for _ in range(1 + is_repeated):
                self.post("end", self.root_id)
        if tells and self.has_telemetry and not self.is_exited:
            self.is_told = True
            self.feed(RuntimeDone(self.request_id, "success", "", self.now))

    @precondition(lambda self: not self.is_exited and not self.has_ended and self.has_telemetry)
    @rule(at_s=st.floats(-0.0005, 0.001))
    def function_crashes(self, at_s: float) -> None:
        self.has_ended = self.is_told = True
        assert self.request_id is not None
        late_ids = [i for i in (self.root_id, *self.open_ids) if i is not None]
        self.unsent += [(self.request_id, i) for i in late_ids]
        self.open_ids = []
        self.feed(RuntimeDone(self.request_id, "error", "Runtime.ExitError", self.now + at_s))

    @precondition(lambda self: not self.is_exited and self.unsent)
    @rule()
    def a_span_comes_after_its_invocation_was_given_up(self) -> None:
        request_id, late_id = self.unsent.pop()
        self.post("", late_id, of=request_id)

    # The endpoint

    @precondition(lambda self: not self.is_exited and self.export is not None)
    @rule(data=st.data())
    def endpoint_answers(self, data: st.DataObject) -> None:
        assert self.export is not None
        requests, self.export = self.export.requests, None
        outcomes: list[Delivered | Failed | Refused] = []
        for request in requests:
            ids = [span.span_id for span in spans_in(request.merged())]
            assert not set(ids) & set(self.delivered), "nothing is delivered twice"
            assert len(ids) == len(set(ids))
            status = data.draw(st.sampled_from([200, 200, 200, 200, 400, 401, 413, 503]))
            if status == 200:
                self.delivered.update(ids)
                outcomes.append(Delivered(request, 0, ""))
            elif status == 503:
                outcomes.append(failed(request))
            else:
                self.divided_count += len(request.payloads) > 1
                outcomes.append(refused(request, status))
        self.feed(ExportFinished(tuple(outcomes)))

    # What always holds

    @invariant()
    def no_payload_is_forgotten(self) -> None:
        if not hasattr(self, "outbox"):
            return
        in_flight = self.export.requests if self.export and not self.is_exited else ()
        held = sum(len(request.payloads) for request in in_flight)
        held += len(self.outbox._buffer._payloads)
        assert held + self.outbox.delivered_count + self.outbox.lost_count == self.outbox.put_count

    @invariant()
    def lambda_waits_for_an_export_and_nothing_else(self) -> None:
        if self.is_told and not self.is_exited and self.lifecycle.phase != "ready":
            assert self.export is not None

    @invariant()
    def the_collector_never_stalls(self) -> None:
        if self.is_exited or not self.owed_count:
            return
        timer_at = self.lifecycle.timer_at
        assert timer_at is not None, "Lambda is waiting, so something must be going to happen"
        if self.lifecycle.phase == "running":
            assert timer_at <= self.deadline_at - DEADLINE_MARGIN_S


TestLifecycle = SimulatedLambda.TestCase
TestLifecycle.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
