"""The components of a document: which types there are, and where each is read.

Adding one is a module with ``KEYS`` and ``read``, and a line in a table: an authenticator's
is here, a processor's is `collector_ext.core.processors.table`. Exporters act, so theirs is the
edge's, which hands in what reads them.
"""

from __future__ import annotations

from collector_ext.core.config import mapped, receivers
from collector_ext.core.config.configuration import type_of
from collector_ext.core.config.node import NOTHING, Node
from collector_ext.core.config.section import Remarks, Section, did_you_mean
from collector_ext.core.processors import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from collector_ext.core.config.configuration import (
        Auth,
        ExporterSettings,
        GrpcReceiver,
        Processor,
    )
    from collector_ext.core.config.substitution import Substitution

    Read = Callable[[Section, Mapping[str, Auth]], ExporterSettings | None]
    """Returns the settings of an exporter by its section and by the usable extensions; None
    when it cannot work: why is noted."""

    Readers = Mapping[str, Read]
    """By the types of exporters, old and new names alike."""

_HERE = "collector_ext.core.config"

AUTHENTICATORS = {
    "sigv4auth": f"{_HERE}.authenticators.sigv4auth",
    "basicauth": f"{_HERE}.authenticators.basicauth",
    "bearertokenauth": f"{_HERE}.authenticators.bearertokenauth",
}
"""The module of each type of extension that signs requests; the other types mean nothing here."""

RECEIVERS = ("otlp",)

_INSTEAD = {
    "telemetryapi": "OTEL_LAYER_FUNCTION_LOGS, OTEL_LAYER_PLATFORM_SPANS and OTEL_LAYER_METRICS"
}
"""What does the work of a receiver that other layers have. Lambda takes subscriptions until the
environment is initialised, and a document may be read later."""

CLASSES = ("receivers", "processors", "exporters", "extensions", "connectors")


def load(module: str) -> Any:  # noqa: ANN401 - a module, as importlib.import_module has it
    """Return a module by its name."""
    return __import__(module, fromlist=["read"])


class Components:
    """What a document defines; each component is read when a pipeline names it, once.

    Args:
        document: The whole of it.
        substitution: Of its references.
        remarks: Where what is wrong is noted.
        exporters: The types of exporters that there are.
    """

    def __init__(
        self,
        document: dict[str, Node],
        substitution: Substitution,
        remarks: Remarks,
        exporters: Readers,
    ) -> None:
        self._substitution = substitution
        self._remarks = remarks
        self._defined = {name: self._members(name, document.get(name)) for name in CLASSES}
        self._exporter_types = exporters
        self._exporters: dict[str, ExporterSettings | None] = {}
        self._processors: dict[str, Processor | None] = {}
        self._receivers: dict[str, GrpcReceiver | None] = {}
        self._authenticators: dict[str, Auth] | None = None

    @property
    def exporters(self) -> dict[str, ExporterSettings]:
        """Those that were asked for and can be used."""
        return {name: found for name, found in self._exporters.items() if found}

    @property
    def grpc_receiver(self) -> GrpcReceiver | None:
        """The first of those that were asked for."""
        return next((found for found in self._receivers.values() if found), None)

    def has_receiver(self, component_id: str, asker: Section) -> bool:
        """Whether there is a receiver of this id; OTLP/HTTP is received even if it is missing."""
        is_defined = any(component_id in self._defined[k] for k in ("receivers", "connectors"))
        if type_of(component_id) in RECEIVERS and not is_defined:
            found = f"names {component_id}, which is not in receivers"
            asker.complain(f"{found}; OTLP/HTTP is received all the same", "receivers")
            return True
        section = self._find("receivers", component_id, asker, RECEIVERS)
        if section and component_id not in self._receivers:
            self._receivers[component_id] = receivers.read(section)
        return section is not None

    def exporter(self, component_id: str, asker: Section) -> ExporterSettings | None:
        """Return the settings of an exporter, None when it cannot be used; why is noted."""
        section = self._find("exporters", component_id, asker, self._exporter_types)
        if section and component_id not in self._exporters:
            read = self._exporter_types[type_of(component_id)]
            self._exporters[component_id] = read(section, self._usable_authenticators())
        return self._exporters.get(component_id)

    def processor(self, component_id: str, asker: Section) -> Processor | None:
        """Return a processor, None when there is nothing for it to do, or it cannot be used."""
        component_type = type_of(component_id)
        if component_type in mapped.KEYS:
            section = self._find("processors", component_id, asker, mapped.KEYS)
            if section:
                mapped.check(component_type, section)
            return None
        known = (*mapped.KEYS, *table.MODULES)
        section = self._find("processors", component_id, asker, known)
        if section and component_id not in self._processors:
            self._processors[component_id] = load(table.MODULES[component_type]).read(section)
        return self._processors.get(component_id)

    def check_extensions(self, ids: tuple[str, ...], asker: Section) -> None:
        """Note those that are named and mean nothing here."""
        for component_id in ids:
            node = self._defined["extensions"].get(component_id)
            is_here = type_of(component_id) in AUTHENTICATORS
            if node and not is_here:
                place = f"extensions.{component_id}"
                self._remarks.ignore(node.line, f"{place} means nothing here; it is left out")
            elif not is_here:
                found = f"names {component_id}, which means nothing here"
                asker.ignore(f"{found}; it is left out", "extensions")
            elif node is None:
                guess = did_you_mean(component_id, self._defined["extensions"])
                asker.complain(
                    f"names {component_id}, which is not in extensions{guess}", "extensions"
                )

    def _usable_authenticators(self) -> dict[str, Auth]:
        if self._authenticators is None:
            self._authenticators = {}
            for component_id, node in self._defined["extensions"].items():
                module = AUTHENTICATORS.get(type_of(component_id))
                if module:
                    found = load(module).read(self._section("extensions", component_id, node))
                    self._authenticators.update({component_id: found} if found else {})
        return self._authenticators

    def _find(
        self,
        kind: str,
        component_id: str,
        asker: Section,
        types: Collection[str],
    ) -> Section | None:
        """Return the section of a component that there is here; else it is noted."""
        node = self._defined[kind].get(component_id)
        if component_id in self._defined["connectors"] and kind != "processors":
            node = self._defined["connectors"][component_id]
            self._remarks.ignore(
                node.line, f"connectors.{component_id} is not in this collector; it is left out"
            )
            return None
        if node is None:
            guess = did_you_mean(component_id, self._defined[kind])
            asker.complain(
                f"names {component_id}, which is not in {kind}{guess}; it is left out", kind
            )
            return None
        if type_of(component_id) not in types:
            guess = did_you_mean(type_of(component_id), types)
            found = f"{kind}.{component_id} is not in this collector{guess}; it is left out"
            instead = _INSTEAD.get(type_of(component_id)) if kind == "receivers" else None
            self._remarks.complain(node.line, found + (f"; instead: {instead}" if instead else ""))
            return None
        return self._section(kind, component_id, node)

    def _section(self, kind: str, component_id: str, node: Node) -> Section:
        place = f"{kind}.{component_id}"
        expanded = self._substitution.expanded(node, place)
        return Section(expanded, place, self._remarks)

    def _members(self, name: str, node: Node | None) -> dict[str, Node]:
        found = self._substitution.expanded(node, name) if node and node.is_scalar else node
        members = (found or NOTHING).mapping
        if members is None and node:
            self._remarks.complain(node.line, f"{name} is not a mapping; it is read as empty")
        return members or {}
