"""One selector and one mailbox: all that a sandbox waits for, in one thread.

Sockets, pipes and the end of processes are files here; other threads post events.
"""

from __future__ import annotations

import selectors
import socket
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import RequestReceived, TimeReached
from lambda_sandbox.edge import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_sandbox.core.events import Event

    Descriptor = int | socket.socket

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


class Loop:
    """Wait, and turn what happens into stamped events."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._happened: deque[tuple[float, Event]] = deque()
        self._mailbox: SimpleQueue[Event | None] = SimpleQueue()
        self._calls: list[tuple[float, Callable[[], object]]] = []  # two at most: no heap
        self._bell_in, self._bell_out = socket.socketpair()
        self._bell_in.setblocking(False)  # noqa: FBT003  # positional-only
        self.stopped = False
        self.watch(self._bell_in, READ, self._open_mailbox)

    def watch(self, file: Descriptor, mask: int, ready: Callable[[], object]) -> None:
        """Call ``ready`` in the loop's thread whenever the file is."""
        self._selector.register(file, mask, ready)

    def change(self, file: Descriptor, mask: int) -> None:
        """Wait for something else of a file."""
        self._selector.modify(file, mask, self._selector.get_key(file).data)

    def forget(self, file: Descriptor) -> None:
        """Do not wait for a file any more; to be called before it is closed."""
        self._selector.unregister(file)

    def call_at(self, at: float, call: Callable[[], object]) -> None:
        """Call once, in the loop's thread, when an instant has come.

        It cannot be taken back: whoever is called looks whether it still matters.
        """
        self._calls.append((at, call))

    def emit(self, event: Event, at: float | None = None) -> None:
        """Say that something happened; only for the loop's own thread.

        Args:
            event: What happened.
            at: When, if not now.
        """
        self._happened.append((clock.now() if at is None else at, event))

    def post(self, event: Event | None) -> None:
        """Say it from another thread; None stops the loop."""
        self._mailbox.put(event)
        with suppress(OSError):  # closed: whoever waits for an answer has been told
            self._bell_out.send(b"!")

    def forget_requests(self) -> None:
        """Tell nobody any more what processes have asked for: they are all dead."""
        told = [
            (at, event) for at, event in self._happened if not isinstance(event, RequestReceived)
        ]
        self._happened = deque(told)

    def _open_mailbox(self) -> None:
        self._bell_in.recv(4096)
        while True:
            try:
                event = self._mailbox.get_nowait()
            except Empty:
                return
            if event is None:
                self.stopped = True
            else:
                self.emit(event)

    def take(self, timer_at: float | None) -> tuple[float, Event] | None:
        """Wait for the next event.

        Args:
            timer_at: Until when, at most, in monotonic seconds; None for ever.

        Returns:
            The event and when it happened; None when the timer expired or the loop stopped.
            An event does not overtake a timer that expired before it: that is ``TimeReached``,
            at the event's instant, lest time goes back.
        """
        while not self._happened and not self.stopped:
            for key, _ in self._selector.select(self._timeout_s(timer_at)):
                # What was called before may have closed this file.
                current = self._selector.get_map().get(key.fd)
                if current is not None and current.data is key.data:
                    key.data()
            self._call_the_due()
            if timer_at is not None and timer_at <= clock.now() and not self._happened:
                return None
        if not self._happened:
            return None
        at = self._happened[0][0]
        # Else a process that writes faster than it is heard would never be out of time.
        if timer_at is not None and timer_at < at:
            return at, TimeReached()
        return self._happened.popleft()

    def _timeout_s(self, timer_at: float | None) -> float | None:
        instants = [at for at, _ in self._calls]
        if timer_at is not None:
            instants.append(timer_at)
        return max(0.0, min(instants) - clock.now()) if instants else None

    def _call_the_due(self) -> None:
        if not self._calls:
            return
        now = clock.now()
        due = [call for at, call in self._calls if at <= now]
        self._calls = [(at, call) for at, call in self._calls if at > now]
        for call in due:
            call()

    def close(self) -> None:
        """Close what is the loop's own."""
        self._selector.close()
        self._bell_in.close()
        self._bell_out.close()
