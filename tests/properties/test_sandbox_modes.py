"""What the environment promises of its modes, whatever processes, callers and clocks do."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lambda_sandbox.core.actions import (
    AbandonDelivery,
    Action,
    Answer,
    ClearEnvironment,
    Deliver,
    DiscardSnapshot,
    FinishInit,
    FinishShutdown,
    Freeze,
    Kill,
    MeasureMemory,
    Record,
    ReleaseResponse,
    StartProcess,
    Terminate,
    Thaw,
)
from lambda_sandbox.core.events import (
    RUNTIME,
    BatchDelivered,
    ClientGone,
    Event,
    InitRequested,
    InvokeRequested,
    LineWritten,
    MemoryExhausted,
    MemoryMeasured,
    ProcessExited,
    ProcessNotStarted,
    RequestReceived,
    ShutdownRequested,
    SnapshotLost,
    SnapshotTaken,
    TimeReached,
)
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START, FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Invocation
from lambda_sandbox.core.lifecycle.environment import Environment, Phase

if TYPE_CHECKING:
    from lambda_sandbox.core.api import Reply
    from lambda_sandbox.core.invocation import Outcome

FILES = ("listener", "quiet")
FUNCTION = FunctionFacts("hello", "1", "app.handler", 128, 3.0, "3.13", "stream")
EXTENSION_API = "/2020-01-01/extension"
RUNTIME_API = "/2018-06-01/runtime"
SUBSCRIPTION = json.dumps(
    {
        "schemaVersion": "2025-01-29",
        "types": ["platform", "function"],
        "buffering": {"timeoutMs": 25},
        "destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"},
    }
).encode()

FATAL = ("exit status 0", "exit status 1", "signal: killed")


class Machine(RuleBasedStateMachine):
    """Callers, extensions and a clock that do what they like; the runtime is a subclass's."""

    function = FUNCTION
    event_lists: tuple[list[str], ...] = ([], ["INVOKE"], ["SHUTDOWN"], ["INVOKE", "SHUTDOWN"])

    def __init__(self) -> None:
        super().__init__()
        self.environment = Environment(
            self.function, files=FILES, telemetry=True, init_timeout_s=10.0, epoch_s=1e9
        )
        self.now = 0.0
        self.ids = count(1)
        self.frozen = False
        self.under_way: set[str] = set()
        self.measuring = 0
        self.invoked: list[str] = []
        self.released: dict[str, Outcome] = {}
        self.too_late: set[str] = set()
        self.told: Counter[tuple[str, str]] = Counter()  # of which event, about which request
        self.init_waits = self.shutdown_waits = False
        self.gone = self.unwanted = False
        self.replies: dict[int, Reply] = {}
        self.forget_processes()

    def forget_processes(self) -> None:
        self.alive: set[str] = set()
        self.killed: set[str] = set()
        self.identifiers: dict[str, str] = {}
        self.waits: dict[int, str] = {}  # client → who asked next

    def feed(self, event: Event) -> list[Action]:
        """Tell the environment; return what this event led to."""
        # The loop never lets an event overtake a timer that has expired.
        for _ in range(20):
            timer_at = self.environment.timer_at
            if timer_at is None or timer_at > self.now:
                break
            self.handle(TimeReached())
        else:
            pytest.fail(f"an expired timer does not go away: {self.environment.phase}")
        return self.handle(event)

    def handle(self, event: Event) -> list[Action]:
        actions = list(self.environment.handle(event, self.now))
        for action in actions:
            self.obey(action)
        return actions

    def obey(self, action: Action) -> None:  # noqa: C901, PLR0912, PLR0915  # one case each
        match action:
            case StartProcess():
                assert action.process not in self.alive
                self.start(action.process)
                self.alive.add(action.process)
            case Kill():
                assert action.process in self.alive
                self.killed.add(action.process)
            case Terminate():
                assert action.process == RUNTIME
            case Answer():
                assert not self.frozen
                self.replies[action.client_id] = action.reply
                self.answered(action)
                self.waits.pop(action.client_id, None)
            case Deliver():
                assert not self.frozen
                assert action.subscriber not in self.under_way
                self.under_way.add(action.subscriber)
            case AbandonDelivery():
                self.under_way.remove(action.subscriber)
            case Record():
                self.recorded(action.event["type"], action.event["record"])
            case ReleaseResponse():
                self.release(action.outcome)
            case FinishInit():
                self.init_waits = False
            case ClearEnvironment():
                assert not self.alive
                self.forget_processes()
                self.under_way.clear()
            case FinishShutdown():
                self.shutdown_waits, self.gone = False, self.unwanted
            case _:
                self.obey_in_this_mode(action)

    def start(self, process: str) -> None:
        assert not self.gone
        assert process.rpartition("/")[2] not in self.identifiers
        if process == RUNTIME:
            assert self.alive == {f"extensions/{name}" for name in FILES}
            assert set(FILES) <= set(self.identifiers)

    def recorded(self, kind: str, record: dict[str, Any]) -> None:
        if "requestId" in record:
            self.told[kind, record["requestId"]] += 1

    def release(self, outcome: Outcome) -> None:
        assert outcome.request_id in self.invoked
        assert outcome.request_id not in self.released
        self.released[outcome.request_id] = outcome
        if outcome.error_type == "Sandbox.Failure":
            assert self.unwanted

    def answered(self, action: Answer) -> None:
        raise NotImplementedError

    def obey_in_this_mode(self, action: Action) -> None:
        raise NotImplementedError

    def call(self, method: str, target: str, body: bytes = b"", **headers: str) -> Reply | None:
        """Make a call; return its reply, None if it waits."""
        lower = {name.replace("_", "-"): value for name, value in headers.items()}
        client_id = next(self.ids)
        self.feed(RequestReceived(client_id, Request(method, target, lower, body), self.uuid))
        return self.replies.get(client_id)

    uuid = "00000000-0000-0000-0000-000000000000"

    # Callers.

    @rule()
    def somebody_wants_it_initialised(self) -> None:
        self.init_waits = True
        self.feed(InitRequested())

    @precondition(lambda self: len(self.invoked) - len(self.released) < 4)
    @rule()
    def somebody_invokes(self) -> None:
        request_id = f"r-{next(self.ids)}"
        self.invoked.append(request_id)
        if self.unwanted:
            self.too_late.add(request_id)
        self.feed(InvokeRequested(Invocation(request_id, b"{}", "")))

    @rule(for_good=st.booleans(), chance=st.integers(0, 14))
    def somebody_shuts_it_down(self, chance: int, *, for_good: bool) -> None:
        if for_good and chance == 0:
            self.end_for_good()
        elif not for_good and chance < 4:
            self.shutdown_waits = True
            self.feed(ShutdownRequested("spindown", for_good=False))

    def end_for_good(self) -> None:
        self.shutdown_waits = self.unwanted = True
        self.feed(ShutdownRequested("spindown"))

    # The machine.

    @rule(dt=st.sampled_from([0.0, 0.01, 0.03, 0.03, 0.1, 0.5]))
    def time_passes(self, dt: float) -> None:
        self.now += dt
        self.feed(LineWritten(RUNTIME, "tick"))

    @rule(chance=st.integers(0, 9))
    def much_time_passes(self, chance: int) -> None:
        if chance == 0:
            self.time_passes(9.0)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), status=st.sampled_from(FATAL), chance=st.integers(0, 4))
    def a_process_exits(self, data, status: str, chance: int) -> None:
        if chance == 0:
            self.exit(data.draw(st.sampled_from(sorted(self.alive))), status)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), chance=st.integers(0, 4))
    def the_memory_is_exhausted(self, data, chance: int) -> None:
        if chance == 0:
            self.feed(MemoryExhausted())
            self.exit(data.draw(st.sampled_from(sorted(self.alive))), "signal: killed")

    def exit(self, process: str, status: str) -> list[Action]:
        self.end(process)
        return self.feed(ProcessExited(process, status))

    def end(self, process: str) -> None:
        self.alive.discard(process)
        self.killed.discard(process)
        name = process.rpartition("/")[2]
        self.waits = {client: who for client, who in self.waits.items() if who != name}

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), chance=st.integers(0, 9))
    def a_process_cannot_be_started(self, data, chance: int) -> None:
        process = data.draw(st.sampled_from(sorted(self.alive)))
        if chance == 0 and process.rpartition("/")[2] not in self.identifiers:
            self.end(process)
            self.feed(ProcessNotStarted(process, "PermissionDenied: it is"))

    @precondition(lambda self: self.killed)
    @rule(data=st.data())
    def a_killed_process_exits(self, data) -> None:
        self.exit(data.draw(st.sampled_from(sorted(self.killed))), "signal: killed")

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), accepted=st.booleans())
    def a_batch_is_answered(self, data, *, accepted: bool) -> None:
        subscriber = data.draw(st.sampled_from(sorted(self.under_way)))
        self.under_way.discard(subscriber)
        self.feed(BatchDelivered(subscriber, accepted=accepted))

    # Extensions.

    @precondition(lambda self: not self.frozen and self.alive)
    @rule(name=st.sampled_from(FILES), data=st.data(), subscribes=st.booleans())
    def an_extension_registers(self, name: str, data, *, subscribes: bool) -> None:
        if f"extensions/{name}" not in self.alive or name in self.identifiers:
            return
        # Known before it is told: the answer may be the runtime's permission to start.
        self.uuid = self.identifiers[name] = f"00000000-0000-0000-0000-{next(self.ids):012d}"
        events = data.draw(st.sampled_from(self.event_lists))
        body = json.dumps({"events": events}).encode()
        self.call("POST", f"{EXTENSION_API}/register", body, lambda_extension_name=name)
        if subscribes:
            self.subscribe(name)

    def subscribe(self, name: str) -> None:
        identifier = self.identifiers[name]
        target = "/2022-07-01/telemetry"
        self.call("PUT", target, SUBSCRIPTION, lambda_extension_identifier=identifier)

    @precondition(lambda self: not self.frozen and self.identifiers)
    @rule(data=st.data())
    def an_extension_asks_next(self, data) -> None:
        self.ask_next(data.draw(st.sampled_from(sorted(self.identifiers))))

    def ask_next(self, name: str) -> None:
        waits = name in self.waits.values()
        if self.frozen or waits or f"extensions/{name}" not in self.alive:
            return
        client_id = next(self.ids)
        self.waits[client_id] = name
        headers = {"lambda-extension-identifier": self.identifiers[name]}
        request = Request("GET", f"{EXTENSION_API}/event/next", headers)
        self.feed(RequestReceived(client_id, request, self.uuid))

    @precondition(lambda self: not self.frozen and self.identifiers)
    @rule(data=st.data(), stage=st.sampled_from(["init", "exit"]), chance=st.integers(0, 3))
    def an_extension_reports_a_failure(self, data, stage: str, chance: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.identifiers)))
        if chance == 0 and f"extensions/{name}" in self.alive and name not in self.waits.values():
            self.call(
                "POST",
                f"{EXTENSION_API}/{stage}/error",
                lambda_extension_identifier=self.identifiers[name],
                lambda_extension_function_error_type="Extension.Tired",
            )

    def everybody_registers_and_asks_next(self, data, but: str | None = None) -> None:
        for name in FILES:
            self.an_extension_registers(name, data, subscribes=data.draw(st.booleans()))
        for name in sorted(self.identifiers):
            if name != but:
                self.ask_next(name)

    # Promises.

    @property
    def somebody_waits(self) -> bool:
        return self.init_waits or self.shutdown_waits or set(self.invoked) != set(self.released)

    @invariant()
    def an_end_for_good_is_one(self) -> None:
        assert self.gone is (self.environment.phase is Phase.GONE)

    @invariant()
    def each_invocation_is_started_and_reported_at_most_once(self) -> None:
        assert max(self.told.values(), default=1) == 1
        reported = {request_id for kind, request_id in self.told if kind == "platform.report"}
        assert reported <= set(self.released)

    def teardown(self) -> None:
        """Everybody is answered in the end, even if every process hangs."""
        self.end_for_good()
        for _ in range(200):
            if self.gone and not self.alive:
                break
            self.end_something()
        assert self.gone
        assert not self.alive
        assert sorted(self.released) == sorted(self.invoked)
        assert not self.init_waits
        for kind in ("start", "report"):
            told = {request_id for told, request_id in self.told if told == f"platform.{kind}"}
            refused = {r for r, o in self.released.items() if o.error_type == "Sandbox.Failure"}
            assert told == set(self.invoked) - refused
        self.all_is_over()

    def all_is_over(self) -> None:
        """Check what else is promised of the end."""

    def end_something(self) -> None:
        if self.killed:
            self.exit(min(self.killed), "signal: killed")
        elif self.measuring:
            self.measuring -= 1
            self.feed(MemoryMeasured(1 << 24))
        else:
            timer_at = self.environment.timer_at
            assert timer_at is not None
            self.now = max(self.now, timer_at)
            self.feed(LineWritten(RUNTIME, "tick"))


