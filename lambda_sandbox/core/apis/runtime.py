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
    RESTORE_READY = "RestoreReady"  # initialised; what is cloned from it begins here
    RESTORING = "Restoring"  # its hooks run
    RESTORE_ERROR = "RestoreError"


class Input(Enum):
    """What the runtime, or the platform to it, can do."""

    NEXT = "next"
    EVENT = "event"
    RESPONSE = "response"  # or the error in its place
    INIT_ERROR = "init error"
    SNAPSHOT = "snapshot"
    RESTORE_NEXT = "restore next"
    RESTORE_ERROR = "restore error"


TRANSITIONS: Mapping[tuple[State, Input], State] = {
    (State.STARTED, Input.NEXT): State.READY,
    (State.STARTED, Input.INIT_ERROR): State.INIT_ERROR,
    (State.STARTED, Input.SNAPSHOT): State.RESTORE_READY,
    (State.RESTORE_READY, Input.RESTORE_NEXT): State.RESTORING,
    (State.RESTORING, Input.RESTORE_ERROR): State.RESTORE_ERROR,
    (State.RESTORING, Input.NEXT): State.READY,
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


UNKNOWN_REQUEST = refusal(400, "InvalidRequestID", "Invalid request ID")
"""The answer to a response to no invocation."""

TOO_LARGE = refusal(
    413,
    "RequestEntityTooLarge",
    f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).",
)
"""The answer to a response that the caller cannot be given. Another may follow."""


@dataclass(slots=True)
class Runtime:
    """The runtime of the running environment."""

    state: State = State.STARTED
    client_id: int = 0  # whose next is pending, while it is Ready
    request_id: str = ""  # of the current, or last, invocation
    event: Reply = Reply(200)  # noqa: RUF009  # frozen: what next was answered with last

    @property
    def is_ready(self) -> bool:
        """Whether an invocation can be delivered: its next is pending."""
        return self.state is State.READY

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

    def fail_init(self) -> Reply | None:
        """Take the error of a runtime that could not initialise.

        Returns:
            None when it counts; else the refusal.
        """
        return self.take(Input.INIT_ERROR)

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
            return UNKNOWN_REQUEST
        if len(body) > RESPONSE_BYTES_MAX and self.state is State.RUNNING:
            return TOO_LARGE
        return self.take(Input.RESPONSE)
