"""What the function sent and what the endpoints accepted, by the ids of the items.

The simulation's own record, against which the collector's is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.events import Delivered
from collector_ext.core.otlp import SIGNALS
from tests.simulation.bodies import id_of, ids_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from itertools import count

    from collector_ext.core.events import ExportFinished
    from collector_ext.core.otlp import ExportRequest, Signal


class BrokenPromiseError(Exception):
    """The collector did not do as it promises."""


def promise(kept: object, broken: str) -> None:
    """Make sure that a promise is kept.

    Raises:
        BrokenPromiseError: It is not.
    """
    if not kept:
        raise BrokenPromiseError(broken)


class Sent:
    """What the function of one environment has sent.

    Attributes:
        ended: The ids of items that were sent for good, in their order; the newest last.
    """

    def __init__(self, numbers: count[int]) -> None:
        self._numbers = numbers
        self.ended: dict[Signal, dict[bytes, None]] = {signal: {} for signal in SIGNALS}

    def new_ids(self, how_many: int) -> list[bytes]:
        """Return ids that no item has had."""
        return [id_of(next(self._numbers)) for _ in range(how_many)]


class Accepted:
    """What one endpoint accepted.

    Attributes:
        told: The ids of which the collector knows that they were delivered.
        untold_count: How often an item was accepted without its knowledge.
    """

    def __init__(self, exporter: str) -> None:
        self.exporter = exporter
        self.told: set[bytes] = set()
        self.untold_count = 0
        self._ids: set[bytes] = set()

    def sent(self, requests: Iterable[ExportRequest]) -> None:
        """Note an order; nothing in it may be known to be delivered, or be there twice."""
        ids = ids_of(payload for request in requests for payload in request.payloads)
        twice = self.told.intersection(ids)
        promise(not twice, f"{self.exporter} is sent {_some(twice)}, which it has")
        promise(len(ids) == len(set(ids)), f"{self.exporter} is sent an item twice at once")

    def accept(self, request: ExportRequest) -> None:
        """Note that the endpoint has a request."""
        ids = ids_of(request.payloads)
        self.untold_count += len(self._ids.intersection(ids))
        self._ids.update(ids)

    def tell(self, event: ExportFinished) -> None:
        """Note what the collector is told of it."""
        for outcome in event.outcomes:
            if isinstance(outcome, Delivered):
                self.told.update(ids_of(outcome.request.payloads))


def _some(ids: set[bytes]) -> str:
    return ", ".join(shown(id_) for id_ in sorted(ids)[:3])
