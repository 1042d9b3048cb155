"""Which processors there are, and which module each is.

A processor's module has ``KEYS``, the table of its keys, and ``read(section)``, which returns
the processor, or ``None`` where there is nothing to do; it is imported when it is configured.
"""

from __future__ import annotations

MODULES = {
    "attributes": "collector_ext.core.processors.attributes",
    "filter": "collector_ext.core.processors.filter",
    "probabilistic_sampler": "collector_ext.core.processors.probabilistic_sampler",
    "redaction": "collector_ext.core.processors.redaction",
    "resource": "collector_ext.core.processors.resource",
    "tail_sampling": "collector_ext.core.processors.tail_sampling",
}
"""The type of the component: its module."""
