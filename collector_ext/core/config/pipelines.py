"""``service.pipelines``: from which receivers, through which processors, to which exporters.

Source: https://opentelemetry.io/docs/collector/configuration/#pipelines
"""

from __future__ import annotations

from collector_ext.core.config.components import Components
from collector_ext.core.config.configuration import PipelineSettings, type_of
from collector_ext.core.config.kinds import TEXTS, Key
from collector_ext.core.config.section import Section, did_you_mean
from collector_ext.core.otlp import SIGNALS

KEYS = (
    Key("receivers", TEXTS, (), "ids of receivers"),
    Key("processors", TEXTS, (), "ids of processors, in order"),
    Key("exporters", TEXTS, (), "ids of exporters"),
)

_BY_TYPE = {signal.name: signal for signal in SIGNALS}


def read(section: Section, components: Components) -> tuple[PipelineSettings, ...]:
    """Return the pipelines that something comes into and goes out of; the others are noted."""
    found = []
    for name, node in (section.node.mapping or {}).items():
        pipeline = _read_one(Section(node, f"{section.place}.{name}", section.remarks), components)
        if pipeline:
            found.append(pipeline)
    return tuple(found)


def _read_one(section: Section, components: Components) -> PipelineSettings | None:
    signal = _BY_TYPE.get(type_of(section.id))
    if signal is None:
        guess = did_you_mean(type_of(section.id), _BY_TYPE)
        section.complain(f"is of no signal that there is here{guess}; it is left out")
        return None
    values = section.read(KEYS)
    receivers = [name for name in values["receivers"] if components.has_receiver(name, section)]
    if not receivers:
        section.complain("has no receiver that there is here; it is left out")
        return None
    processors = [(name, components.processor(name, section)) for name in values["processors"]]
    exporters = [name for name in values["exporters"] if components.exporter(name, section)]
    if not exporters:
        section.complain(f"has no exporter that can be used; its {signal.items} go nowhere")
        return None
    return PipelineSettings(
        id=section.id,
        signal=signal,
        processors=tuple((name, found) for name, found in processors if found),
        exporters=tuple(dict.fromkeys(exporters)),
    )
