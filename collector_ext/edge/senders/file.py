"""The ``file`` exporter: requests appended to a file, as the Collector's file exporter writes.

A line of OTLP JSON for each request, or requests in protobuf, each after its length in four
bytes, the highest first. A request is in the file whole or not at all.

Source: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/fileexporter
"""

from __future__ import annotations

import os

from collector_ext.core.config.configuration import ExporterSettings
from collector_ext.core.config.kinds import TEXT, Key, ignored, one_of
from collector_ext.core.delivery.failures import CONTENT, LOCAL, Failure
from collector_ext.core.events import Delivered, Failed, Outcome, Refused
from collector_ext.core.otlp import JSON, SIGNALS, ExportRequest, Signal
from collector_ext.core.transcode.from_json import json_to_protobuf
from collector_ext.core.transcode.to_json import to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.configuration import Auth
    from collector_ext.core.config.section import Section
    from collector_ext.edge.log import Log

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

_LENGTH_BYTES = 4

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
"""Telemetry tells of the function's users: it is for the function's own user, as /tmp is."""

# A pipe that nobody reads must hold neither the opening nor the writing.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class File(ExporterSettings):
    """Which file, and what is in it."""

    path: str
    is_json: bool  # a line for each request; else requests in protobuf, each after its length

    def names(self) -> dict[Signal, str]:
        """Return the file for all signals."""
        return dict.fromkeys(SIGNALS, self.path)

    def rows(self) -> list[tuple[str, str]]:
        """Return what each setting came to."""
        return [("path", self.path), ("format", "json" if self.is_json else "proto")]


def read(section: Section, _authenticators: Mapping[str, Auth]) -> File | None:
    """Return the settings that a document has; None when it has no path, which is noted."""
    values = section.read(KEYS)
    if not values["path"]:
        section.complain("has no path; nothing is exported to it")
        return None
    if not values["path"].startswith("/"):
        section.complain("does not begin with /; nothing is exported to it", "path")
        return None
    return File(section.id, values["path"], is_json=values["format"] == "json")


def sender_of(
    settings: File,
    *,
    own_ports: tuple[int, ...],  # noqa: ARG001 - what all senders are given
    log: Log | None = None,  # noqa: ARG001 - what all senders are given
) -> FileSender:
    """Return the sender that the settings ask for; it opens the file for each request.

    Args:
        settings: Of the exporter.
        own_ports: Not asked for here.
        log: Not asked for here.

    Raises:
        ValueError: It cannot be used; the message is a clause that says why.
    """
    if not settings.path.startswith("/"):
        message = f"path {settings.path!r} does not begin with /"
        raise ValueError(message)
    return FileSender(settings)


class FileSender:
    """Append to one file, which is created with its folder.

    It is opened anew for each request, so that whoever moves it away or deletes it starts
    another one.

    Args:
        settings: Which file, and in what format.
    """

    def __init__(self, settings: File) -> None:
        self._settings = settings

    def peer_of(self, _request: ExportRequest) -> object:
        """Return whom a request goes to: there is nobody else."""
        return self

    def send(self, request: ExportRequest, deadline_at: float) -> Outcome:  # noqa: ARG002 - nothing here waits
        """Append one request."""
        try:
            record = _line(request) if self._settings.is_json else _framed(request)
        except ValueError as fault:
            return Refused(request, Failure(CONTENT, f"it cannot be read: {fault}", None))
        try:
            _append(self._settings.path, record)
        except OSError as fault:
            reason = fault.strerror or type(fault).__name__
            reason = f"cannot write to {self._settings.path}: {reason}"
            return Failed(request, Failure(LOCAL, reason, None))
        return Delivered(request, 0, "")

    def close(self) -> None:
        """Nothing is kept open."""


def _line(request: ExportRequest) -> bytes:
    # JSON as it was received may be in lines: between its tokens they are as good as spaces.
    return b" ".join(to_json(request).splitlines()) + b"\n"


def _framed(request: ExportRequest) -> bytes:
    body = request.merged()
    if request.content_type == JSON:
        body = json_to_protobuf(request.signal, body)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def _append(path: str, record: bytes) -> None:
    descriptor = _opened(path)
    try:
        size_bytes = os.fstat(descriptor).st_size
        unwritten = memoryview(record)
        try:
            while unwritten:
                unwritten = unwritten[os.write(descriptor, unwritten) :]
        except OSError:
            _cut_back(descriptor, size_bytes)
            raise
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    try:
        return os.open(path, _FLAGS, _FILE_MODE)
    except FileNotFoundError:
        os.makedirs(path.rpartition("/")[0], _FOLDER_MODE)  # noqa: PTH103 - `pathlib` costs 6 ms
        return os.open(path, _FLAGS, _FILE_MODE)


def _cut_back(descriptor: int, size_bytes: int) -> None:
    """Take back what there was room for: readers shall find whole requests."""
    try:
        os.ftruncate(descriptor, size_bytes)
    except OSError:
        return  # A pipe: what it took, it took.
