"""Pipelines as the variables alone make them: one for each signal, none with processors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.delivery.pipelines import Pipeline, Pipelines
from collector_ext.core.otlp import SIGNALS

if TYPE_CHECKING:
    from collector_ext.core.delivery.outbox import Outbox


def pipelines_to(outbox: Outbox, exporter: str = "otlp", **others: Outbox) -> Pipelines:
    """Return pipelines that end in one outbox, or in several."""
    outboxes = {exporter: outbox, **others}
    pipelines = [Pipeline(signal.name, signal, (), [*outboxes.values()]) for signal in SIGNALS]
    return Pipelines(pipelines, outboxes, lambda _signal, body: body)
