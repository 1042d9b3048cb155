"""What was seen of an environment: moments, events, lines."""

from __future__ import annotations

from typing import NamedTuple

from lambda_sandbox.core.actions import PlatformEvent


class Moment(NamedTuple):
    """One entry of the timeline: when (monotonic seconds), what happened, to whom.

    And in which invocation, where that is known: several may run side by side.
    """

    at_s: float
    what: str
    who: str
    request_id: str | None = None


class Told(NamedTuple):
    """An event of the platform, and when it was told (monotonic seconds)."""

    at_s: float
    event: PlatformEvent


class LogLine(NamedTuple):
    """One line of the log: ``source`` is ``"platform"``, ``"function"`` or ``"extension"``."""

    source: str
    name: str
    text: str
