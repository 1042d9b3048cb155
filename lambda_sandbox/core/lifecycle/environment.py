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

from enum import Enum
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import (
    Action,
    ClearEnvironment,
    DiscardSnapshot,
    Kill,
    Note,
    StartProcess,
)
from lambda_sandbox.core.apis.control import Control
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
    ProcessStarted,
    RequestReceived,
    ShutdownRequested,
    SnapshotLost,
    SnapshotTaken,
    TimeReached,
    extension_process,
)
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START
from lambda_sandbox.core.invocation import OUT_OF_TIME
from lambda_sandbox.core.lifecycle import faults
from lambda_sandbox.core.lifecycle.concurrent import ConcurrentInvocations
from lambda_sandbox.core.lifecycle.ending import Ending
from lambda_sandbox.core.lifecycle.freezer import Freezer
from lambda_sandbox.core.lifecycle.initialisation import Initialisation
from lambda_sandbox.core.lifecycle.restoration import Restoration
from lambda_sandbox.core.lifecycle.sequential import SequentialInvocations
from lambda_sandbox.core.telemetry.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Failure, ShutdownReason
    from lambda_sandbox.core.lifecycle.invocations import Invocations
    from lambda_sandbox.core.lifecycle.start_up import StartUp


class Phase(Enum):
    """Where the environment stands."""

    COLD = "cold"  # no process: fresh, after a reset, or a snapshot
    REGISTERING = "registering"  # extensions start; the runtime waits for them
    INITIALISING = "initialising"  # the runtime starts, or is restored; all have to ask next
    STORING = "storing"  # the snapshot is taken; its extensions end
    SERVING = "serving"  # invocations run; without any, it freezes
    RESETTING = "resetting"  # everything ends, to begin anew
    ENDING = "ending"  # everything ends
    GONE = "gone"


