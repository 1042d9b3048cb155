"""The loop: what has happened goes to the lifecycle, what it orders goes to the edges."""

from __future__ import annotations

import select

from collector_ext.core.actions import Action, AskNext, Exit, Export, Keep, Say
from collector_ext.core.events import Event, TimerExpired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Protocol

    from collector_ext.core.otlp import Payload

    class Core(Protocol):
        """What decides: the lifecycle, or one around it."""

        def timer_at(self, now: float) -> float | None:
            """Return when to feed ``TimerExpired``; None for never."""

        def handle(self, event: Event, now: float) -> list[Action]:
            """Take one event into account and return what to do about it."""

    class Source(Protocol):
        """A peer that events come from."""

        def interests(self) -> list[tuple[int, int]]:
            """Descriptors and poll events that are a reason to ask for events."""

        def events(self) -> Iterable[Event]:
            """What has happened since, each to be handled before the next; never waits."""

    class Receiving(Source, Protocol):
        """Where the function's telemetry comes from."""

        def close(self) -> None:
            """Receive no more."""

    class ExtensionsApi(Source, Protocol):
        """Lambda."""

        def ask_next(self) -> Sequence[Event]:
            """Ask for the next event; return what failed about it."""

    class Exporter(Source, Protocol):
        """The remote endpoints."""

        def export(self, order: Export) -> None:
            """Carry out one order in the background."""


WAIT_S_MAX = 60.0
"""Longer waits are taken in parts: the kernel counts milliseconds in 32 bits."""


class Runner:
    """One thread for all local peers.

    What the function has sent is in the kernel before the platform can know that the
    invocation ended, so the order of reading decides what the lifecycle sees: first the
    platform's events are taken, then the function's sockets are read dry, and only then are
    the platform's events handled, after everything that caused them. Threads would have to
    be brought into this order again, and a hand-over costs more than the work.
    """

    def __init__(  # noqa: PLR0913 - one argument for each peer
        self,
        lifecycle: Core,
        *,
        extensions_api: ExtensionsApi,
        telemetry: Source | None,
        receiver: Source,
        exporter: Exporter,
        keep: Callable[[str, Sequence[Payload]], None] | None,
        say: Callable[[str, str], None],
        now: Callable[[], float],
    ) -> None:
        self._lifecycle = lifecycle
        self._extensions_api = extensions_api
        # In the order they are read: whoever is read later can only know more.
        platform = (extensions_api, *((telemetry,) if telemetry else ()))
        self._platform: tuple[Source, ...] = (exporter, *platform)
        self._receiver = receiver
        self._exporter = exporter
        self._keep = keep
        self._say = say
        self._now = now
        self._is_exiting = False

    def run(self, *events: Event) -> None:
        """Go round until the lifecycle orders ``Exit``.

        Args:
            events: What has happened before.
        """
        for event in events:
            self._handle(event)
        while not self._is_exiting:
            self._wait()
            self._go_round()

    def _go_round(self) -> None:
        taken = [list(source.events()) for source in self._platform]
        for event in self._receiver.events():
            self._handle(event)
        # Telemetry first: it says how an invocation ended, SHUTDOWN only that it did.
        for events in reversed(taken):
            for event in events:
                self._handle(event)
        if self._wait_s() == 0:
            self._handle(TimerExpired())

    def _wait(self) -> None:
        poll = select.poll()
        for source in (*self._platform, self._receiver):
            for fileno, events in source.interests():
                poll.register(fileno, events)
        wait_s = self._wait_s()
        # Milliseconds, rounded up: a timer that has not come would be polled for again.
        poll.poll(None if wait_s is None else int(-(-min(wait_s, WAIT_S_MAX) * 1000 // 1)))

    def _wait_s(self) -> float | None:
        now = self._now()
        timer_at = self._lifecycle.timer_at(now)
        return None if timer_at is None else max(0.0, timer_at - now)

    def _handle(self, event: Event) -> None:
        events = [event]
        for happened in events:
            for action in self._lifecycle.handle(happened, self._now()):
                events += self._obey(action)

    def _obey(self, action: Action) -> Sequence[Event]:
        """Carry out an order; return what went wrong with it at once."""
        match action:
            case AskNext():
                return self._extensions_api.ask_next()
            case Export():
                self._exporter.export(action)
            case Keep():
                assert self._keep, "ordered where it is configured"
                self._keep(action.exporter, action.payloads)
            case Say():
                self._say(action.level, action.text)
            case Exit():
                self._is_exiting = True
        return ()
