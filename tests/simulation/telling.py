"""A day in words, for whoever replays it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.actions import Action, Export, Keep, Say
from collector_ext.core.events import Delivered, Event, ExportFinished, KeptFound, PayloadReceived
from tests.simulation.bodies import ids_of, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector_ext.core.events import Outcome
    from collector_ext.core.otlp import Payload


def event_text(event: Event) -> str:
    """Return what happened."""
    if isinstance(event, PayloadReceived):
        whose = f" of {event.request_id}" if event.request_id else ""
        size = len(event.payload.body)
        return (
            f"payload {event.phase or 'ordinary'}{whose}: {_items([event.payload])}, {size} bytes"
        )
    if isinstance(event, ExportFinished):
        outcomes = "; ".join(_outcome(outcome) for outcome in event.outcomes)
        return f"{event.exporter} has finished: {outcomes}"
    if isinstance(event, KeptFound):
        return f"kept for {event.exporter}: {_items(event.payloads)}"
    return repr(event)


def action_text(action: Action) -> str:
    """Return what was ordered."""
    if isinstance(action, Export):
        requests = "; ".join(_items(request.payloads) for request in action.requests)
        return f"export by {action.exporter} until {action.deadline_at:.3f}: {requests}"
    if isinstance(action, Keep):
        return f"keep for {action.exporter}: {_items(action.payloads)}"
    if isinstance(action, Say):
        return f"say {action.level} {action.text}"
    return repr(action)


def _items(payloads: Iterable[Payload]) -> str:
    payloads = list(payloads)
    signals = "+".join(dict.fromkeys(payload.signal.name for payload in payloads))
    return f"{signals} {' '.join(shown(id_) for id_ in ids_of(payloads))}"


def _outcome(outcome: Outcome) -> str:
    items = _items(outcome.request.payloads)
    if isinstance(outcome, Delivered):
        return f"delivered {items}, {outcome.rejected_count} rejected"
    return f"{type(outcome).__name__.lower()} {items}: {outcome.failure.kind.name}"
