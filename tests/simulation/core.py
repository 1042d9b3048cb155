"""The pure core as the composition root makes it, with its parts in reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core import failed_init
from collector_ext.core.delivery.pipelines import Pipelines
from collector_ext.core.platform.metrics import PlatformMetrics
from collector_ext.core.platform.observed import Observed
from collector_ext.core.platform.price import Prices
from collector_ext.core.platform.traces import PlatformTraces
from tests.simulation.bodies import TRACE_ID
from tests.simulation.conditions import pipelines_of, strategy_of, transcoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from collector_ext.core.actions import Say
    from collector_ext.core.initialisation import FailedInit
    from collector_ext.core.lifecycle import Lifecycle
    from collector_ext.core.otlp import Payload
    from tests.simulation.conditions import Conditions
    from tests.simulation.ledger import Sent

VERSION = "0.1.0"


class WatchedPipelines(Pipelines):
    """Those of the lifecycle, with somebody who looks at what it puts in."""

    watch: Callable[[Payload], None]

    def put(self, payloads: Iterable[Payload]) -> list[Say]:
        """Take payloads in."""
        payloads = list(payloads)
        for payload in payloads:
            self.watch(payload)
        return super().put(payloads)


class Core:
    """One process of the collector.

    Args:
        conditions: Of the day.
        chance: Likewise.
        sent: Where new ids are from.
        lifecycle_type: What is simulated: the collector's, or a broken one.
        watch: Takes what the lifecycle hands to the pipelines.
    """

    def __init__(
        self,
        conditions: Conditions,
        chance: Random,
        sent: Sent,
        lifecycle_type: type[Lifecycle],
        watch: Callable[[Payload], None],
    ) -> None:
        self.conditions = conditions
        self._sent = sent
        self.pipelines, self.outboxes = pipelines_of(conditions, chance)
        self.joined = WatchedPipelines(self.pipelines, self.outboxes, transcoded)
        self.joined.watch = watch
        self.strategy = strategy_of(conditions)
        self.lifecycle = lifecycle_type(
            self.joined,
            self.strategy,
            flush_timeout_s=conditions.flush_timeout_s,
            has_telemetry=conditions.has_telemetry,
            root_of=self._root_of,
        )
        self.traces = PlatformTraces(VERSION)
        self.metrics = PlatformMetrics(Prices(1.0, 1.0), {}, VERSION)
        self.observed = Observed(self.lifecycle, self.traces, self.metrics)
        decides = self.observed if conditions.is_observed else self.lifecycle
        self.handle, self.timer_at = decides.handle, decides.timer_at

    def _root_of(self, failure: FailedInit) -> bytes:
        (id_,) = self._sent.new_ids(1)
        return failed_init.root_of(failure, {}, VERSION, TRACE_ID + id_)