class SnapStartMachine(Machine):
    """A template that may die at any moment, and clones of it that do what they like."""

    function = replace(FUNCTION, initialization_type=SNAP_START)

    def __init__(self) -> None:
        self.has_snapshot = False  # taken, and neither lost nor discarded
        self.may_be_lost_late = False
        self.restoring = self.initialised = False
        super().__init__()

    def forget_processes(self) -> None:
        super().forget_processes()
        self.busy_with: str | None = None
        self.is_clone = self.is_fresh = False

    def start(self, process: str) -> None:
        super().start(process)
        if process == RUNTIME:
            self.is_clone = self.is_fresh = self.has_snapshot
            self.may_be_lost_late = False
            assert self.is_clone is self.restoring

    def recorded(self, kind: str, record: dict[str, Any]) -> None:
        super().recorded(kind, record)
        match kind:
            case "platform.initStart":
                assert not self.has_snapshot
                self.restoring = self.initialised = False
            case "platform.initReport":
                self.initialised = record["status"] == "success"
                assert self.has_snapshot or not self.initialised
            case "platform.restoreStart":
                assert self.has_snapshot
                assert self.initialised
                self.restoring = True
            case _:
                pass

    def obey_in_this_mode(self, action: Action) -> None:
        match action:
            case Freeze():
                assert not self.frozen
                assert not self.under_way
                assert self.is_clone
                self.assert_all_have_asked_next()
                self.frozen = True
            case Thaw():
                assert self.frozen
                self.frozen = False
            case MeasureMemory():
                self.assert_all_have_asked_next()
                self.measuring += 1
            case DiscardSnapshot():
                assert self.has_snapshot
                assert RUNTIME not in self.alive
                self.has_snapshot, self.may_be_lost_late = False, True
            case _:
                pass

    def assert_all_have_asked_next(self) -> None:
        assert set(self.waits.values()) == {RUNTIME, *FILES}

    def answered(self, action: Answer) -> None:
        headers = dict(action.reply.headers)
        if "Lambda-Runtime-Aws-Request-Id" in headers:
            assert self.is_clone
            self.busy_with = headers["Lambda-Runtime-Aws-Request-Id"]

    # What mostly happens.

    @initialize(
        data=st.data(),
        how_far=st.integers(0, 3),
        but=st.sampled_from([None, None, *FILES]),
        crashes=st.booleans(),
    )
    def it_mostly_begins_well(self, data, how_far: int, but: str | None, *, crashes: bool) -> None:
        self.somebody_wants_it_initialised()
        if how_far > 0:
            self.everybody_gets_ready(data, but)
        if but is not None and crashes:
            self.exit(f"extensions/{but}", "exit status 1")
        if how_far > 1:
            self.somebody_invokes()
        if how_far > 2:
            self.somebody_wants_it_initialised()
            self.everybody_gets_ready(data, but=None)

    @precondition(lambda self: not self.frozen and self.alive)
    @rule(data=st.data(), but=st.sampled_from([None, None, *FILES, RUNTIME]))
    def everybody_gets_ready(self, data, but: str | None) -> None:
        self.everybody_registers_and_asks_next(data, but)
        if but == RUNTIME:
            return
        if self.is_clone:
            self.the_clone_calls("GET", "restore/next")
            self.the_clone_asks_next()
        else:
            self.the_template_is_ready()
        while self.killed and self.environment.phase is Phase.STORING:
            self.exit(min(self.killed), "signal: killed")

    @precondition(lambda self: self.is_clone and self.busy_with and not self.frozen)
    @rule()
    def the_invocation_goes_well(self) -> None:
        self.the_clone_responds("response")
        for name in sorted(self.identifiers):
            self.ask_next(name)
        self.the_clone_asks_next()
        if self.measuring:
            self.the_memory_is_measured()

    @precondition(lambda self: self.measuring)
    @rule()
    def the_memory_is_measured(self) -> None:
        self.measuring -= 1
        self.feed(MemoryMeasured(1 << 24))

    # The template.

    @rule()
    def the_template_is_ready(self) -> None:
        if RUNTIME in self.alive and not self.is_clone:
            self.end(RUNTIME)
            self.has_snapshot = True
            self.feed(SnapshotTaken())

    @precondition(lambda self: self.has_snapshot)
    @rule(
        chance=st.integers(0, 6),
        its_clone=st.sampled_from(["ended before", "ends with it", "was not forked"]),
        status=st.sampled_from(FATAL),
    )
    def the_template_dies(self, chance: int, its_clone: str, status: str) -> None:
        if chance:
            return
        has_clone = RUNTIME in self.alive
        if has_clone and its_clone == "ended before":
            self.exit(RUNTIME, status)
        elif has_clone and its_clone == "was not forked":
            self.end(RUNTIME)
            self.feed(ProcessNotStarted(RUNTIME, "the snapshot is lost"))
        self.has_snapshot = False
        self.feed(SnapshotLost())
        if has_clone and its_clone == "ends with it":
            self.exit(RUNTIME, "signal: killed")

    @precondition(lambda self: self.may_be_lost_late)
    @rule()
    def a_discarded_template_was_lost_before(self) -> None:
        actions = self.feed(SnapshotLost())
        assert not any(isinstance(a, FinishInit | ReleaseResponse | Kill) for a in actions)

    @precondition(lambda self: RUNTIME in self.alive and not self.is_clone)
    @rule(
        calls=st.sampled_from(
            ["GET restore/next", "GET invocation/next", "POST init/error", "POST restore/error"]
        )
    )
    def the_template_calls(self, calls: str) -> None:
        method, target = calls.split()
        self.call(method, f"{RUNTIME_API}/{target}", b"{}")

    # Its clone.

    def the_clone_calls(self, method: str, target: str) -> Reply | None:
        goes_on = self.is_fresh and target == "restore/next"
        self.is_fresh = False
        reply = self.call(method, f"{RUNTIME_API}/{target}", b"{}")
        assert not goes_on or (reply is not None and reply.status == 200)
        return reply

    @precondition(lambda self: self.is_clone and RUNTIME in self.alive and not self.frozen)
    @rule(calls=st.sampled_from(["GET restore/next", "POST init/error", "POST restore/error"]))
    def the_clone_calls_something(self, calls: str) -> None:
        self.the_clone_calls(*calls.split())

    @precondition(lambda self: self.is_clone and RUNTIME in self.alive and not self.frozen)
    @rule()
    def the_clone_asks_next(self) -> None:
        if RUNTIME in self.waits.values() or RUNTIME not in self.alive or self.frozen:
            return
        client_id = next(self.ids)
        self.waits[client_id] = RUNTIME
        request = Request("GET", f"{RUNTIME_API}/invocation/next", {})
        self.feed(RequestReceived(client_id, request, self.uuid))

    @precondition(lambda self: self.is_clone and RUNTIME in self.alive and not self.frozen)
    @rule(how=st.sampled_from(["response", "error"]))
    def the_clone_responds(self, how: str) -> None:
        if self.busy_with:
            self.call("POST", f"{RUNTIME_API}/invocation/{self.busy_with}/{how}", b"{}")

    # Promises.

    @invariant()
    def it_never_waits_for_nobody(self) -> None:
        if self.somebody_waits:
            assert self.environment.timer_at is not None or self.killed or self.measuring

    @invariant()
    def no_snapshot_means_none_in_the_environment(self) -> None:
        assert self.environment._has_snapshot is self.has_snapshot

    def release(self, outcome: Outcome) -> None:
        super().release(outcome)
        if outcome.error_type == "Sandbox.Failure":
            assert outcome.request_id in self.too_late

    def all_is_over(self) -> None:
        assert not self.has_snapshot


