"""``${...}`` in the headers that variables name: keys need no document to be kept elsewhere.

    OTEL_EXPORTER_OTLP_HEADERS=x-api-key=${secretsmanager:orders#key}

Loaded only where there is one. What a reference stands for is not percent-decoded, and may
have commas.
"""

from __future__ import annotations

from collector_ext.core.config.configuration import Configuration, OtlpGrpc, OtlpHttp
from collector_ext.core.config.node import Node, scalar
from collector_ext.core.config.section import Remarks
from collector_ext.core.config.substitution import Substitution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.configuration import ExporterSettings
    from collector_ext.core.secrets import Fault

_MARK = "${"


def resolved(
    configuration: Configuration,
    variables: Mapping[str, str],
    secrets: Mapping[str, str | Fault],
) -> Configuration:
    """Return the configuration with the references in its headers replaced.

    Args:
        configuration: As the variables have it.
        variables: Of the environment, which references may name.
        secrets: What references to secrets stand for, or why that is not known. Those that
            are missing are in the ``secrets`` of what is returned.
    """
    remarks = _HeaderRemarks("")
    substitution = Substitution(variables, secrets, _no_yaml, remarks)
    exporters = {
        name: _with_headers(exporter, substitution)
        for name, exporter in configuration.exporters.items()
    }
    changed = {
        "exporters": exporters,
        "remarks": (*configuration.remarks, *remarks.complaints),
        "secrets": tuple(substitution.unresolved),
    }
    return Configuration(**{**configuration.__dict__, **changed})


def _with_headers(exporter: ExporterSettings, substitution: Substitution) -> ExporterSettings:
    assert isinstance(exporter, OtlpHttp | OtlpGrpc)  # Variables make no others.
    headers = {
        signal: tuple((name, _expanded(name, value, substitution)) for name, value in pairs)
        for signal, pairs in exporter.headers.items()
    }
    return type(exporter)(**{**exporter.__dict__, "headers": headers})


def _expanded(name: str, value: str, substitution: Substitution) -> str:
    if _MARK not in value:
        return value
    return substitution.expanded(scalar(value, 0), f"the header {name}").text or ""


class _HeaderRemarks(Remarks):
    """Remarks that have no file and no lines."""

    def complain(self, line: int, sentence: str) -> None:
        """Note what cannot be used."""
        del line
        self._complaints[sentence] = None


def _no_yaml(_: str) -> Node:
    """Headers are texts, whatever they look like."""
    raise ValueError
