"""The runtime, as a state machine in data.

Promises: an invocation is answered at most once; ``next`` while an invocation runs gives the
same invocation again, for a runtime that restarted its loop.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from lambda_sandbox.core.api import RESPONSE_BYTES_MAX, Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """Where the runtime stands; the names are the platform's."""

    STARTED = "Started"
    READY = "Ready"  # its next is pending
    RUNNING = "Running"
    RESPONSE_SENT = "ResponseSent"
    INIT_ERROR = "InitError"


class Input(Enum):
    """What the runtime, or the platform to it, can do."""

    NEXT = "next"
    EVENT = "event"
    RESPONSE = "response"  # or the error in its place
    INIT_ERROR = "init error"


TRANSITIONS: Mapping[tuple[State, Input], State] = {
    (State.STARTED, Input.NEXT): State.READY,
    (State.STARTED, Input.INIT_ERROR): State.INIT_ERROR,
    (State.READY, Input.NEXT): State.READY,
    (State.READY, Input.EVENT): State.RUNNING,
    (State.RUNNING, Input.NEXT): State.RUNNING,
    (State.RUNNING, Input.RESPONSE): State.RESPONSE_SENT,
    (State.RESPONSE_SENT, Input.NEXT): State.READY,
}
"""What is allowed; anything else is refused with 403 and changes nothing.

The platform's states InvocationResponse and InvocationErrorResponse last while a body is being
received: here a request is whole before anyone is told of it.
"""


@dataclass(slots=True)
class Runtime:
    """The runtime of the running environment."""

    state: State = State.STARTED
    client_id: int = 0  # whose next is pending, while it is Ready
    request_id: str = ""  # of the current, or last, invocation
    event: Reply = Reply(200)  # noqa: RUF009  # frozen: what next was answered with last

    def take(self, happened: Input) -> Reply | None:
        """Change the state, or refuse.

        Returns:
            None when the table allows the input; else the platform's refusal.
        """
        state = TRANSITIONS.get((self.state, happened))
        if state is None:
            message = f"State transition from {self.state.value} failed for runtime. "
            message += "Error: State transition is not allowed"
            return refusal(403, "InvalidStateTransition", message)
        self.state = state
        return None

    def ask_next(self, client_id: int) -> Reply | None:
        """Take a ``next``.

        Returns:
            The current invocation again, a refusal, or None: the client waits.
        """
        refused = self.take(Input.NEXT)
        if refused:
            return refused
        if self.state is State.RUNNING:
            return self.event
        self.client_id = client_id
        return None

    def deliver(self, request_id: str, event: Reply) -> int:
        """Hand the waiting runtime an invocation.

        Returns:
            The client to be answered with ``event``.
        """
        refused = self.take(Input.EVENT)
        assert refused is None, "an invocation starts only when the runtime is Ready"
        self.request_id, self.event = request_id, event
        return self.client_id

    def respond(self, request_id: str, body: bytes) -> Reply | None:
        """Take the response, or the error, of an invocation.

        Returns:
            None when it counts; else the refusal.
        """
        if request_id != self.request_id:
            return refusal(400, "InvalidRequestID", "Invalid request ID")
        if len(body) > RESPONSE_BYTES_MAX and self.state is State.RUNNING:
            message = f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
            return refusal(413, "RequestEntityTooLarge", message)
        return self.take(Input.RESPONSE)
