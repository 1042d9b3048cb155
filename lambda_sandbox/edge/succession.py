"""One environment after the other, for those who call and watch them as if they were one."""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_right
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.edge.interpreter import InterpreterError
from lambda_sandbox.edge.invoke_server import Invocable
from lambda_sandbox.edge.packages import PackagesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from lambda_sandbox.core.actions import PlatformEvent
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.history import LogLine, Moment, Told
    from lambda_sandbox.core.invocation import Outcome


class OneEnvironment(Invocable, Protocol):
    """What a ``Sandbox`` is here."""

    def init(self) -> object:
        """Initialise it now."""

    @property
    def events(self) -> list[PlatformEvent]:
        """The platform's events so far."""

    @property
    def story(self) -> list[Moment | Told]:
        """What happened so far."""

    def shutdown(self) -> None:
        """End it as Lambda does."""


class _Phase(Enum):
    SERVING = "serving"  # the last environment takes invocations
    RETIRING = "retiring"  # it finishes what it has, and ends; new invocations wait
    VACANT = "vacant"  # it has ended; the next invocation starts another
    STARTING = "starting"  # that one does
    ENDED = "ended"


_PASSING = {_Phase.RETIRING, _Phase.STARTING}
"""What newcomers wait for the end of."""

_CLOSED = "the sandbox was closed"


class Succession:
    """Serve with one environment, and after a renewal with a fresh one; a context manager.

    There is one at a time: the next may need what the previous holds, such as the port of an
    extension. Its methods may be called from any thread.

    Args:
        start: Makes an environment. The first is made at once.
        init: Whether each is initialised before it is invoked.
    """

    def __init__(self, start: Callable[[], OneEnvironment], *, init: bool = False) -> None:
        self._start = start
        self._init = init
        self._environments = [start()]
        self._first_lines = [0]  # of each environment, the number of its first line in the log
        self._changed = threading.Condition()  # guards all that follow
        self._phase = _Phase.SERVING
        self._tickets = itertools.count()
        self._admitted_count = 0
        self._in_flight_count = 0
        if init:
            with ExitStack() as unless_initialised:
                unless_initialised.callback(self.close)
                self._environments[0].init()
                unless_initialised.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.renew()
        finally:
            self.close()

    def invoke(
        self,
        payload: bytes,
        *,
        request_id: str | None = None,
        trace_header: str | None = None,
        client_context: str | None = None,
    ) -> Outcome:
        """Invoke the function, in a fresh environment if the last one was retired.

        Raises:
            SandboxError: There is none, and none could be made.
        """
        environment = self._admit()
        try:
            return environment.invoke(
                payload,
                request_id=request_id,
                trace_header=trace_header,
                client_context=client_context,
            )
        finally:
            with self._changed:
                self._in_flight_count -= 1
                self._changed.notify_all()

    def _admit(self) -> OneEnvironment:
        """Wait for an environment, in the order of arrival, and count as in flight there."""
        with self._changed:
            ticket = next(self._tickets)
            self._changed.wait_for(
                lambda: self._admitted_count == ticket and self._phase not in _PASSING
            )
            self._admitted_count += 1
            self._changed.notify_all()
            if self._phase is _Phase.VACANT:
                self._succeed()
            if self._phase is _Phase.ENDED:
                raise SandboxError(_CLOSED)
            self._in_flight_count += 1
            return self._environments[-1]

    def _succeed(self) -> None:
        """Start another environment; the lock is held before and afterwards."""
        self._become(_Phase.STARTING)
        try:
            with self._unlocked():
                environment = self._start()
            self._first_lines.append(self._first_lines[-1] + len(self._environments[-1].logs))
            self._environments.append(environment)
            with ExitStack() as unless_serving:
                unless_serving.callback(environment.close)
                if self._init and self._phase is not _Phase.ENDED:
                    with self._unlocked():
                        environment.init()
                if self._phase is _Phase.ENDED:
                    raise SandboxError(_CLOSED)
                unless_serving.pop_all()
            self._become(_Phase.SERVING)
        except (InterpreterError, PackagesError, OSError) as error:
            raise SandboxError(str(error)) from error
        finally:
            if self._phase is _Phase.STARTING:
                self._become(_Phase.VACANT)

    def _become(self, phase: _Phase) -> None:
        self._phase = phase
        self._changed.notify_all()

    @contextmanager
    def _unlocked(self) -> Iterator[None]:
        """Let go of the lock for what takes long: all may be ended meanwhile."""
        self._changed.release()
        try:
            yield
        finally:
            self._changed.acquire()

    def retire(self) -> None:
        """Let new invocations wait for the next environment; renew afterwards."""
        with self._changed:
            # What starts now may have read what was there before the change.
            self._changed.wait_for(lambda: self._phase is not _Phase.STARTING)
            if self._phase is _Phase.SERVING:
                self._phase = _Phase.RETIRING

    def renew(self) -> None:
        """Let the environment finish what is in flight, and end it in order.

        Not for two threads at the same time.
        """
        self.retire()
        with self._changed:
            if self._phase is not _Phase.RETIRING:
                return
            self._changed.wait_for(lambda: not self._in_flight_count or self._phase is _Phase.ENDED)
            environment = self._environments[-1]
        try:
            with suppress(SandboxError):  # it has ended already
                environment.shutdown()
        finally:
            environment.close()
            with self._changed:
                if self._phase is _Phase.RETIRING:
                    self._phase = _Phase.VACANT
                self._changed.notify_all()

    def close(self) -> None:
        """End at once: whoever waits for an outcome is refused."""
        with self._changed:
            self._phase = _Phase.ENDED
            self._changed.notify_all()
            environment = self._environments[-1]
        environment.close()

    # What is known of all of them.

    @property
    def facts(self) -> FunctionFacts:
        """The function as the platform's APIs name it."""
        return self._environments[-1].facts

    @property
    def logs(self) -> list[LogLine]:
        """The lines of the log so far."""
        return [line for environment in self._environments for line in environment.logs]

    @property
    def events(self) -> list[PlatformEvent]:
        """The platform's events so far."""
        return [event for environment in self._environments for event in environment.events]

    @property
    def story(self) -> list[Moment | Told]:
        """What happened so far."""
        return [item for environment in self._environments for item in environment.story]

    def follow(self, number: int = 0) -> Iterator[LogLine]:
        """Yield the lines of the log from that number on, as they are written, until the end."""
        index = bisect_right(self._first_lines, number) - 1
        while (environment := self._environment(index)) is not None:
            yield from environment.follow(max(0, number - self._first_lines[index]))
            index += 1

    def _environment(self, index: int) -> OneEnvironment | None:
        """Wait for an environment; return None if there is never going to be one."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._phase is _Phase.ENDED or index < len(self._environments)
            )
            return self._environments[index] if index < len(self._environments) else None
