"""Asks Lambda for events without waiting for them.

Specification: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import select

from collector_ext.core import extension_event
from collector_ext.core.events import InvokeReceived, NextFailed, ShutdownReceived
from collector_ext.edge import clock
from collector_ext.session import ApiError, Session


class ExtensionsApi:
    """Turn the answers to ``next`` into events.

    Args:
        session: Registered; a ``next`` may be asked for already. Should the collector fail,
            whoever idles on the session afterwards finds it in the right state.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        session.set_blocking(is_blocking=False)

    def interests(self) -> list[tuple[int, int]]:
        """Return descriptors and the poll events that are a reason to call ``events``."""
        if not self._session.awaiting_next:
            return []
        return [(self._session.fileno(), select.POLLIN)]

    def ask_next(self) -> tuple[NextFailed, ...]:
        """Ask for the next event; return what failed about it, if anything."""
        try:
            self._session.ask_next()
        except ApiError as fault:
            return (NextFailed(str(fault)),)
        return ()

    def events(self) -> list[InvokeReceived | ShutdownReceived | NextFailed]:
        """Return Lambda's event, if it has come."""
        if not self._session.awaiting_next:
            return []
        try:
            answer = self._session.receive()
        except ApiError as fault:
            return [NextFailed(str(fault))]
        if answer is None:
            return []
        return [extension_event.event_in(answer.status, answer.body, clock.now())]
