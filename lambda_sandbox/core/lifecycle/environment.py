"""The execution environment's lifecycle, as a pure state machine.

Feed it one event and the time; carry out the actions it returns, in order, before you feed it
the next event. It performs no I/O and reads no clock.

What it promises, whatever the order of events (see tests/properties):

- The runtime starts only when every launched extension has registered.
- Nobody is invoked before the runtime and all registered extensions have asked next.
- One invocation runs at a time, and each has exactly one outcome.
- The environment is frozen only when all have asked next and no telemetry is under way; while
  it is frozen, nobody is answered and nothing is delivered.
- What is under way is finished before a shutdown begins.
- It never waits for nobody: there is a process, a subscriber, a timer or a caller to come.
- Every event is legal in every phase.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import (
    Action,
    ClearEnvironment,
    FinishShutdown,
    Freeze,
    MeasureMemory,
    Note,
    ReleaseResponse,
    StartProcess,
    Thaw,
)
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import Input
from lambda_sandbox.core.apis.runtime import State as RuntimeState
from lambda_sandbox.core.events import (
    RUNTIME,
    BatchDelivered,
    Event,
    InitRequested,
    InvokeRequested,
    LineWritten,
    MemoryMeasured,
    ProcessExited,
    ProcessNotStarted,
    ProcessStarted,
    RequestReceived,
    ShutdownRequested,
    TimeReached,
    extension_process,
)
from lambda_sandbox.core.invocation import (
    EXTENSION_CRASHED,
    RUNTIME_EXITED,
    TIMED_OUT,
    Failure,
    Invocation,
    Run,
    error_payload,
    timeout_payload,
    timeout_text,
)
from lambda_sandbox.core.lifecycle.initialisation import Initialisation
from lambda_sandbox.core.lifecycle.shutdown import Shutdown
from lambda_sandbox.core.telemetry.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import ShutdownReason


class Phase(Enum):
    """Where the environment stands."""

    COLD = "cold"  # no process: fresh, or after a reset
    REGISTERING = "registering"  # extensions start; the runtime waits for them
    INITIALISING = "initialising"  # the runtime starts; all have to ask next
    READY = "ready"  # nothing to do; frozen as soon as no telemetry is under way
    INVOKING = "invoking"  # an invocation runs; all have to ask next
    REPORTING = "reporting"  # all have asked next; its memory is being measured
    RESETTING = "resetting"  # everything ends, to begin anew
    ENDING = "ending"  # everything ends
    GONE = "gone"


class Environment:
    """Decide what the platform does next.

    Args:
        function: What runs here.
        files: Base names of the layer's extension files.
        telemetry: Whether the Telemetry API is supported.
        init_timeout_s: How long the first initialisation may take; 10 s on Lambda.
        epoch_s: The wall clock when the monotonic clock was 0.
    """

    def __init__(
        self,
        function: FunctionFacts,
        *,
        files: tuple[str, ...],
        telemetry: bool,
        init_timeout_s: float,
        epoch_s: float,
    ) -> None:
        self.phase = Phase.COLD
        self.frozen = False
        self._function = function
        self._files = files
        self._out: list[Action] = []
        self._journal = Journal(function, supported=telemetry, epoch_s=epoch_s, out=self._out)
        self._control = Control(function, files, self._journal, self._out)
        self._alive: set[str] = set()
        self._waiting: deque[Invocation] = deque()
        self._run: Run | None = None
        self._shutdown: Shutdown | None = None
        self._shutdown_wanted: ShutdownReason | None = None
        self._init = Initialisation(function, self._control, self._journal, self._out)
        self._init.timeout_s = init_timeout_s
        self._steps: Mapping[Phase, Callable[[float], bool]] = {
            Phase.COLD: self._when_cold,
            Phase.REGISTERING: self._start_runtime,
            Phase.INITIALISING: self._finish_init,
            Phase.READY: self._when_ready,
            Phase.INVOKING: self._finish_invocation,
            Phase.REPORTING: lambda _now: False,
            Phase.RESETTING: self._finish_shutdown,
            Phase.ENDING: self._finish_shutdown,
            Phase.GONE: self._refuse,
        }

    @property
    def timer_at(self) -> float | None:
        """When to say ``TimeReached``, in monotonic seconds, if nothing else happens."""
        instants = [self._phase_timer_at(), None if self.frozen else self._telemetry_timer_at()]
        return min((instant for instant in instants if instant is not None), default=None)

    def _phase_timer_at(self) -> float | None:
        match self.phase:
            case Phase.REGISTERING | Phase.INITIALISING:
                return self._init.deadline_at
            case Phase.INVOKING | Phase.REPORTING:
                assert self._run is not None, "an invocation runs"
                return self._run.deadline_at
            case Phase.RESETTING | Phase.ENDING:
                assert self._shutdown is not None, "a shutdown is under way"
                return self._shutdown.timer_at(frozenset(self._alive))
            case Phase.COLD | Phase.READY | Phase.GONE:  # pragma: no branch  # mypy: the last one
                return None

    def _telemetry_timer_at(self) -> float | None:
        if self.phase is Phase.COLD:
            return None
        return self._journal.telemetry.timer_at(begin=self._may_begin_batches)

    @property
    def _may_begin_batches(self) -> bool:
        # With nothing to do, the freeze waits for the batches under way, not for new ones:
        # they come with the thaw.
        return self.phase is not Phase.READY

    def handle(self, event: Event, now: float) -> tuple[Action, ...]:
        """Take one event into account and return what to do about it.

        Args:
            event: What happened.
            now: When, in monotonic seconds; never decreasing.

        Returns:
            Actions to carry out in order; empty when there is nothing to do.
        """
        self._take(event, now)
        while self._advance(now):
            pass
        actions = tuple(self._out)
        self._out.clear()
        return actions

    def _take(self, event: Event, now: float) -> None:  # noqa: C901, PLR0912  # one line per event
        match event:
            case InitRequested():
                self._init_requested()
            case InvokeRequested():
                self._waiting.append(event.invocation)
            case ShutdownRequested():
                self._shutdown_wanted = self._shutdown_wanted or event.reason
            case ProcessStarted():
                self._note("process started", event.process)
            case ProcessNotStarted():
                self._process_not_started(event, now)
            case ProcessExited():
                self._process_exited(event, now)
            case RequestReceived():
                self._control.take(event, now)
            case LineWritten():
                self._journal.line_written(event.process, event.text, now)
            case MemoryMeasured():
                self._memory_measured(event, now)
            case BatchDelivered():
                self._journal.telemetry.finish(event.subscriber, now, accepted=event.accepted)
            case TimeReached():  # pragma: no branch  # mypy: the last one
                self._time_reached(now)

    def _advance(self, now: float) -> bool:
        """Go on as far as what has happened allows; return whether it was a step."""
        if not self.frozen:
            self._journal.deliver(now, begin=self._may_begin_batches)
        return self._steps[self.phase](now)

    def _when_cold(self, now: float) -> bool:
        return self._begin_init(now) or self._vanish()

    def _when_ready(self, now: float) -> bool:
        return self._begin_invocation(now) or self._begin_end(now) or self._freeze()

    # Initialisation.

    def _init_requested(self) -> None:
        if self.phase in {Phase.READY, Phase.INVOKING, Phase.REPORTING}:
            self._init.repeat_outcome()
        else:
            self._init.wanted = True

    def _begin_init(self, now: float) -> bool:
        if not (self._init.wanted or self._waiting):
            return False
        self.phase = Phase.REGISTERING
        self._init.begin(now, needed=bool(self._waiting))
        for name in self._files:
            self._start(extension_process(name))
        return True

    def _start(self, process: str) -> None:
        self._alive.add(process)
        self._out.append(StartProcess(process))

    def _start_runtime(self, _now: float) -> bool:
        if not self._control.extensions.all_registered:
            return False
        self.phase = Phase.INITIALISING
        self._init.runtime_started = True
        self._start(RUNTIME)
        return True

    def _finish_init(self, now: float) -> bool:
        if not self._init.finish(now):
            return False
        self.phase = Phase.READY
        self._note("initialised", "environment")
        return True

    def _init_failed(self, failure: Failure, now: float) -> None:
        self._init.fail(failure, now)
        if self._init.is_part_of_invocation:
            self._run = self._new_run(self._waiting.popleft(), now)
            self._journal.invoked(self._run.invocation, now)
            self._invocation_failed(self._run, failure, now)

    # Invocation.

    def _begin_invocation(self, now: float) -> bool:
        if not self._waiting:
            return False
        self._thaw(now)
        self._run = self._new_run(self._waiting.popleft(), now)
        self.phase = Phase.INVOKING
        self._control.invoke(self._run, now)
        return True

    def _new_run(self, invocation: Invocation, now: float) -> Run:
        charged_at = self._init.started_at if self._init.is_part_of_invocation else now
        self._init.is_part_of_invocation = False
        return Run(invocation, now, charged_at + self._function.timeout_s, charged_at)

    def _finish_invocation(self, now: float) -> bool:
        run, control = self._run, self._control
        assert run is not None, "an invocation runs"
        if run.outcome is None or control.runtime.state is not RuntimeState.READY:
            return False
        if run.runtime_done_at is None:
            run.runtime_done_at = now
            self._journal.runtime_done(run, "success", None, now)
        if not control.extensions.all_ready:
            return False
        self.phase = Phase.REPORTING
        self._out.append(MeasureMemory())
        return True

    def _memory_measured(self, event: MemoryMeasured, now: float) -> None:
        self._journal.measured(event.used_bytes)
        if self.phase is Phase.REPORTING:
            assert self._run is not None, "an invocation runs"
            self._journal.reported(self._run, "success", None, now)
            self._end_run(Phase.READY)

    def _end_run(self, phase: Phase) -> None:
        self._run = self._control.run = None
        self.phase = phase

    def _invocation_failed(self, run: Run, failure: Failure, now: float) -> None:
        if failure.status == "timeout":
            epoch_s, timeout_s = self._journal.epoch(now), self._function.timeout_s
            payload = timeout_payload(run.request_id, timeout_s, epoch_s)
            self._journal.timed_out(timeout_text(run.request_id, timeout_s, epoch_s))
        else:
            payload = error_payload(failure.error_type, run.request_id, failure.text)
            self._journal.failed(run.request_id, failure.text, failure.error_type)
        if run.runtime_done_at is None:
            self._journal.runtime_done(run, failure.status, failure.reported_type, now)
        self._journal.reported(run, failure.status, failure.reported_type, now)
        if run.outcome is None:
            payload = failure.payload or payload
            outcome = run.fail(payload, failure.status, failure.error_type, now)
            self._out.append(ReleaseResponse(outcome))

    # Freeze.

    def _freeze(self) -> bool:
        if not self.frozen and not self._journal.telemetry.under_way:
            self.frozen = True
            self._out.append(Freeze())
        return False

    def _thaw(self, now: float) -> None:
        if self.frozen:
            self.frozen = False
            self._out.append(Thaw())
            self._journal.deliver(now)

    # Failure and the end.

    def _process_not_started(self, event: ProcessNotStarted, now: float) -> None:
        self._alive.discard(event.process)
        if event.process == RUNTIME:
            self._fail(Failure("error", "Runtime.InvalidEntrypoint", event.reason), now)
        else:
            extension = self._control.extensions.of_process(event.process)
            extension.take(Input.LAUNCH_FAILED)
            extension.error_type = event.reason.partition(":")[0]
            self._fail(Failure("error", "Extension.LaunchError", event.reason), now)

    def _process_exited(self, event: ProcessExited, now: float) -> None:
        self._alive.discard(event.process)
        self._note("process exited", event.process)
        control = self._control
        if event.process == RUNTIME:
            text = f"Runtime exited with error: {event.status}"
            if event.succeeded:
                text = "Runtime exited without providing a reason"
            error_type = control.fatal_error_type or RUNTIME_EXITED
            self._fail(Failure("error", error_type, text, control.init_error), now)
        else:
            happened = Input.EXIT if event.succeeded else Input.FAILED
            control.extensions.of_process(event.process).take(happened)
            error_type = control.fatal_error_type or EXTENSION_CRASHED
            self._fail(Failure("error", error_type, event.status), now)

    def _time_reached(self, now: float) -> None:
        timer_at = self._phase_timer_at()
        if timer_at is not None and timer_at <= now:
            self._fail(Failure("timeout", TIMED_OUT, "out of time"), now)

    def _fail(self, failure: Failure, now: float) -> None:
        """End what is under way, and reset; nothing of that when it is ending already."""
        if self.phase in {Phase.RESETTING, Phase.ENDING, Phase.COLD, Phase.GONE}:
            return
        if self.phase in {Phase.REGISTERING, Phase.INITIALISING}:
            self._init_failed(failure, now)
        elif self._run is not None:
            self._invocation_failed(self._run, failure, now)
        self._begin_shutdown(failure.shutdown_reason, Phase.RESETTING, now)

    def _begin_end(self, now: float) -> bool:
        if self._shutdown_wanted is None:
            return False
        self._begin_shutdown(self._shutdown_wanted, Phase.ENDING, now)
        return True

    def _vanish(self) -> bool:
        if self._shutdown_wanted is None:
            return False
        self.phase = Phase.GONE
        return True

    def _begin_shutdown(self, reason: ShutdownReason, phase: Phase, now: float) -> None:
        self._thaw(now)
        self._end_run(phase)
        self._shutdown = Shutdown(reason, self._control.extensions, now)
        self._note(f"shutdown: {reason}", "environment")

    def _finish_shutdown(self, now: float) -> bool:
        shutdown, alive = self._shutdown, frozenset(self._alive)
        assert shutdown is not None, "a shutdown is under way"
        self._out += shutdown.step(alive, now)
        # What the subscribers are to know has to be with them before they are told to end.
        self._journal.telemetry.hurry()
        self._journal.deliver(now)
        if not self._journal.telemetry.under_way:
            for extension in shutdown.told_now(alive):
                self._control.shut_down(extension, shutdown.reason, shutdown.deadline_at)
        if alive:
            return False
        self._out.append(ClearEnvironment())
        self._control.renew(self._files)
        self._journal.renew()
        self._init.again()
        self._shutdown = None
        self.phase = Phase.GONE if self.phase is Phase.ENDING else Phase.COLD
        return True

    def _refuse(self, _now: float) -> bool:
        """Tell everyone who still wants something that the environment is gone."""
        text, error_type = "the environment was shut down", "Sandbox.Failure"
        while self._waiting:
            run = Run(self._waiting.popleft(), 0.0, 0.0, 0.0)
            payload = error_payload(error_type, run.request_id, text)
            self._out.append(ReleaseResponse(run.fail(payload, "failure", error_type, 0.0)))
        if self._init.wanted:
            self._init.refuse(error_type)
        if self._shutdown_wanted is not None:
            self._shutdown_wanted = None
            self._out.append(FinishShutdown())
        return False

    def _note(self, what: str, who: str) -> None:
        self._out.append(Note(what, who.rpartition("/")[2]))
