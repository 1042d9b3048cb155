"""The first fatal error that a process reported: it names whatever fails because of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class FirstFault:
    """What was reported first, of everything that is fatal.

    Attributes:
        error_type: Whose fault it is; None as long as nobody reported anything.
        payload: The runtime's own words, if it was the runtime that reported.
    """

    error_type: str | None = None
    payload: bytes | None = None

    def report(self, error_type: str, payload: bytes | None = None) -> None:
        """Keep an error type unless there is one, and the runtime's words unless there are some."""
        self.error_type = self.error_type or error_type
        self.payload = self.payload if payload is None else payload
