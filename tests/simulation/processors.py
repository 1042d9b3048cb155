"""Processors that do what processors may do to a pipeline, and nothing sensible."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from tests.simulation.bodies import ids_in, request

if TYPE_CHECKING:
    from random import Random

    from collector_ext.core.otlp import Signal


class Keeping:
    """Change nothing."""

    needs_whole = False

    def process(self, _signal: Signal, body: bytes) -> bytes:
        """Return the request as it is."""
        return body


class Filtering(Keeping):
    """Leave out a third, once all of an invocation is there."""

    needs_whole = True

    def process(self, signal: Signal, body: bytes) -> bytes:
        """Return the request with two of three items."""
        kept = [id_ for id_ in ids_in(body) if crc32(id_) % 3]
        return b"".join(request(signal, kept[at : at + 5]) for at in range(0, len(kept), 5))


class Failing(Keeping):
    """Fail at times.

    Args:
        chance: Of the day.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def process(self, _signal: Signal, body: bytes) -> bytes:
        """Return the request as it is.

        Raises:
            ArithmeticError: At times.
        """
        if self._chance.random() < 0.2:
            raise ArithmeticError
        return body


Processor = Keeping


def processors_of(chance: Random) -> list[Processor]:
    """Return the processors of one pipeline; often none."""
    choices: tuple[list[Processor], ...] = ([], [Keeping()], [Filtering()], [Failing(chance)])
    return chance.choice(choices)
