"""A Collector's document: the configuration that its YAML says.

Schema: https://opentelemetry.io/docs/collector/configuration/
"""

from __future__ import annotations

from collector_ext.core.config import pipelines
from collector_ext.core.config.components import CLASSES, Components
from collector_ext.core.config.configuration import Configuration
from collector_ext.core.config.kinds import ANYTHING, TEXTS, Key, Kind, ignored
from collector_ext.core.config.node import NOTHING, Node
from collector_ext.core.config.section import Remarks, Section

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.components import Readers
    from collector_ext.core.config.substitution import Substitution

_BY_ID = Kind("a mapping by ids", ANYTHING.convert, is_secret=False, keys=())

KEYS = (
    *(Key(name, _BY_ID, None, f"the {name}, by their ids: type or type/name") for name in CLASSES),
    Key("service", _BY_ID, None, "which of them take part"),
)

SERVICE_KEYS = (
    Key("pipelines", _BY_ID, None, "by their ids: traces, metrics or logs, or traces/name"),
    Key("extensions", TEXTS, (), "ids of extensions"),
    ignored("telemetry", "this collector writes one line for each change of its state"),
)


def read(
    root: Node, substitution: Substitution, remarks: Remarks, exporters: Readers
) -> Configuration:
    """Return what a document says; what is wrong with it is in the remarks.

    Args:
        root: Of the document.
        substitution: Of its references. Those to the outside that it does not know are named
            in ``secrets``: read again with them.
        remarks: The same that the substitution notes in.
        exporters: The types of exporters that there are.
    """
    document = Section(root, "the document", remarks)
    if root.mapping is None:
        document.complain("is not a mapping; nothing is exported")
        return Configuration({}, (), None, remarks.complaints, ignored=(), secrets=())
    _check_keys(root, remarks)
    components = Components(root.mapping, substitution, remarks, exporters)
    service_node = substitution.expanded(root.mapping.get("service", NOTHING), "service")
    service = Section(service_node, "service", remarks)
    values = service.read(SERVICE_KEYS)
    components.check_extensions(values["extensions"], service)
    found = pipelines.read(_pipelines(service), components)
    return Configuration(
        exporters=components.exporters,
        pipelines=found,
        grpc_receiver=components.grpc_receiver if found else None,
        remarks=remarks.complaints,
        ignored=remarks.ignored,
        secrets=tuple(substitution.unresolved),
    )


def _check_keys(root: Node, remarks: Remarks) -> None:
    # Their places are without a prefix: `exporters`, not `the document.exporters`.
    section = Section(root, "", remarks)
    section.read(KEYS)


def _pipelines(service: Section) -> Section:
    node = (service.node.mapping or {}).get("pipelines", NOTHING)
    section = Section(node, "service.pipelines", service.remarks)
    if not node.mapping:
        line = node.line or service.node.line or 1
        service.remarks.complain(line, "service.pipelines has no pipelines; nothing is exported")
        return Section(NOTHING, section.place, service.remarks)
    return section
