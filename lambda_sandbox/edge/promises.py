"""What callers in other threads wait for: outcomes, initialisations, ends."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from lambda_sandbox.core.invocation import SandboxError

if TYPE_CHECKING:
    from lambda_sandbox.core.invocation import InitOutcome, Outcome


class Promises:
    """What callers in other threads wait for; nobody waits for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By request id: one may be given again while it is under way, and is served in turn.
        self._outcomes: defaultdict[str, deque[Future[Outcome]]] = defaultdict(deque)
        self._inits: list[Future[InitOutcome]] = []
        self._ends: list[Future[None]] = []
        self._broken: str | None = None

    def outcome(self, request_id: str) -> Future[Outcome]:
        """Promise the outcome of an invocation that is about to be asked for."""
        with self._lock:
            self._assert_whole()
            self._outcomes[request_id].append(Future())
            return self._outcomes[request_id][-1]

    def init(self) -> Future[InitOutcome]:
        """Promise the outcome of an initialisation."""
        with self._lock:
            self._assert_whole()
            self._inits.append(Future())
            return self._inits[-1]

    def end(self) -> Future[None]:
        """Promise the end of the environment."""
        with self._lock:
            self._assert_whole()
            self._ends.append(Future())
            return self._ends[-1]

    def _assert_whole(self) -> None:
        if self._broken is not None:
            raise SandboxError(self._broken)

    def release(self, outcome: Outcome) -> None:
        """Keep the promise of an outcome."""
        with self._lock:
            promises = self._outcomes[outcome.request_id]
            promises.popleft().set_result(outcome)
            if not promises:
                del self._outcomes[outcome.request_id]

    def finish_init(self, outcome: InitOutcome) -> None:
        """Keep the promises of an initialisation."""
        with self._lock:
            while self._inits:
                self._inits.pop().set_result(outcome)

    def finish_end(self) -> None:
        """Keep the promises of the end."""
        with self._lock:
            while self._ends:
                self._ends.pop().set_result(None)

    def break_all(self, message: str) -> None:
        """Keep no promise any more: the loop has stopped."""
        with self._lock:
            self._broken = message
            promises: list[Future[Any]] = [*self._inits, *self._ends]
            for outcomes in self._outcomes.values():
                promises += outcomes
            for promise in promises:
                promise.set_exception(SandboxError(message))
            self._outcomes.clear()
            self._inits.clear()
            self._ends.clear()
