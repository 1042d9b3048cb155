"""Endpoints as they are on bad days: each goes through states, and answers as its state does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.events import Delivered, Failed, Refused
from collector_ext.core.otlp import SIGNALS
from tests.simulation.bodies import POISON

if TYPE_CHECKING:
    from random import Random

    from collector_ext.core.delivery.failures import Kind
    from collector_ext.core.events import Outcome
    from collector_ext.core.otlp import ExportRequest, Signal

WELL = "well"
STATES = (
    WELL, WELL, WELL,
    "slow", "refusing", "hanging", "stuck", "unresolved", "bad certificate", "unauthorised",
    "not found", "small", "throttling", "unavailable", "erroneous", "picky", "forgetful",
    "out of threads",
)  # fmt: skip
"""``stuck`` answers to no deadline either, as `getaddrinfo` may; ``small`` has a 413 above some
size; ``picky`` has partial successes; ``forgetful`` accepts, and its answer is lost."""

STATE_S_MAX = 600.0

_KINDS_FAILED: dict[str, Kind] = {
    "refusing": failures.CONNECTION,
    "bad certificate": failures.TLS,
    "throttling": failures.THROTTLED,
    "unavailable": failures.UNAVAILABLE,
    "out of threads": failures.LOCAL,
}
_KINDS_REFUSED: dict[str, Kind] = {
    "unauthorised": failures.UNAUTHORISED,
    "not found": failures.NOT_FOUND,
    "erroneous": failures.ANSWER,
}


class Answer(NamedTuple):
    """What becomes of one request."""

    outcome: Outcome
    took_s: float
    is_accepted: bool  # by the endpoint, whether the exporter learns of it or not
    is_silent: bool = False  # there was none: the host is not asked again for the same order


class Endpoint:
    """One peer of an exporter.

    Args:
        chance: Of the day.
        all_day: The state it never leaves; empty for changing ones.

    Attributes:
        state: Of the moment.
        well_since: When it last became well, as elapsed seconds; None while it is not.
    """

    def __init__(self, chance: Random, all_day: str = "") -> None:
        self._chance = chance
        self.all_day = all_day
        self.state = all_day or WELL
        self.well_since: float | None = 0.0 if self.state == WELL else None
        self._until = 0.0 if not all_day else float("inf")
        self._only: Signal | None = None  # whose path alone is in that state
        self._size_bytes_max = 0

    def is_well(self, at: float) -> bool:
        """Whether it accepts what is no poison, at once."""
        self._pass_to(at)
        return self.state == WELL

    def answer(self, request: ExportRequest, at: float, within_s: float) -> Answer:
        """Take a request.

        Args:
            request: It.
            at: When it is sent, in elapsed seconds.
            within_s: How long the exporter waits.
        """
        self._pass_to(at)
        quick_s = self._chance.uniform(0.0005, 0.03)
        if within_s <= quick_s:
            return self._silent(request, failures.TIMEOUT, max(within_s, 0.0))
        state = self.state if self._only in {None, request.signal} else WELL
        if state in {"hanging", "stuck", "slow", "unresolved"}:
            return self._answer_late(state, request, within_s)
        if state in _KINDS_FAILED:
            return self._fail(state, request, quick_s)
        if state in _KINDS_REFUSED:
            return Answer(_refused(request, _KINDS_REFUSED[state]), quick_s, is_accepted=False)
        return self._judge(state, request, quick_s)

    def _pass_to(self, at: float) -> None:
        """Go through states until the one of this time."""
        while self._until <= at:
            start_at = self._until
            self.state = self._chance.choice(STATES)
            self._only = None
            if self._chance.random() < 0.2:
                self._only = self._chance.choice(SIGNALS)
            self._size_bytes_max = self._chance.choice((0, 100, 1000, 20_000))
            self._until += STATE_S_MAX * self._chance.random() ** 3 + 0.01
            if self.state != WELL:
                self.well_since = None
            elif self.well_since is None:
                self.well_since = start_at

    def _answer_late(self, state: str, request: ExportRequest, within_s: float) -> Answer:
        chance = self._chance
        if state == "stuck":
            took_s = within_s + chance.choice((0.02, 0.1, 5.0, 60.0, 100_000.0))
            return self._silent(request, chance.choice((failures.NAME, failures.TIMEOUT)), took_s)
        if state == "unresolved":
            return self._silent(request, failures.NAME, min(within_s, chance.uniform(0.0, 5.0)))
        took_s = chance.uniform(0.5, 8.0)
        if state == "slow" and took_s < within_s:
            return self._judge(state, request, took_s)
        # Nobody knows whether what was sent is worked on.
        is_accepted = state == "slow" and POISON not in request.merged()
        took_s = within_s + chance.uniform(0.0, 0.02)
        return self._silent(request, failures.TIMEOUT, took_s, is_accepted=is_accepted)

    def _fail(self, state: str, request: ExportRequest, took_s: float) -> Answer:
        retry_after_s = None
        if state == "throttling" or self._chance.random() < 0.1:
            retry_after_s = self._chance.choice((None, 0.0, 0.1, 2.0, 30.0, 10_000.0))
        reason = f"{state} in one of {self._chance.randint(1, 30)} ways"
        failure = Failure(_KINDS_FAILED[state], reason, retry_after_s)
        return Answer(Failed(request, failure), took_s, is_accepted=False)

    def _judge(self, state: str, request: ExportRequest, took_s: float) -> Answer:
        """Answer as somebody who is there and in order."""
        body = request.merged()
        if state == "small" and len(body) > self._size_bytes_max:
            return Answer(_refused(request, failures.TOO_LARGE), took_s, is_accepted=False)
        if POISON in body:
            return Answer(_refused(request, failures.CONTENT), took_s, is_accepted=False)
        if state == "forgetful" and self._chance.random() < 0.7:
            return self._silent(request, failures.CONNECTION, took_s, is_accepted=True)
        rejected_count = self._chance.randint(1, 4) if state == "picky" else 0
        return Answer(Delivered(request, rejected_count, "picky"), took_s, is_accepted=True)

    @staticmethod
    def _silent(
        request: ExportRequest, kind: Kind, took_s: float, *, is_accepted: bool = False
    ) -> Answer:
        failed = Failed(request, Failure(kind, "no answer", None))
        return Answer(failed, took_s, is_accepted, is_silent=True)


def _refused(request: ExportRequest, kind: Kind) -> Refused:
    return Refused(request, Failure(kind, f"answered: {kind.name}", None))
