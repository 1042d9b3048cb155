"""Carries out what is ordered about the payloads that outlive this process.

Loaded when spilling is configured. A folder that cannot be used is said once for each reason,
and stops nothing else.
"""

from __future__ import annotations

from collector_ext.core.actions import WARN
from collector_ext.edge.spill_store import SpillError, SpillStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collector_ext.core.otlp import Payload


class Keeper:
    """Keep payloads for the next process of the environment.

    Args:
        store: Where.
        say: Writes a line to the log.
    """

    def __init__(self, store: SpillStore, say: Callable[[str, str], None]) -> None:
        self._store = store
        self._say = say
        self._said: set[str] = set()

    def kept(self) -> dict[str, tuple[Payload, ...]]:
        """Return what an earlier process has kept, by the ids of the exporters."""
        try:
            kept, remarks = self._store.read_all()
        except SpillError as fault:
            self._say_once(str(fault))
            return {}
        for remark in remarks:
            self._say_once(remark)
        return kept

    def keep(self, exporter: str, payloads: Sequence[Payload]) -> None:
        """Keep these, and none that were kept for the exporter before."""
        try:
            self._store.write(exporter, payloads)
        except SpillError as fault:
            self._say_once(f"{fault}; a reset of the environment loses what waits")

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(WARN, text)
