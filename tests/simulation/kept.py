"""What one process of the collector keeps for the next one of its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.delivery.spill import newest
from collector_ext.core.events import KeptFound
from tests.simulation.bodies import ids_of
from tests.simulation.ledger import promise

if TYPE_CHECKING:
    from collector_ext.core.actions import Keep
    from collector_ext.core.otlp import Payload
    from tests.simulation.core import Core


class Kept:
    """The files in /tmp, which outlive a process, and end with their environment.

    Args:
        size_bytes_max: Of each exporter's.
    """

    def __init__(self, size_bytes_max: int) -> None:
        self._size_bytes_max = size_bytes_max
        self._payloads: dict[str, tuple[Payload, ...]] = {}

    def keep(self, order: Keep) -> None:
        """Carry out an order, as the store does: the newest that have room."""
        promise(self._size_bytes_max, "something is kept that is not to be")
        self._payloads[order.exporter] = newest(order.payloads, self._size_bytes_max)

    def found(self) -> list[KeptFound]:
        """Return what the next process finds."""
        files = self._payloads.items()
        return [KeptFound(exporter, payloads) for exporter, payloads in files if payloads]

    def check_restored(self, event: KeptFound, core: Core) -> None:
        """Make sure that what was found is accounted for."""
        accounts = core.outboxes[event.exporter].accounts.values()
        found = sum(payload.item_count for payload in event.payloads)
        received = sum(account.received for account in accounts)
        promise(received == found, f"{found} items were kept, {received} are taken up")

    def check_left(self, core: Core) -> None:
        """Make sure that what a process that left calls carried over is what it kept."""
        for name, outbox in core.outboxes.items():
            carried = sum(account.carried for account in outbox.accounts.values())
            kept = len(ids_of(self._payloads.get(name, ())))
            promise(carried == kept, f"{name}: {carried} items are carried over, {kept} are kept")
