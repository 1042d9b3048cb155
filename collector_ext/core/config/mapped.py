"""Processors that are what this collector does by itself: accepted, and there is nothing to do.

``batch``: all that an invocation sent is one request for each signal, however much it is.
``decouple``: the function is answered at once, and data is exported after it has returned.
``memory_limiter``: what waits is held in a buffer of a fixed size, the oldest dropped first.

Their keys are read for what is wrong with them; their values change nothing.
"""

from __future__ import annotations

from collector_ext.core.config.kinds import DURATION, INTEGER, TEXTS, Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.section import Section

_END = "accepted: an export follows the end of the invocation"
_BUFFER = "accepted: what waits is held in a buffer of a fixed size"

KEYS = {
    "batch": (
        Key("timeout", DURATION, None, _END),
        Key("send_batch_size", INTEGER, None, _END),
        Key("send_batch_max_size", INTEGER, None, "accepted: requests stay under 4 MiB"),
        Key("metadata_keys", TEXTS, None, "accepted: what clients send beside OTLP ends here"),
        Key("metadata_cardinality_limit", INTEGER, None, "accepted, as metadata_keys"),
    ),
    "decouple": (Key("max_queue_size", INTEGER, None, _BUFFER),),
    "memory_limiter": (
        Key("check_interval", DURATION, None, _BUFFER),
        Key("limit_mib", INTEGER, None, _BUFFER),
        Key("spike_limit_mib", INTEGER, None, _BUFFER),
        Key("limit_percentage", INTEGER, None, _BUFFER),
        Key("spike_limit_percentage", INTEGER, None, _BUFFER),
        Key("min_gc_interval_when_soft_limited", DURATION, None, _BUFFER),
        Key("min_gc_interval_when_hard_limited", DURATION, None, _BUFFER),
    ),
}
"""The keys of each, by its type."""


def check(component_type: str, section: Section) -> None:
    """Note what is wrong with the section of one of these."""
    section.read(KEYS[component_type])