class Environment:
    """Decide what the platform does next.

    Args:
        function: What runs here.
        files: Base names of the layer's extension files.
        telemetry: Whether the Telemetry API is supported.
        freeze: Whether it is frozen while there is nothing to do; a managed instance never is.
        init_timeout_s: How long the first initialisation may take; 10 s on Lambda.
        epoch_s: The wall clock when the monotonic clock was 0.
    """

    def __init__(  # noqa: PLR0913  # a platform has switches
        self,
        function: FunctionFacts,
        *,
        files: tuple[str, ...],
        telemetry: bool,
        freeze: bool = True,
        init_timeout_s: float,
        epoch_s: float,
    ) -> None:
        self.phase = Phase.COLD
        self._files = files
        self._out: list[Action] = []
        self._journal = Journal(function, supported=telemetry, epoch_s=epoch_s, out=self._out)
        self._control = Control(function, files, self._journal, self._out)
        self._freezer = Freezer(self._journal, self._out)
        self._invocations = self._invocations_of(function)
        self._freezes = freeze and function.initialization_type != MANAGED_INSTANCES
        self._init = Initialisation(
            function, self._control, self._journal, self._out, timeout_s=init_timeout_s
        )
        self._restoration = Restoration(self._control, self._journal)
        self._start_up: StartUp = self._init
        self._takes_snapshot = function.initialization_type == SNAP_START
        self._has_snapshot = False
        self._alive: set[str] = set()
        self._ending = Ending(self._control, self._journal, self._out)
        self._steps: Mapping[Phase, Callable[[float], bool]] = {
            Phase.COLD: self._when_cold,
            Phase.REGISTERING: self._start_runtime,
            Phase.INITIALISING: self._finish_start_up,
            Phase.STORING: self._finish_storing,
            Phase.SERVING: self._serve,
            Phase.RESETTING: self._finish_shutdown,
            Phase.ENDING: self._finish_shutdown,
            Phase.GONE: self._refuse,
        }

    def _invocations_of(self, function: FunctionFacts) -> Invocations:
        control, journal, out = self._control, self._journal, self._out
        if function.initialization_type == MANAGED_INSTANCES:
            return ConcurrentInvocations(function, control, journal, out)
        return SequentialInvocations(function, control, journal, self._freezer, out)

    @property
    def timer_at(self) -> float | None:
        """When to say ``TimeReached``, in monotonic seconds, if nothing else happens."""
        instants = [self._phase_timer_at(), self._telemetry_timer_at()]
        return min((instant for instant in instants if instant is not None), default=None)

    def _phase_timer_at(self) -> float | None:
        match self.phase:
            case Phase.REGISTERING | Phase.INITIALISING:
                return self._start_up.deadline_at
            case Phase.SERVING:
                return self._invocations.timer_at
            case Phase.RESETTING | Phase.ENDING:
                return self._ending.timer_at(frozenset(self._alive))
            case Phase.COLD | Phase.STORING | Phase.GONE:  # pragma: no branch  # mypy: the last one
                return None

    def _telemetry_timer_at(self) -> float | None:
        if self.phase is Phase.COLD or self._freezer.frozen:
            return None
        return self._journal.telemetry.timer_at(begin=not self._freezing)

    @property
    def _freezing(self) -> bool:
        """Whether there is nothing to do but to freeze.

        The freeze waits for the batches under way, not for new ones: they come with the thaw.
        """
        return self._freezes and self.phase is Phase.SERVING and self._invocations.resting

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

    def _take(self, event: Event, now: float) -> None:  # noqa: C901, PLR0912, PLR0915  # a line each
        match event:
            case InitRequested():
                self._init_requested()
            case InvokeRequested():
                self._invocations.add(event.invocation)
            case ShutdownRequested():
                self._ending.request(event)
            case ProcessStarted():
                self._note("process started", event.process)
            case ProcessNotStarted():
                self._process_not_started(event, now)
            case ProcessExited():
                self._process_exited(event, now)
            case SnapshotTaken():
                self._snapshot_taken()
            case SnapshotLost():
                self._snapshot_lost(now)
            case RequestReceived():
                self._control.take(event, now)
            case ClientGone():
                self._control.hang_up(event.client_id)
            case LineWritten():
                self._journal.line_written(event.process, event.text, now)
            case MemoryMeasured():
                self._journal.measured(event.used_bytes)
                self._invocations.memory_measured(now)
            case MemoryExhausted():
                self._control.memory_exhausted = True
            case BatchDelivered():
                self._journal.telemetry.finish(event.subscriber, now, accepted=event.accepted)
            case TimeReached():  # pragma: no branch  # mypy: the last one
                self._time_reached(now)

    def _advance(self, now: float) -> bool:
        """Go on as far as what has happened allows; return whether it was a step."""
        if not self._freezer.frozen:
            self._journal.deliver(now, begin=not self._freezing)
        return self._steps[self.phase](now)

    # Initialisation, or restoration.

    def _init_requested(self) -> None:
        self._init.wanted = True
        if self.phase is Phase.SERVING:
            self._init.repeat_outcome()

    def _when_cold(self, now: float) -> bool:
        if self._has_snapshot and self._init.wanted:
            self._init.repeat_outcome()
        return self._begin_start_up(now) or self._vanish()

    def _begin_start_up(self, now: float) -> bool:
        if not (self._init.wanted or self._invocations.wait):
            return False
        self.phase = Phase.REGISTERING
        self._start_up = self._restoration if self._has_snapshot else self._init
        self._start_up.begin(now, needed=self._invocations.wait)
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
        self._start_up.runtime_started = True
        if self._has_snapshot:
            self._control.snapshot_taken()
        self._start(RUNTIME)
        return True

    def _finish_start_up(self, now: float) -> bool:
        if not self._start_up.finish(now):
            return False
        if self._start_up is self._init and self._takes_snapshot:
            self.phase = Phase.STORING
            # On Lambda they are part of the snapshot: nobody tells them that they end.
            self._out += [Kill(process) for process in sorted(self._alive)]
            return True
        if self._start_up.is_part_of_invocation:
            self._invocations.charge_from(self._start_up.started_at)
        if self._init.wanted:  # by someone who asked during a restoration
            self._init.repeat_outcome()
        self.phase = Phase.SERVING
        self._note("initialised", "environment")
        return True

    def _start_up_failed(self, failure: Failure, now: float) -> None:
        start_up = self._start_up
        start_up.fail(failure, now)
        if start_up is self._init:
            self._discard_snapshot()
        if start_up.fails_invocation:
            if start_up.is_part_of_invocation:
                self._invocations.charge_from(start_up.started_at)
            self._invocations.fail_first(failure, now)

    # The snapshot.

    def _snapshot_taken(self) -> None:
        self._alive.discard(RUNTIME)
        self._has_snapshot = True
        if self.phase is Phase.INITIALISING:
            self._control.snapshot_taken()
        else:  # its initialisation was given up meanwhile
            self._discard_snapshot()

    def _finish_storing(self, _now: float) -> bool:
        if self._alive:
            return False
        self._note("snapshot taken", "environment")
        self._clear()
        self.phase = Phase.COLD
        return True

    def _snapshot_lost(self, now: float) -> None:
        was_needed = self._has_snapshot and self.phase in {Phase.REGISTERING, Phase.INITIALISING}
        self._has_snapshot = False
        # A clone ends with it, and is missed by itself.
        if was_needed and RUNTIME not in self._alive:
            self._fail(faults.of_snapshot(), now)

    def _discard_snapshot(self) -> None:
        if self._has_snapshot:
            self._has_snapshot = False
            self._out.append(DiscardSnapshot())

    # Invocations, and the freeze between them.

    def _serve(self, now: float) -> bool:
        if self._invocations.step(now):
            return True
        if not self._invocations.resting:
            return False
        if self._begin_end(now):
            return True
        if self._freezes:
            self._freezer.freeze()
        return False

    # Failure and the end.

    def _process_not_started(self, event: ProcessNotStarted, now: float) -> None:
        self._alive.discard(event.process)
        self._fail(faults.of_start(event, self._control), now)

    def _process_exited(self, event: ProcessExited, now: float) -> None:
        self._alive.discard(event.process)
        self._note("process exited", event.process)
        self._fail(faults.of_exit(event, self._control), now)

    def _time_reached(self, now: float) -> None:
        failure = None
        if self.phase is Phase.SERVING:
            failure = self._invocations.time_reached(now)
        elif self.phase in {Phase.REGISTERING, Phase.INITIALISING} and self._start_up.is_late(now):
            failure = OUT_OF_TIME
        if failure is not None:
            self._fail(failure, now)

    def _fail(self, failure: Failure, now: float) -> None:
        """End what is under way, and reset; nothing of that when it is ending already."""
        if self.phase in {Phase.REGISTERING, Phase.INITIALISING}:
            self._start_up_failed(failure, now)
        elif self.phase is Phase.SERVING:
            self._invocations.fail(failure, now)
        else:
            return
        self._begin_shutdown(failure.shutdown_reason, Phase.RESETTING, now)

    def _begin_end(self, now: float) -> bool:
        reason = self._ending.take_up()
        if reason is None:
            return False
        self._begin_shutdown(reason, Phase.ENDING, now)
        return True

    def _vanish(self) -> bool:
        """Be gone, if that is wanted; or make room for another environment."""
        wanted = self._ending.wanted
        if wanted is None:
            return False
        if wanted.for_good:
            self._discard_snapshot()
            self.phase = Phase.GONE
            return True
        self._init.anew()
        self._ending.finish()
        return True

    def _begin_shutdown(self, reason: ShutdownReason, phase: Phase, now: float) -> None:
        self._freezer.thaw(now)
        self.phase = phase
        self._ending.begin(reason, now)

    def _finish_shutdown(self, now: float) -> bool:
        if not self._ending.step(frozenset(self._alive), now):
            return False
        self._clear()
        self._init.again()
        ended, self.phase = self.phase is Phase.ENDING, Phase.COLD
        if not ended:
            return True
        self._init.anew()
        # Another end may have been asked for meanwhile, and invocations before it.
        return self._vanish() if self._ending.conclude() else True

    def _clear(self) -> None:
        """Forget the processes: all of them are gone."""
        self._out.append(ClearEnvironment())
        self._control.renew(self._files)
        self._journal.renew()

    def _refuse(self, _now: float) -> bool:
        """Tell everyone who still wants something that the environment is gone."""
        text, error_type = "the environment was shut down", "Sandbox.Failure"
        self._invocations.refuse(error_type, text)
        if self._init.wanted:
            self._init.refuse(error_type)
        self._ending.finish()
        return False

    def _note(self, what: str, who: str) -> None:
        self._out.append(Note(what, who.rpartition("/")[2]))
