"""Sections of a configuration, made of plain data, and telemetry to process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from collector_ext.core.config.node import Node
from collector_ext.core.config.section import Remarks, Section

if TYPE_CHECKING:
    from types import ModuleType


def node_of(data: object, line: int = 1) -> Node:
    """Return data as the node that YAML would make of it; every member is on a line of its own."""
    if isinstance(data, dict):
        members = enumerate(data.items(), start=line + 1)
        return Node({name: node_of(value, at) for at, (name, value) in members}, None, line)
    if isinstance(data, list):
        return Node(tuple(node_of(value, line) for value in data), None, line)
    if isinstance(data, bool):
        return Node(data, str(data).lower(), line)
    assert isinstance(data, (str, int, float)) or data is None
    return Node(data, "" if data is None else str(data), line)


def section_of(data: object) -> Section:
    """Return a section of a file ``f`` with this in it."""
    return Section(node_of(data), "processors.x", Remarks("f"))


def read_with(module: ModuleType, data: dict[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """Return what a component's module makes of this, and its complaints."""
    section = section_of(data)
    return module.read(section), section.remarks.complaints


def processor_of(module: ModuleType, data: dict[str, Any]) -> Any:
    """Return the processor that this configures, without a complaint."""
    processor, complaints = read_with(module, data)
    assert complaints == ()
    return processor
