"""The processor ``resource``: actions on the attributes of resources.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/resourceprocessor
"""

from __future__ import annotations

from collector_ext.core.config.kinds import Key
from collector_ext.core.processors.actions import ACTIONS, apply, read_actions
from collector_ext.core.processors.otlp_edit import edit_resource_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.section import Section
    from collector_ext.core.otlp import Signal
    from collector_ext.core.processors.actions import Action

KEYS = (Key("attributes", ACTIONS, (), "what is done, in this order"),)


def read(section: Section) -> ResourceProcessor | None:
    """Return the processor; ``None`` if nothing is left to do for it."""
    actions = read_actions(section.read(KEYS)["attributes"])
    if not actions:
        section.complain("has no attributes to act on; it does nothing")
        return None
    return ResourceProcessor(actions)


class ResourceProcessor:
    """Change the attributes of every resource."""

    def __init__(self, actions: list[Action]) -> None:
        self._actions = actions

    def process(self, signal: Signal, body: bytes) -> bytes:  # noqa: ARG002 - resources are alike
        """Return the request with its resources changed."""
        return edit_resource_attributes(body, lambda found: apply(self._actions, found))
