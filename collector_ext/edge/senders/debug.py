"""The ``debug`` exporter, formerly ``logging``: telemetry as lines of the collector's own log.

The log is this process's stdout. Its lines never come back as telemetry: the collector
subscribes to the platform's events, and not to what extensions write.

Source: https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/debugexporter
"""

from __future__ import annotations

from collector_ext.core import debug_text
from collector_ext.core.config.configuration import ExporterSettings
from collector_ext.core.config.kinds import Key, ignored, one_of
from collector_ext.core.delivery.failures import CONTENT, Failure
from collector_ext.core.events import Delivered, Outcome, Refused
from collector_ext.core.otlp import JSON, SIGNALS, ExportRequest, Signal
from collector_ext.core.transcode.from_json import json_to_protobuf
from collector_ext.core.transcode.to_json import protobuf_to_json
from collector_ext.edge.log import INFO, Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.configuration import Auth
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


class Debug(ExporterSettings):
    """What is said."""

    verbosity: str  # basic, normal or detailed

    def names(self) -> dict[Signal, str]:
        """Return the log for all signals."""
        return dict.fromkeys(SIGNALS, "the log")

    def rows(self) -> list[tuple[str, str]]:
        """Return what each setting came to."""
        return [("verbosity", self.verbosity)]


def read(section: Section, _authenticators: Mapping[str, Auth]) -> Debug:
    """Return the settings that a document has."""
    values = section.read(KEYS)
    is_former = values["loglevel"] and not section.is_set("verbosity")
    return Debug(section.id, _BY_LEVEL[values["loglevel"]] if is_former else values["verbosity"])


def sender_of(
    settings: Debug,
    *,
    own_ports: tuple[int, ...],  # noqa: ARG001 - what all senders are given
    log: Log | None = None,
) -> DebugSender:
    """Return the sender that the settings ask for.

    Args:
        settings: Of the exporter.
        own_ports: Not asked for here.
        log: Where the lines go; by default lines of text.
    """
    return DebugSender(settings, log or Log(is_json=False))


class DebugSender:
    """Say what is exported.

    Args:
        settings: Its id begins each line.
        log: Where the lines go.
    """

    def __init__(self, settings: Debug, log: Log) -> None:
        self._settings = settings
        self._log = log

    def peer_of(self, _request: ExportRequest) -> object:
        """Return whom a request goes to: there is nobody else."""
        return self

    def send(self, request: ExportRequest, deadline_at: float) -> Outcome:  # noqa: ARG002 - a log has no peer to wait for
        """Write the lines of one request."""
        body = request.merged()
        try:
            if request.content_type == JSON:
                body = json_to_protobuf(request.signal, body)
            content = protobuf_to_json(request.signal, body)
        except ValueError as fault:
            return Refused(request, Failure(CONTENT, f"it cannot be read: {fault}", None))
        for line in debug_text.lines(request.signal, content, self._settings.verbosity):
            self._log.say(INFO, f"{self._settings.id}: {line}")
        return Delivered(request, 0, "")

    def close(self) -> None:
        """Nothing is kept open."""
