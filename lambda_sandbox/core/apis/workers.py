"""The runtime of a managed instance: several workers, each with an invocation of its own.

Workers are forks of one process and speak the Runtime API each for itself. Nothing in a request
says which worker sent it: a response is known by its request id, a ``next`` by its connection.

Promises: whoever asked first is given the next invocation; an invocation is answered at most
once, and not after its time; nothing is given to a worker that is gone.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-runtimes.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lambda_sandbox.core.api import RESPONSE_BYTES_MAX, refusal
from lambda_sandbox.core.apis.runtime import TOO_LARGE, UNKNOWN_REQUEST, State
from lambda_sandbox.core.function import MAX_CONCURRENCY_MAX

if TYPE_CHECKING:
    from lambda_sandbox.core.api import Reply

WAITING_MAX = MAX_CONCURRENCY_MAX
"""How many ``next`` may be outstanding: more workers than that no environment has."""

RUNNING_MAX = MAX_CONCURRENCY_MAX
"""How many invocations may be unanswered, also by workers that died over them."""

PAST_MAX = 1_000
"""Of how many invocations it is remembered how they ended: of the last.

Lambda's own emulator remembers as many. What is older has a request id like any unknown one.
"""

TOO_MANY = refusal(500, "InternalServerError", "Internal Server Error")
"""The answer to one ``next`` too many."""

TIMED_OUT = refusal(410, "InvokeTimeout", "Invoke timeout")
"""The answer to a response that comes too late. The runtime client logs it and goes on."""

ANSWERED = refusal(
    403,
    "InvalidStateTransition",
    "State transition from ResponseSent failed for runtime. Error: State transition is not allowed",
)
"""The answer to a second response."""


@dataclass(slots=True)
class Workers:
    """The workers of the running environment, however many there are.

    What ``Runtime`` is to the other environments.
    """

    state: State = State.STARTED  # until the first next, or the first init error before it
    _waiting: dict[int, None] = field(default_factory=dict)  # clients, in order of arrival
    _running: set[str] = field(default_factory=set)  # request ids
    _past: dict[str, Reply] = field(default_factory=dict)  # to be told to a response to them

    @property
    def is_ready(self) -> bool:
        """Whether an invocation can be delivered: a worker waits for one."""
        return bool(self._waiting) and len(self._running) < RUNNING_MAX

    def fail_init(self) -> Reply | None:
        """Take the error of a worker that could not initialise.

        Returns:
            None for the first, while no worker has asked next; else the refusal. The other
            workers go on either way.
        """
        if self.state is not State.STARTED:
            message = (
                f"State transition from {self.state.value} to {State.INIT_ERROR.value} failed for "
                "runtime. Error: State transition is not allowed"
            )
            return refusal(403, "InvalidStateTransition", message)
        self.state = State.INIT_ERROR
        return None

    def ask_next(self, client_id: int) -> Reply | None:
        """Take a ``next``.

        Unlike a runtime that is alone, a worker that asks again over another connection is
        another worker: its invocation, if it has one, is not repeated.

        Returns:
            None: the client waits; or the refusal.
        """
        if len(self._waiting) >= WAITING_MAX:
            return TOO_MANY
        self._waiting[client_id] = None
        if self.state is State.STARTED:
            self.state = State.READY
        return None

    def hang_up(self, client_id: int) -> None:
        """Take note of a connection that was closed: its worker waits no longer.

        An invocation that the worker has is not answered any more, and times out.
        """
        self._waiting.pop(client_id, None)

    def deliver(self, request_id: str, event: Reply) -> int:  # noqa: ARG002  # as Runtime's, which repeats it
        """Hand the worker that has waited longest an invocation.

        Args:
            request_id: Not that of an invocation under way.
            event: What it is told.

        Returns:
            The client to be answered with ``event``.
        """
        assert self.is_ready, "an invocation starts only when a worker is ready"
        assert request_id not in self._running, "a response would not say which it is for"
        client_id = next(iter(self._waiting))
        del self._waiting[client_id]
        self._running.add(request_id)
        return client_id

    def respond(self, request_id: str, body: bytes) -> Reply | None:
        """Take the response, or the error, of an invocation.

        Returns:
            None when it counts; else the refusal.
        """
        if request_id not in self._running:
            return self._past.get(request_id, UNKNOWN_REQUEST)
        if len(body) > RESPONSE_BYTES_MAX:
            return TOO_LARGE
        self._end(request_id, ANSWERED)
        return None

    def expire(self, request_id: str) -> None:
        """Give up on an invocation whose time is over; one that was answered remains so."""
        if request_id in self._running:
            self._end(request_id, TIMED_OUT)

    def _end(self, request_id: str, afterwards: Reply) -> None:
        self._running.remove(request_id)
        self._past[request_id] = afterwards
        if len(self._past) > PAST_MAX:
            del self._past[next(iter(self._past))]
