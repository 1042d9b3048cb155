"""The pure core as the composition root makes it, with its parts in reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.conditions import joined, pipelines_of, strategy_of

if TYPE_CHECKING:
    from random import Random

    from collector_ext.core.lifecycle import Lifecycle
    from tests.simulation.conditions import Conditions


class Core:
    """One process of the collector.

    Args:
        conditions: Of the day.
        chance: Likewise.
        lifecycle_type: What is simulated: the collector's, or a broken one.
    """

    def __init__(
        self, conditions: Conditions, chance: Random, lifecycle_type: type[Lifecycle]
    ) -> None:
        self.conditions = conditions
        self.pipelines, self.outboxes = pipelines_of(conditions, chance)
        self.joined = joined(self.pipelines, self.outboxes)
        self.strategy = strategy_of(conditions)
        self.lifecycle = lifecycle_type(
            self.joined,
            self.strategy,
            flush_timeout_s=conditions.flush_timeout_s,
            has_telemetry=conditions.has_telemetry,
        )
