"""Pipelines as the variables alone make them: one for each signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.config.delivery import delivery_from
from collector_ext.core.delivery.outbox import Limits, Outbox
from collector_ext.core.delivery.pipelines import Pipeline, Pipelines
from collector_ext.core.otlp import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.configuration import Processor
    from collector_ext.core.otlp import Signal

DEFAULT_LIMITS = delivery_from({}).limits
HALF = 0.5  # the chance that shortens and lengthens no pause


def outbox_to(
    endpoint_names: Mapping[Signal, str], exporter: str = "otlp", limits: Limits = DEFAULT_LIMITS
) -> Outbox:
    """Return the outbox of one exporter, without chance."""
    return Outbox(exporter, endpoint_names, limits, lambda: HALF)


def pipelines_to(*outboxes: Outbox, processors: tuple[Processor, ...] = ()) -> Pipelines:
    """Return pipelines that end in one outbox, or in several."""
    bytes_max = DEFAULT_LIMITS.buffer_bytes_max
    pipelines = [
        Pipeline(signal.name, signal, processors, outboxes, held_bytes_max=bytes_max)
        for signal in SIGNALS
    ]
    by_exporter = {outbox.exporter: outbox for outbox in outboxes}
    return Pipelines(pipelines, by_exporter, lambda _signal, body: body)
