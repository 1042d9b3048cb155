"""``debug``, formerly ``logging``: what is exported, in the log.

Source: https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/debugexporter
"""

from __future__ import annotations

from collector_ext.core.config.configuration import Auth, Debug
from collector_ext.core.config.kinds import Key, ignored, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.section import Section

_BY_LEVEL = {"debug": "detailed", "info": "normal", "warn": "basic", "error": "basic"}

KEYS = (
    Key("verbosity", one_of("basic", "normal", "detailed"), "basic", "how much is said"),
    Key(
        "loglevel",
        one_of(*_BY_LEVEL),
        "",
        "its former name: debug is detailed, info is normal, warn and error are basic",
    ),
    ignored("sampling_initial", "every export is said"),
    ignored("sampling_thereafter", "every export is said"),
    ignored("use_internal_logger", "there is one log"),
    ignored("output_paths", "there is one log"),
    ignored("sending_queue", "nothing waits for the log"),
)


def read(section: Section, _authenticators: Mapping[str, Auth]) -> Debug:
    """Return the exporter."""
    values = section.read(KEYS)
    is_former = values["loglevel"] and not section.is_set("verbosity")
    return Debug(section.id, _BY_LEVEL[values["loglevel"]] if is_former else values["verbosity"])
