"""Pieces of a Collector's document, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from collector_ext.core.config import document
from collector_ext.core.config.configuration import Configuration, Tls
from collector_ext.core.config.section import Remarks, Section
from collector_ext.core.config.substitution import Substitution
from collector_ext.edge.senders import table
from collector_ext.edge.yaml_document import compose

FILE = "collector.yaml"


def section(text: str, place: str = "exporters.x") -> Section:
    """Return the mapping that a text of YAML is."""
    return Section(compose(text), place, Remarks(FILE))


def read(text: str, resolved=None, **variables: str) -> Configuration:
    """Return the configuration that a document makes with these variables."""
    remarks = Remarks(FILE)
    substitution = Substitution(variables, resolved or {}, compose, remarks)
    return document.read(compose(text), substitution, remarks, table.readers())


def members(text: str) -> dict[str, Any]:
    """Return the members of the mapping that a text of YAML is; of any kind."""
    return compose(text).mapping or {}


def exporter_of(configuration: Configuration, name: str) -> Any:
    """Return an exporter by its id."""
    return configuration.exporters[name]


def tls(**settings) -> Tls:
    """Return the settings of TLS as they are unless something else is said."""
    texts = dict.fromkeys(Tls.__annotations__, "")
    return Tls(
        **{**texts, "is_plain": False, "is_unverified": False, "version_min": "1.2", **settings}
    )
