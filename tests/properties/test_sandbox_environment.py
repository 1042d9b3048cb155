"""Whatever processes, callers and clocks do, in whatever order, the environment keeps its word."""

from __future__ import annotations

import json
from itertools import count

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
    FinishInit,
    FinishShutdown,
    Freeze,
    Kill,
    MeasureMemory,
    ReleaseResponse,
    StartProcess,
    Terminate,
    Thaw,
)
from lambda_sandbox.core.events import (
    RUNTIME,
    BatchDelivered,
    Event,
    InitRequested,
    InvokeRequested,
    LineWritten,
    MemoryExhausted,
    MemoryMeasured,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    RequestReceived,
    ShutdownRequested,
    TimeReached,
)
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Invocation
from lambda_sandbox.core.lifecycle.environment import Environment, Phase

FILES = ("listener", "quiet")
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
EXTENSION_API = "/2020-01-01/extension"
RUNTIME_API = "/2018-06-01/runtime"
SUBSCRIPTION = json.dumps(
    {
        "schemaVersion": "2022-12-13",
        "types": ["platform", "function"],
        "buffering": {"timeoutMs": 25},
        "destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"},
    }
).encode()


class SimulatedMachine(RuleBasedStateMachine):
    """Processes that do what they like, and a machine that obeys the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.environment = Environment(
            FUNCTION, files=FILES, telemetry=True, init_timeout_s=10.0, epoch_s=1e9
        )
        self.now = 0.0
        self.ids = count(1)
        self.frozen = False
        self.under_way: set[str] = set()
        self.measuring = 0
        self.invoked: list[str] = []
        self.released: list[str] = []
        self.init_waits = self.shutdown_waits = False
        self.gone = self.unwanted = False
        self.too_late: set[str] = set()
        self.forget_processes()

    def forget_processes(self) -> None:
        self.alive: set[str] = set()
        self.killed: set[str] = set()
        self.identifiers: dict[str, str] = {}
        self.events: dict[str, list[str]] = {}
        self.waits: dict[int, str] = {}  # client → who asked next
        self.busy_with: str | None = None  # what the runtime was given last
        self.responded = True

    def feed(self, event: Event) -> None:
        # The loop never lets an event overtake a timer that has expired.
        for _ in range(20):
            timer_at = self.environment.timer_at
            if timer_at is None or timer_at > self.now:
                break
            self.handle(TimeReached())
        else:
            pytest.fail(f"an expired timer does not go away: {self.environment.phase}")
        self.handle(event)

    def handle(self, event: Event) -> None:
        for action in self.environment.handle(event, self.now):
            self.obey(action)

    def obey(self, action: Action) -> None:  # noqa: C901, PLR0912, PLR0915  # one case each
        match action:
            case StartProcess():
                assert action.process not in self.alive
                if action.process == RUNTIME:
                    assert self.alive == {f"extensions/{name}" for name in FILES}
                    assert set(FILES) <= set(self.identifiers)
                self.alive.add(action.process)
            case Kill():
                assert action.process in self.alive
                self.killed.add(action.process)
            case Terminate():
                assert action.process == RUNTIME
            case Freeze():
                assert not self.frozen
                assert not self.under_way
                self.assert_all_have_asked_next()
                self.frozen = True
            case Thaw():
                assert self.frozen
                self.frozen = False
            case Answer():
                self.answered(action)
            case Deliver():
                assert not self.frozen
                assert action.subscriber not in self.under_way
                assert action.events
                self.under_way.add(action.subscriber)
            case AbandonDelivery():
                self.under_way.remove(action.subscriber)
            case MeasureMemory():
                self.assert_all_have_asked_next()
                self.measuring += 1
            case ReleaseResponse():
                assert action.outcome.request_id in self.invoked
                assert action.outcome.request_id not in self.released
                self.released.append(action.outcome.request_id)
                if action.outcome.error_type == "Sandbox.Failure":
                    assert action.outcome.request_id in self.too_late
            case FinishInit():
                self.init_waits = False
            case ClearEnvironment():
                assert not self.alive
                self.forget_processes()
                self.under_way.clear()
            case FinishShutdown():
                self.shutdown_waits, self.gone = False, self.unwanted
            case _:
                pass

    def answered(self, action: Answer) -> None:
        assert not self.frozen
        who = self.waits.get(action.client_id)
        if who is None:
            return
        headers = dict(action.reply.headers)
        is_extension_event = b"eventType" in action.reply.body
        if who == RUNTIME and "Lambda-Runtime-Aws-Request-Id" in headers:
            if self.responded:
                still_asking = set(self.waits.values()) | {
                    name for name in self.identifiers if "INVOKE" in self.events[name]
                }
                assert RUNTIME in still_asking
                assert set(self.identifiers) <= still_asking
            self.busy_with = headers["Lambda-Runtime-Aws-Request-Id"]
            self.responded = False
        elif is_extension_event and b'"INVOKE"' in action.reply.body:
            assert "INVOKE" in self.events[who]
            assert self.responded
        elif is_extension_event:
            assert "SHUTDOWN" in self.events[who]
            assert RUNTIME not in self.alive
        del self.waits[action.client_id]

    def assert_all_have_asked_next(self) -> None:
        asking = set(self.waits.values())
        assert RUNTIME in asking
        assert set(self.identifiers) <= asking
        assert set(FILES) <= set(self.identifiers)

    def call(self, method: str, target: str, body: bytes = b"", **headers: str) -> int:
        client_id = next(self.ids)
        lower = {name.replace("_", "-"): value for name, value in headers.items()}
        uuid = f"00000000-0000-0000-0000-{client_id:012d}"
        request = Request(method, target, lower, body)
        self.last = uuid
        self.feed(RequestReceived(client_id, request, uuid))
        return client_id

    # Callers.

    @rule()
    def somebody_wants_it_initialised(self) -> None:
        self.init_waits = True
        self.feed(InitRequested())

    @precondition(lambda self: len(self.invoked) - len(self.released) < 3)
    @rule()
    def somebody_invokes(self) -> None:
        request_id = f"r-{next(self.ids)}"
        self.invoked.append(request_id)
        if self.unwanted:
            self.too_late.add(request_id)
        self.feed(InvokeRequested(Invocation(request_id, b"{}", "")))

    @rule(reason=st.sampled_from(["spindown", "failure"]), chance=st.integers(0, 29))
    def somebody_shuts_it_down(self, reason, chance: int) -> None:
        if chance == 0:
            self.end_for_good(reason)

    def end_for_good(self, reason) -> None:
        self.shutdown_waits = self.unwanted = True
        self.feed(ShutdownRequested(reason))

    @rule(reason=st.sampled_from(["spindown", "failure"]), chance=st.integers(0, 9))
    def somebody_recycles_it(self, reason, chance: int) -> None:
        if chance == 0:
            self.shutdown_waits = True
            self.feed(ShutdownRequested(reason, for_good=False))

    # The machine.

    @rule(dt=st.sampled_from([0.0, 0.01, 0.01, 0.03, 0.03, 0.03, 0.5, 9.0]))
    def time_passes(self, dt: float) -> None:
        self.now += dt
        self.feed(LineWritten(RUNTIME, "tick"))

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), works=st.integers(0, 9))
    def a_process_is_started(self, data, works: int) -> None:
        process = data.draw(st.sampled_from(sorted(self.alive)))
        if works or process == RUNTIME:
            self.feed(ProcessStarted(process))
        elif process.partition("/")[2] not in self.identifiers:
            self.alive.discard(process)
            self.killed.discard(process)
            self.feed(ProcessNotStarted(process, "PermissionDenied"))

    @precondition(lambda self: self.alive)
    @rule(
        data=st.data(),
        status=st.sampled_from(["exit status 0", "exit status 1"]),
        chance=st.integers(0, 4),
    )
    def a_process_exits(self, data, status: str, chance: int) -> None:
        if chance == 0:
            self.exit(data.draw(st.sampled_from(sorted(self.alive))), status)

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), chance=st.integers(0, 9))
    def the_memory_is_exhausted(self, data, chance: int) -> None:
        if chance == 0:
            self.feed(MemoryExhausted())
            self.exit(data.draw(st.sampled_from(sorted(self.alive))), "signal: killed")

    def exit(self, process: str, status: str) -> None:
        self.alive.discard(process)
        self.killed.discard(process)
        name = process.rpartition("/")[2]
        self.waits = {client: who for client, who in self.waits.items() if who != name}
        self.feed(ProcessExited(process, status))

    @precondition(lambda self: self.killed)
    @rule(data=st.data())
    def a_killed_process_exits(self, data) -> None:
        self.exit(data.draw(st.sampled_from(sorted(self.killed))), "signal: killed")

    @precondition(lambda self: self.measuring)
    @rule()
    def the_memory_is_measured(self) -> None:
        self.measuring -= 1
        self.feed(MemoryMeasured(1 << 24))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), accepted=st.booleans())
    def a_batch_is_answered(self, data, *, accepted: bool) -> None:
        subscriber = data.draw(st.sampled_from(sorted(self.under_way)))
        self.under_way.discard(subscriber)
        self.feed(BatchDelivered(subscriber, accepted=accepted))

    # What mostly happens: without it, chance alone seldom gets as far as an invocation.

    @initialize(
        events=st.sampled_from([["INVOKE"], ["INVOKE", "SHUTDOWN"]]), subscribes=st.booleans()
    )
    def it_mostly_begins_well(self, events, *, subscribes: bool) -> None:
        self.somebody_wants_it_initialised()
        self.everybody_gets_ready_but_one(events=events, late=None, subscribes=subscribes)

    @precondition(lambda self: not self.frozen and self.alive)
    @rule(
        events=st.sampled_from([["INVOKE"], ["SHUTDOWN"], ["INVOKE", "SHUTDOWN"]]),
        subscribes=st.booleans(),
        late=st.sampled_from([None, None, *FILES, RUNTIME]),
    )
    def everybody_gets_ready_but_one(self, events, late, *, subscribes: bool) -> None:
        for name in FILES:
            if f"extensions/{name}" in self.alive and name not in self.identifiers:
                self.an_extension_registers(name, events)
                if subscribes:
                    self.subscribe(name)
        for who in (*FILES, RUNTIME):
            if who != late:
                self.ask_next(who)

    @precondition(lambda self: self.measuring)
    @rule()
    def it_is_measured_at_once(self) -> None:
        self.the_memory_is_measured()

    @precondition(lambda self: not self.frozen and RUNTIME in self.alive and self.busy_with)
    @rule(late=st.sampled_from([None, None, *FILES, RUNTIME]))
    def the_invocation_goes_well(self, late) -> None:
        self.the_runtime_responds("response")
        for who in (*FILES, RUNTIME):
            if who != late:
                self.ask_next(who)

    def ask_next(self, who: str) -> None:
        if self.frozen or who in self.waits.values() or not self.lives(who):
            return
        if who == RUNTIME:
            self.the_runtime_asks_next()
        elif who in self.identifiers:
            self.ask(who, f"{EXTENSION_API}/event/next", self.identifiers[who])

    def subscribe(self, name: str) -> None:
        identifier = self.identifiers[name]
        self.call(
            "PUT", "/2022-07-01/telemetry", SUBSCRIPTION, lambda_extension_identifier=identifier
        )

    # Extensions.

    @precondition(lambda self: not self.frozen and self.alive)
    @rule(
        name=st.sampled_from([*FILES, "internal"]),
        events=st.sampled_from([[], ["INVOKE"], ["SHUTDOWN"], ["INVOKE", "SHUTDOWN"]]),
    )
    def an_extension_registers(self, name: str, events: list[str]) -> None:
        home = RUNTIME if name == "internal" else f"extensions/{name}"
        known = name in self.identifiers
        if home not in self.alive or known or (name == "internal" and "SHUTDOWN" in events):
            return
        if name == "internal" and self.runtime_has_asked:
            return
        self.identifiers[name] = f"00000000-0000-0000-0000-{next(self.ids) + 1:012d}"
        self.events[name] = events
        self.call(
            "POST",
            f"{EXTENSION_API}/register",
            json.dumps({"events": events}).encode(),
            lambda_extension_name=name,
        )
        if self.identifiers.get(name):
            self.identifiers[name] = self.last

    @property
    def runtime_has_asked(self) -> bool:
        return self.environment._control.extensions.closed

    @precondition(lambda self: not self.frozen and self.identifiers)
    @rule(data=st.data())
    def an_extension_asks_next(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.identifiers)))
        self.ask_next(name)

    def lives(self, name: str) -> bool:
        return (RUNTIME if name in {"internal", RUNTIME} else f"extensions/{name}") in self.alive

    def ask(self, who: str, target: str, identifier: str) -> None:
        client_id = next(self.ids)
        self.waits[client_id] = who
        headers = {"lambda-extension-identifier": identifier} if identifier else {}
        uuid = f"10000000-0000-0000-0000-{client_id:012d}"
        self.feed(RequestReceived(client_id, Request("GET", target, headers), uuid))

    @precondition(lambda self: not self.frozen and self.identifiers)
    @rule(data=st.data(), stage=st.sampled_from(["init", "exit"]))
    def an_extension_reports_a_failure(self, data, stage: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.identifiers)))
        if self.lives(name) and name not in self.waits.values():
            self.call(
                "POST",
                f"{EXTENSION_API}/{stage}/error",
                lambda_extension_identifier=self.identifiers[name],
                lambda_extension_function_error_type="Extension.Tired",
            )

    @precondition(lambda self: not self.frozen and self.identifiers)
    @rule(data=st.data())
    def an_extension_subscribes(self, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.identifiers)))
        if self.lives(name):
            self.subscribe(name)

    # The runtime.

    @precondition(lambda self: not self.frozen and RUNTIME in self.alive)
    @rule()
    def the_runtime_asks_next(self) -> None:
        if RUNTIME not in self.waits.values():
            self.ask(RUNTIME, f"{RUNTIME_API}/invocation/next", "")

    @precondition(lambda self: not self.frozen and RUNTIME in self.alive and self.busy_with)
    @rule(how=st.sampled_from(["response", "error"]))
    def the_runtime_responds(self, how: str) -> None:
        self.responded = True
        self.call("POST", f"{RUNTIME_API}/invocation/{self.busy_with}/{how}", b"{}")

    @precondition(lambda self: not self.frozen and RUNTIME in self.alive)
    @rule()
    def the_runtime_cannot_initialise(self) -> None:
        if not self.runtime_has_asked:
            self.call("POST", f"{RUNTIME_API}/init/error", b"{}")

    # Promises.

    @invariant()
    def it_never_waits_for_nobody(self) -> None:
        somebody_waits = (
            set(self.invoked) != set(self.released) or self.init_waits or self.shutdown_waits
        )
        if somebody_waits:
            assert self.environment.timer_at is not None or self.killed or self.measuring

    @invariant()
    def a_frozen_environment_has_nothing_to_do(self) -> None:
        if self.frozen:
            assert self.environment.phase is Phase.SERVING
            assert set(self.invoked) == set(self.released)

    def teardown(self) -> None:
        """Everybody is answered in the end, even if every process hangs."""
        self.end_for_good("spindown")
        for _ in range(200):
            if self.gone and not self.alive:
                break
            self.end_something()
        assert self.gone
        assert not self.alive
        assert sorted(self.released) == sorted(self.invoked)
        assert not self.init_waits

    def end_something(self) -> None:
        if self.killed:
            self.exit(min(self.killed), "signal: killed")
        elif self.measuring:
            self.the_memory_is_measured()
        else:
            timer_at = self.environment.timer_at
            assert timer_at is not None
            self.now = max(self.now, timer_at)
            self.feed(LineWritten(RUNTIME, "tick"))


TestEnvironment = SimulatedMachine.TestCase
TestEnvironment.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
