"""The loop: event → environment → actions → edges. It has no opinion about Lambda."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

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
    Note,
    Record,
    ReleaseResponse,
    StartProcess,
    Terminate,
    Thaw,
    WriteLine,
)
from lambda_sandbox.core.events import Event, MemoryMeasured, TimeReached
from lambda_sandbox.core.history import LogLine, Moment, Told
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.promises import Promises

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lambda_sandbox.core.lifecycle.environment import Environment
    from lambda_sandbox.edge.api_server import ApiServer
    from lambda_sandbox.edge.loop import Loop
    from lambda_sandbox.edge.processes import Processes
    from lambda_sandbox.edge.telemetry_delivery import TelemetryDelivery


class History:
    """What was seen so far; written by the loop's thread, copied by others."""

    def __init__(self) -> None:
        self.story: list[Moment | Told] = []
        self.lines: list[LogLine] = []
        self._written = threading.Condition()
        self._ended = False

    def write(self, line: LogLine) -> None:
        """Append a line of the log."""
        with self._written:
            self.lines.append(line)
            self._written.notify_all()

    def end(self) -> None:
        """Nothing more is going to be written."""
        with self._written:
            self._ended = True
            self._written.notify_all()

    def follow(self, number: int) -> Iterator[LogLine]:
        """Yield the lines of the log from that number on, as they are written."""
        while (line := self._line(number)) is not None:
            yield line
            number += 1

    def _line(self, number: int) -> LogLine | None:
        """Wait for a line; return None if it is never going to be written."""
        with self._written:
            self._written.wait_for(lambda: self._ended or number < len(self.lines))
            return self.lines[number] if number < len(self.lines) else None


class Runner:
    """Feed the environment with what happens, and carry out its orders.

    It receives its edges; one thread runs ``run``.

    Args:
        environment: The core.
        loop: Where events come from.
        server: Answers requests.
        processes: Starts and ends processes.
        delivery: Sends telemetry.
        prepare: What the thread does before anything else.
    """

    def __init__(  # noqa: PLR0913  # its edges, one for each kind of action
        self,
        environment: Environment,
        loop: Loop,
        server: ApiServer,
        processes: Processes,
        delivery: TelemetryDelivery,
        *,
        prepare: Callable[[], object],
    ) -> None:
        self.history = History()
        self.promises = Promises()
        self.prepared = threading.Event()
        self.frozen = threading.Event()
        self._environment = environment
        self._loop = loop
        self._server = server
        self._processes = processes
        self._delivery = delivery
        self._prepare = prepare
        self._marked_at = 0.0

    def run(self) -> None:
        """Work until the loop is stopped; leave nothing behind, whatever happens."""
        why = "the sandbox was closed"
        try:
            self._prepare()
            self.prepared.set()
            while not self._loop.stopped:
                happened = self._loop.take(self._environment.timer_at)
                self._handle(*(happened or (clock.now(), TimeReached())))
        except BaseException as error:
            why = f"the sandbox failed: {error!r}"
            raise
        finally:
            self._end(why)

    def _end(self, why: str) -> None:
        # From the last to the first, each whatever becomes of the others: nobody waits for ever.
        with ExitStack() as ending:
            ending.callback(self._loop.close)
            ending.callback(self._server.close)
            ending.callback(self._delivery.disconnect)
            ending.callback(self._processes.close)
            ending.callback(self.history.end)
            ending.callback(self.promises.break_all, why)
            ending.callback(self.prepared.set)

    def _handle(self, at: float, event: Event) -> None:
        for action in self._environment.handle(event, at):
            self._obey(action, at)

    def _obey(self, action: Action, at: float) -> None:  # noqa: C901, PLR0912, PLR0915  # one line each
        match action:
            case Answer():
                self._server.answer(action.client_id, action.reply)
            case StartProcess():
                self._processes.start(action.process)
            case Terminate():
                self._processes.terminate(action.process)
            case Kill():
                self._processes.kill(action.process)
            case Freeze():
                self._processes.freeze()
                self._mark(clock.now(), "frozen", "environment")
                self.frozen.set()
            case Thaw():
                self.frozen.clear()
                self._mark(clock.now(), "thawed", "environment")
                self._processes.thaw()
            case Deliver():
                self._delivery.deliver(action)
            case AbandonDelivery():
                self._delivery.abandon(action.subscriber)
            case MeasureMemory():
                self._loop.emit(MemoryMeasured(self._processes.memory_bytes()))
            case Record():
                self.history.story.append(Told(at, action.event))
            case WriteLine():
                self.history.write(LogLine(action.source, action.name, action.text))
            case Note():
                self._mark(at, action.what, action.who, action.request_id)
            case FinishInit():
                self.promises.finish_init(action.outcome)
            case ReleaseResponse():
                self.promises.release(action.outcome)
            case ClearEnvironment():
                self._processes.clear()
                self._server.disconnect()
                self._loop.forget_requests()
                self._delivery.disconnect()
            case DiscardSnapshot():
                self._processes.discard_snapshot()
            case FinishShutdown():
                self.promises.finish_end()

    def _mark(self, at: float, what: str, who: str, request_id: str | None = None) -> None:
        # A timeline does not go back: what an event leads to is later than a thaw before it.
        at = max(at, self._marked_at)
        self._marked_at = at
        self.history.story.append(Moment(at, what, who, request_id))
