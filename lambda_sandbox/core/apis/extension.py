"""One extension, as a state machine in data, and the registry of all of them.

Promises: what the tables do not allow is refused with the platform's words and changes
nothing; nobody registers twice; an event goes only to an extension that waits for it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from lambda_sandbox.core.api import Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lambda_sandbox.core.api import Register

EXTENSIONS_MAX = 10
"""External and internal together; Lambda's own limit."""

INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"

EVENTS = frozenset({INVOKE, SHUTDOWN})
MANAGED_EVENTS = frozenset({SHUTDOWN})
"""What may be registered for: of its many invocations a managed instance tells no extension."""


class State(Enum):
    """Where an extension stands; the values are the platform's, as telemetry reports them."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"  # its next is pending
    RUNNING = "Running"  # it has an event
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    LAUNCH_ERROR = "LaunchError"
    SHUTDOWN_FAILED = "ShutdownFailed"
    EXITED = "Exited"


class Input(Enum):
    """What can happen to an extension; the value is the state it leads to if it is allowed."""

    REGISTER = State.REGISTERED
    NEXT = State.READY
    EVENT = State.RUNNING
    INIT_ERROR = State.INIT_ERROR
    EXIT_ERROR = State.EXIT_ERROR
    LAUNCH_FAILED = State.LAUNCH_ERROR
    FAILED = State.SHUTDOWN_FAILED
    EXIT = State.EXITED


_ALIVE = frozenset({State.STARTED, State.REGISTERED, State.READY, State.RUNNING})
_REPORTED = frozenset({State.INIT_ERROR, State.EXIT_ERROR})

INTERNAL_FROM: Mapping[Input, frozenset[State]] = {
    Input.REGISTER: frozenset({State.STARTED}),
    Input.NEXT: frozenset({State.REGISTERED, State.RUNNING}),
    Input.EVENT: frozenset({State.READY}),
    # Repeated in its own terminal state, a report is accepted and means nothing.
    Input.INIT_ERROR: frozenset({State.REGISTERED, State.INIT_ERROR}),
    Input.EXIT_ERROR: frozenset({State.REGISTERED, State.READY, State.RUNNING, State.EXIT_ERROR}),
}
"""The states in which an input is allowed, for an extension inside the runtime's process."""

EXTERNAL_FROM: Mapping[Input, frozenset[State]] = {
    **INTERNAL_FROM,
    Input.LAUNCH_FAILED: frozenset({State.STARTED}),
    Input.FAILED: _ALIVE | _REPORTED,
    Input.EXIT: _ALIVE | _REPORTED,
}
"""The same for an extension with a process of its own."""


@dataclass(slots=True)
class Extension:
    """One extension of the running environment."""

    name: str
    external: bool
    state: State = State.STARTED
    identifier: str = ""  # empty until it registers
    events: frozenset[str] = frozenset()
    client_id: int = 0  # whose next is pending, while it is Ready
    event_id: str = ""  # names the event that will answer that next
    error_type: str | None = None  # what it reported, or why it could not be started

    def take(self, happened: Input) -> Reply | None:
        """Change the state, or refuse.

        Returns:
            None when the table allows the input; else the platform's refusal.
        """
        table = EXTERNAL_FROM if self.external else INTERNAL_FROM
        if self.state in table.get(happened, ()):
            self.state = happened.value
            return None
        who = self.identifier if happened is not Input.REGISTER else self.name
        message = (
            f"State transition from {self.state.value} to {happened.value.value} failed for "
            f"extension {who}. Error: State transition is not allowed"
        )
        return refusal(403, "Extension.InvalidExtensionState", message)


@dataclass(slots=True)
class Extensions:
    """The extensions of one environment: those launched from files, and those that joined.

    Args:
        files: Base names of the files in the layer's ``extensions`` folder.
        managed: Whether this is a managed instance, where no extension hears of invocations,
            and internal ones of nothing.
    """

    files: tuple[str, ...]
    managed: bool = field(default=False, kw_only=True)
    closed: bool = False  # nobody may register any more
    _by_name: dict[str, Extension] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name = {name: Extension(name, external=True) for name in self.files}

    def __iter__(self) -> Iterator[Extension]:
        return iter(self._by_name.values())

    @property
    def external(self) -> Iterable[Extension]:
        """Those with a process of their own."""
        return [extension for extension in self if extension.external]

    @property
    def registered(self) -> Iterable[Extension]:
        """Those the platform waits for."""
        return [extension for extension in self if extension.identifier]

    @property
    def all_registered(self) -> bool:
        """Whether every launched file has registered: the runtime may start."""
        return all(extension.state is not State.STARTED for extension in self)

    @property
    def all_ready(self) -> bool:
        """Whether every registered extension has asked next."""
        return all(extension.state is State.READY for extension in self.registered)

    def of_process(self, process: str) -> Extension:
        """Return the extension of a process, which must be one of the files."""
        return self._by_name[process.rpartition("/")[2]]

    def identified(self, identifier: str) -> Extension | Reply:
        """Return the extension that was given ``identifier``, or the refusal."""
        for extension in self.registered:
            if extension.identifier == identifier:
                return extension
        message = f"Unknown extension {identifier}"
        return refusal(403, "Extension.UnknownExtensionIdentifier", message)

    def register(self, call: Register, identifier: str) -> Extension | Reply:
        """Take an extension in.

        Args:
            call: What it asks for.
            identifier: What it will be known as, unique.

        Returns:
            The extension, now Registered; or the refusal.
        """
        known = self._by_name.get(call.name)
        external = known is not None and known.external
        refused = self._refuse(call, external=external) or (
            known.take(Input.REGISTER) if known is not None and external else None
        )
        if refused:
            return refused
        extension = known or Extension(call.name, external=False, state=State.REGISTERED)
        extension.identifier, extension.events = identifier, frozenset(call.events)
        self._by_name[call.name] = extension
        return extension

    def _refuse(self, call: Register, *, external: bool) -> Reply | None:
        if self.closed:
            message = "Extension registration closed already"
            return refusal(403, "Extension.RegistrationClosed", message)
        if self.managed and call.events and not external:
            message = "No events allowed for internal extensions"
            return refusal(403, "Extension.InvalidEventType", message)
        for event in call.events:
            if event not in (MANAGED_EVENTS if self.managed else EVENTS):
                message = f"{event}: ErrorInvalidEventType"
                return refusal(403, "Extension.InvalidEventType", message)
        return None if external else self._refuse_internal(call)

    def _refuse_internal(self, call: Register) -> Reply | None:
        if SHUTDOWN in call.events:
            message = "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"
            return refusal(403, "Extension.InvalidEventType", message)
        if call.name in self._by_name:
            message = "Extension with this name already registered"
            return refusal(403, "Extension.InvalidExtensionState", message)
        if len(self._by_name) >= EXTENSIONS_MAX:
            message = f"Extension limit ({EXTENSIONS_MAX}) reached"
            return refusal(403, "Extension.TooManyExtensions", message)
        return None