class ManagedMachine(Machine):
    """Workers that hang up, die with their process, answer late or twice, or not at all."""

    function = replace(FUNCTION, initialization_type=MANAGED_INSTANCES, log_format="JSON")
    event_lists = ([], ["SHUTDOWN"])

    def forget_processes(self) -> None:
        super().forget_processes()
        self.started: dict[str, float] = {}  # by request id, in this environment

    def obey_in_this_mode(self, action: Action) -> None:
        assert not isinstance(action, Freeze | Thaw | MeasureMemory | DiscardSnapshot)

    def recorded(self, kind: str, record: dict[str, Any]) -> None:
        super().recorded(kind, record)
        assert kind != "platform.runtimeDone"
        if kind == "platform.initStart":
            assert record["phase"] == "init"
        if kind == "platform.report":
            assert list(record["metrics"]) == ["durationMs"]

    def answered(self, action: Answer) -> None:
        headers = dict(action.reply.headers)
        if "Lambda-Runtime-Aws-Request-Id" in headers:
            # It is given to a worker that waits, and to one.
            assert self.waits[action.client_id] == RUNTIME
            request_id = headers["Lambda-Runtime-Aws-Request-Id"]
            assert request_id not in self.started
            assert request_id not in self.released
            self.started[request_id] = self.now
        assert b'"INVOKE"' not in action.reply.body

    def release(self, outcome: Outcome) -> None:
        super().release(outcome)
        if outcome.status == "timeout" and outcome.request_id in self.started:
            assert self.started[outcome.request_id] + self.function.timeout_s <= self.now

    @property
    def running(self) -> set[str]:
        return set(self.started) - set(self.released)

    # What mostly happens.

    @initialize(data=st.data(), worker_count=st.integers(0, 3))
    def it_mostly_begins_well(self, data, worker_count: int) -> None:
        self.somebody_wants_it_initialised()
        self.everybody_gets_ready(data)
        for _ in range(worker_count):
            self.a_worker_asks_next()
            self.somebody_invokes()
            self.time_passes(0.1)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def everybody_gets_ready(self, data) -> None:
        self.everybody_registers_and_asks_next(data)
        self.a_worker_asks_next()

    # Workers.

    @rule()
    def a_worker_asks_next(self) -> None:
        if RUNTIME in self.alive and list(self.waits.values()).count(RUNTIME) < 4:
            client_id = next(self.ids)
            self.waits[client_id] = RUNTIME
            request = Request("GET", f"{RUNTIME_API}/invocation/next", {})
            self.feed(RequestReceived(client_id, request, self.uuid))

    @precondition(lambda self: RUNTIME in self.waits.values())
    @rule(data=st.data())
    def a_worker_hangs_up(self, data) -> None:
        waiting = sorted(client for client, who in self.waits.items() if who == RUNTIME)
        client_id = data.draw(st.sampled_from(waiting))
        del self.waits[client_id]
        self.feed(ClientGone(client_id))

    @precondition(lambda self: self.started and RUNTIME in self.alive)
    @rule(data=st.data(), how=st.sampled_from(["response", "error"]), asks_next=st.booleans())
    def a_worker_responds(self, data, how: str, *, asks_next: bool) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.started)))
        self.time_passes(0.0)  # what is late is late
        before = self.released.get(request_id)

        reply = self.call("POST", f"{RUNTIME_API}/invocation/{request_id}/{how}", b"{}")

        assert reply is not None
        if before is None:
            assert reply.status == 202
            assert self.released[request_id].payload == b"{}"
        elif before.status == "timeout":
            assert reply.status == 410
        elif before.payload == b"{}":
            assert reply.status == 403
        else:  # it has failed with its environment, which is about to end
            assert reply.status in {202, 403}
        if asks_next:
            self.a_worker_asks_next()

    @precondition(lambda self: RUNTIME in self.alive)
    @rule()
    def a_worker_cannot_initialise(self) -> None:
        self.call("POST", f"{RUNTIME_API}/init/error", b'{"errorType":"A.B"}')

    @precondition(lambda self: self.running and self.environment.phase is Phase.SERVING)
    @rule(data=st.data(), status=st.sampled_from(FATAL), chance=st.integers(0, 4))
    def a_process_exits_while_invocations_run(self, data, status: str, chance: int) -> None:
        self.time_passes(0.0)
        running = self.running
        if chance or not self.alive or not running:
            return

        self.exit(data.draw(st.sampled_from(sorted(self.alive))), status)

        assert {self.released[request_id].status for request_id in running} == {"error"}

    # Promises.

    @rule()
    def a_timeout_ends_what_is_out_of_time_and_nothing_else(self) -> None:
        if self.environment.phase is not Phase.SERVING or not self.running:
            return
        alive, running = set(self.alive), self.running
        first = min(self.started[request_id] for request_id in running)
        self.now = max(self.now, first + self.function.timeout_s)

        actions = self.feed(LineWritten(RUNTIME, "tick"))

        late = {r for r in running if self.started[r] + self.function.timeout_s <= self.now}
        assert {r for r in running if r in self.released} == late
        assert {self.released[r].status for r in late} == {"timeout"}
        assert self.alive == alive
        assert not any(isinstance(action, Kill | Terminate) for action in actions)

    @invariant()
    def it_never_waits_for_nobody(self) -> None:
        if self.running or self.init_waits or self.shutdown_waits:
            assert self.environment.timer_at is not None or self.killed
        elif self.somebody_waits:
            # For a worker to ask next: the process that has them is there.
            assert self.environment.timer_at is not None or self.alive

    @invariant()
    def a_worker_that_waits_is_given_what_waits(self) -> None:
        if self.environment.phase is Phase.SERVING and RUNTIME in self.waits.values():
            assert set(self.invoked) == set(self.released) | self.running


TestSnapStart = SnapStartMachine.TestCase
TestSnapStart.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)

TestManagedInstances = ManagedMachine.TestCase
TestManagedInstances.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
