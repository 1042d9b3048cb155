"""``file``: what is exported, appended to a file.

Source: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/fileexporter
"""

from __future__ import annotations

from collector_ext.core.config.configuration import Auth, File
from collector_ext.core.config.kinds import TEXT, Key, ignored, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.section import Section

_NO_ROTATION = "the file grows; /tmp lives as long as its environment"

KEYS = (
    Key("path", TEXT, "", "of the file; /tmp is the only place that can be written to"),
    Key(
        "format",
        one_of("json", "proto"),
        "json",
        "a line of OTLP JSON for each request, or requests in protobuf, each after its length",
    ),
    ignored("append", "it always is"),
    ignored("rotation", _NO_ROTATION),
    ignored("compression", "lines are for reading"),
    ignored("flush_interval", "each request is written at once"),
    ignored("group_by", "there is one file"),
    ignored("encoding", "see format"),
    ignored("create_directory", "the folder is created when it is missing"),
)


def read(section: Section, _authenticators: Mapping[str, Auth]) -> File | None:
    """Return the exporter, None when it has no path; that is noted."""
    values = section.read(KEYS)
    if not values["path"]:
        section.complain("has no path; nothing is exported to it")
        return None
    if not values["path"].startswith("/"):
        section.complain("does not begin with /; nothing is exported to it", "path")
        return None
    return File(section.id, values["path"], is_json=values["format"] == "json")
