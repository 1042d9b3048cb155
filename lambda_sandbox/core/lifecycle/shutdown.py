"""How an environment ends: the runtime first, then the extensions, each within its share.

| registered        | in all  | what happens                                            |
|-------------------|---------|---------------------------------------------------------|
| nobody            | 0 s     | the runtime is killed                                   |
| internal only     | 0.5 s   | SIGTERM to the runtime, killed at the end               |
| external, too     | 2 s     | SIGTERM, killed after 30 %; SHUTDOWN to the extensions  |
|                   |         | that subscribed, the others are killed; then all are    |

A reset after a timeout or a crash is the same, with another reason.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, Kill, Terminate
from lambda_sandbox.core.apis.extension import SHUTDOWN, State
from lambda_sandbox.core.events import RUNTIME, extension_process

if TYPE_CHECKING:
    from lambda_sandbox.core.apis.extension import Extension, Extensions
    from lambda_sandbox.core.invocation import ShutdownReason

BUDGET_INTERNAL_S = 0.5
BUDGET_EXTERNAL_S = 2.0
RUNTIME_SHARE = 0.3
"""Of the budget with external extensions: 0.6 s (rapid's runtimeDeadlineShare)."""


def budget_s(extensions: Extensions) -> float:
    """Return the time that the registered extensions buy, in seconds."""
    registered = extensions.registered
    if any(extension.external for extension in registered):
        return BUDGET_EXTERNAL_S
    return BUDGET_INTERNAL_S if registered else 0.0


class Shutdown:
    """One shutdown, step by step. Feed it the living until nobody is left.

    Args:
        reason: What the extensions are told.
        extensions: Of the environment that ends.
        now: Monotonic seconds.
    """

    def __init__(self, reason: ShutdownReason, extensions: Extensions, now: float) -> None:
        self.reason = reason
        self._extensions = extensions
        budget = budget_s(extensions)
        external = budget == BUDGET_EXTERNAL_S
        self.deadline_at = now + budget
        self._runtime_deadline_at = now + budget * (RUNTIME_SHARE if external else 1.0)
        self._terminated = False
        self._killed: set[str] = set()
        self._told: set[str] = set()

    def timer_at(self, alive: frozenset[str]) -> float | None:
        """When to step again, if nothing else happens."""
        if RUNTIME in alive - self._killed:
            return self._runtime_deadline_at
        return self.deadline_at if alive - self._killed else None

    def step(self, alive: frozenset[str], now: float) -> list[Action]:
        """Do what is to be done to processes now.

        Args:
            alive: Names of the processes that have not ended.
            now: Monotonic seconds.
        """
        if now >= self.deadline_at:
            return [self._kill(process) for process in sorted(alive - self._killed)]
        if RUNTIME in alive:
            return self._end_runtime(now)
        return [
            self._kill(extension_process(extension.name))
            for extension in self._extensions.external
            if extension_process(extension.name) in alive - self._killed
            and SHUTDOWN not in extension.events
        ]

    def _end_runtime(self, now: float) -> list[Action]:
        if not self._terminated:
            self._terminated = True
            return [Terminate(RUNTIME)]
        if now >= self._runtime_deadline_at and RUNTIME not in self._killed:
            return [self._kill(RUNTIME)]
        return []

    def _kill(self, process: str) -> Kill:
        self._killed.add(process)
        return Kill(process)

    def told_now(self, alive: frozenset[str]) -> list[Extension]:
        """Return those whom SHUTDOWN can reach now, each of them once.

        An extension that is busy with its last event hears of it when it asks next.
        """
        if RUNTIME in alive:
            return []
        ready = [
            extension
            for extension in self._extensions.external
            if SHUTDOWN in extension.events
            and extension.state is State.READY
            and extension.name not in self._told
        ]
        self._told.update(extension.name for extension in ready)
        return ready
