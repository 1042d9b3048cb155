"""The processor ``filter``: drop what meets a condition.

A span event that meets one is taken out of its span, a data point out of its metric; a metric
without data points goes too. A condition that is not understood is never met.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/filterprocessor
"""

from __future__ import annotations

from collector_ext.core.config.kinds import Key, Kind, mapping, one_of
from collector_ext.core.config.node import Node
from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.processors.condition import understood
from collector_ext.core.processors.condition_paths import (
    DATAPOINT,
    LOG,
    METRIC,
    RESOURCE,
    SCOPE,
    SPAN,
    SPANEVENT,
    Scene,
)
from collector_ext.core.processors.otlp_edit import (
    SPAN_EVENTS,
    edit_items,
    edit_messages,
    edit_points,
)
from collector_ext.core.processors.patterns import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.section import Section
    from collector_ext.core.otlp import Signal
    from collector_ext.core.processors.condition import Condition
    from collector_ext.core.processors.condition_paths import Context

    Conditions = dict[Context, list[Condition]]


def _conditions(node: Node) -> tuple[tuple[str, str], ...]:
    """Return the context, if it is given, and the text of each: of texts, or of groups of them."""
    members = node.content if isinstance(node.content, tuple) else (node,)
    found: list[tuple[str, str]] = []
    for member in members:
        group = member.content if isinstance(member.content, dict) else {}
        context = group.get("context", member).text if "context" in group else ""
        found += [(str(context or ""), text) for text in texts(group.get("conditions", member))]
    return tuple(found)


CONDITIONS = Kind("a list of conditions", _conditions, is_secret=False, keys=())

_BLOCKS: dict[str, dict[str, Context]] = {
    "traces": {"resource": RESOURCE, "span": SPAN, "spanevent": SPANEVENT},
    "metrics": {"resource": RESOURCE, "metric": METRIC, "datapoint": DATAPOINT},
    "logs": {"resource": RESOURCE, "log_record": LOG},
}
_INFERRED = {"trace_conditions": "traces", "metric_conditions": "metrics", "log_conditions": "logs"}


def _block_keys(block: str) -> tuple[Key, ...]:
    return tuple(
        Key(name, CONDITIONS, (), f"paths without a context are of the {context}")
        for name, context in _BLOCKS[block].items()
    )


KEYS = (
    Key(
        "error_mode",
        one_of("ignore", "silent", "propagate"),
        "ignore",
        "without effect: what cannot be evaluated is not met, and nothing is dropped for it",
    ),
    *(
        Key(block, mapping(_block_keys(block)), None, f"conditions on {block}, by context")
        for block in _BLOCKS
    ),
    *(
        Key(name, CONDITIONS, (), f"conditions on {block} whose paths begin with their context")
        for name, block in _INFERRED.items()
    ),
)


def read(section: Section) -> FilterProcessor | None:
    """Return the processor; ``None`` if nothing is left to do for it."""
    values = section.read(KEYS)
    found: dict[str, list[Condition]] = {block: [] for block in _BLOCKS}
    for block, contexts in _BLOCKS.items():
        inner = values[block]
        given = inner.read(_block_keys(block)) if inner is not None else {}
        for name, conditions in given.items():
            for _, text in conditions:
                context = contexts[name]
                found[block] += understood(inner, name, text, context, (context,))
    for name, block in _INFERRED.items():
        for context, text in values[name]:
            here = (RESOURCE, SCOPE, *_BLOCKS[block].values())
            known = [name for name in here if context in {"", name}]
            found[block] += understood(section, name, text, context, known)
    if not any(found.values()):
        section.complain("has no conditions that are understood; it drops nothing")
        return None
    return FilterProcessor(found)


class FilterProcessor:
    """Drop what meets a condition.

    Args:
        conditions: For ``traces``, ``metrics`` and ``logs``.
    """

    def __init__(self, conditions: dict[str, list[Condition]]) -> None:
        self._conditions = conditions

    def process(self, signal: Signal, body: bytes) -> bytes:
        """Return the request without what is dropped."""
        conditions = self._conditions[signal.name]
        if not conditions:
            return body
        part = _PARTS.get(signal, "")
        of_items = [c for c in conditions if c.context != part]
        of_parts = [c for c in conditions if c.context == part]

        def edit_item(resource: bytes, scope: bytes, item: bytes) -> bytes | None:
            messages = {RESOURCE: resource, SCOPE: scope, _ITEMS[signal]: item}
            if _is_dropped(of_items, Scene(messages, 0)):
                return None
            if not of_parts:
                return item
            edit = _edit_events if part == SPANEVENT else _edit_points
            return edit(messages, item, of_parts)

        return edit_items(body, edit_item)


def _is_dropped(conditions: list[Condition], scene: Scene) -> bool:
    return any(condition.is_met(scene) for condition in conditions)


def _edit_events(
    messages: dict[Context, bytes], span: bytes, conditions: list[Condition]
) -> bytes | None:
    def edit(event: bytes) -> bytes | None:
        scene = Scene({**messages, SPANEVENT: event}, 0)
        return None if _is_dropped(conditions, scene) else event

    return edit_messages(span, SPAN_EVENTS, edit, may_be_empty=True)


def _edit_points(
    messages: dict[Context, bytes], metric: bytes, conditions: list[Condition]
) -> bytes | None:
    def edit(attributes: int, point: bytes) -> bytes | None:
        scene = Scene({**messages, DATAPOINT: point}, attributes)
        return None if _is_dropped(conditions, scene) else point

    return edit_points(metric, edit)


_ITEMS = {TRACES: SPAN, METRICS: METRIC, LOGS: LOG}
_PARTS = {TRACES: SPANEVENT, METRICS: DATAPOINT}
