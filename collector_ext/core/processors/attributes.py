"""The processor ``attributes``: actions on those of spans, data points and log records.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/attributesprocessor
"""

from __future__ import annotations

from collector_ext.core.config.kinds import Key, mapping
from collector_ext.core.processors.actions import ACTIONS, apply, read_actions
from collector_ext.core.processors.matching import MATCH_KEYS, Item, read_match
from collector_ext.core.processors.otlp_edit import edit_item_attributes, edit_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.section import Section
    from collector_ext.core.otlp import Signal
    from collector_ext.core.processors.actions import Action
    from collector_ext.core.processors.matching import Match

KEYS = (
    Key("actions", ACTIONS, (), "what is done, in this order"),
    Key("include", mapping(MATCH_KEYS), None, "what it is done to; everything without"),
    Key("exclude", mapping(MATCH_KEYS), None, "what of that it is not done to"),
)


def read(section: Section) -> AttributesProcessor | None:
    """Return the processor; ``None`` if nothing is left to do for it."""
    values = section.read(KEYS)
    actions = read_actions(values["actions"])
    if not actions:
        section.complain("has no actions; it does nothing")
        return None
    include, exclude = read_match(values["include"]), read_match(values["exclude"])
    if section.is_set("include") and include is None:
        section.complain("does nothing: it is not known what it is for", "include")
        return None
    return AttributesProcessor(actions, include, exclude)


class AttributesProcessor:
    """Change the attributes of what is included and not excluded."""

    def __init__(self, actions: list[Action], include: Match | None, exclude: Match | None) -> None:
        self._actions = actions
        self._include = include
        self._exclude = exclude

    def process(self, signal: Signal, body: bytes) -> bytes:
        """Return the request with its attributes changed."""

        def edit(resource: bytes, scope: bytes, item: bytes) -> bytes | None:
            if not self._is_for(Item(signal, resource, scope, item)):
                return item
            return edit_item_attributes(signal, item, lambda found: apply(self._actions, found))

        return edit_items(body, edit)

    def _is_for(self, item: Item) -> bool:
        if self._include is not None and not self._include(item):
            return False
        return self._exclude is None or not self._exclude(item)
