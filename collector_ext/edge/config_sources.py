"""Where the configuration comes from: a Collector's document, or the variables alone.

As `opentelemetry-lambda` has it: one URI, ``OPENTELEMETRY_COLLECTOR_CONFIG_URI``; its former
name; a document at a fixed path, which this layer does not have and another one may bring.
Where there is none of these, nothing but variables is read, and no more than this is loaded.
"""

from __future__ import annotations

from collector_ext.core.config.variables import configuration_from, has_endpoint
from collector_ext.edge import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from collector_ext.core.config.configuration import Configuration
    from collector_ext.core.secrets import Fault

    class Source(Protocol):
        """What a configuration is read from."""

        name: str  # for messages: without secrets

        def configuration(self, secrets: Mapping[str, str | Fault]) -> Configuration:
            """Return it.

            Args:
                secrets: What its references to secrets stand for, or why that is not known.
                    Those that are missing are in its ``secrets``.
            """


URI = "OPENTELEMETRY_COLLECTOR_CONFIG_URI"
FORMER_URI = "OPENTELEMETRY_COLLECTOR_CONFIG_FILE"
DEFAULT_PATH = "/opt/collector-config/config.yaml"


class Variables:
    """The variables alone."""

    name = "variables"

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def configuration(self, secrets: Mapping[str, str | Fault]) -> Configuration:
        """Return what they say.

        Args:
            secrets: What references in headers stand for, or why that is not known.
        """
        found = configuration_from(self._variables)
        if not any("HEADERS" in n and "${" in value for n, value in self._variables.items()):
            return found
        # 4 ms: only where a header refers to something.
        from collector_ext.core.config import header_references  # noqa: PLC0415

        return header_references.resolved(found, self._variables, secrets)


def source_from(variables: Mapping[str, str], *, default_path: str = DEFAULT_PATH) -> Source:
    """Return the source that the environment names.

    Args:
        variables: Of the environment.
        default_path: Of a document that counts when none is named.
    """
    for name in (URI, FORMER_URI):
        uri = variables.get(name, "").strip()
        if uri:
            return document(uri, variables, named_by=name)
    if files.is_there(default_path):
        return document(default_path, variables, named_by="")
    return Variables(variables)


def document(uri: str, variables: Mapping[str, str], *, named_by: str) -> Source:
    """Return the source that is a Collector's document.

    Args:
        uri: A path, or ``file:``, ``env:``, ``yaml:``, ``http:``, ``https:``, ``s3:`` or
            ``secretsmanager:`` and what follows.
        variables: For its references, and to fall back to when it cannot be read.
        named_by: The variable that has the URI; empty for none.
    """
    # 25 ms with PyYAML: only when there is one.
    from collector_ext.edge.config_document import Document  # noqa: PLC0415

    fallback = Variables(variables) if has_endpoint(variables) else None
    return Document(uri, variables, named_by=named_by, fallback=fallback)
