"""The command's arguments: what they mean, and whether they make sense."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from lambda_sandbox.core.process_environment import EXEC_WRAPPER
from lambda_sandbox.core.recording import (
    MalformedRecordingError,
    NotJsonError,
    payload_of,
    recording_of,
)
from lambda_sandbox.function import NAME_LENGTH_MAX, Function, extension_files

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from lambda_sandbox.core.recording import Recorded

WRAPPER_NAME = "otel-instrument"
"""The exec wrapper that OpenTelemetry's Python layers carry, this project's among them."""


class UsageError(Exception):
    """What was asked for makes no sense; the text is one sentence."""


def function_of(options: argparse.Namespace, **variables: str) -> Function:
    """Return the function that is meant, with some variables more.

    Raises:
        UsageError: A variable is none, or an extension cannot be started.
    """
    _check_extensions(options.layer)
    return Function(
        task=options.task,
        handler=options.handler,
        layer=options.layer,
        environ=_environ(options) | variables,
        name=_name(options.task),
        memory_mb=options.memory,
        timeout_s=options.timeout,
        python=options.python,
        initialization_type=options.initialization_type,
        max_concurrency=options.max_concurrency,
    )


def folders_of(function: Function) -> list[Path]:
    """Return where its code is, and its layer's."""
    return [function.task] if function.layer is None else [function.task, function.layer]


def _check_extensions(layer: Path | None) -> None:
    """Say what would become of every invocation: the platform's error names no file."""
    for file in extension_files(layer):
        if not os.access(file, os.X_OK):
            message = f"extension {str(file)!r} is not executable, so Lambda could not launch it"
            raise UsageError(message)


def _name(task: Path) -> str:
    """Name a function like its folder, as far as Lambda allows."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", task.resolve().name)[:NAME_LENGTH_MAX] or "function"


def _environ(options: argparse.Namespace) -> dict[str, str]:
    environ = {}
    for pair in options.env:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            message = f"--env {pair!r} is not NAME=VALUE"
            raise UsageError(message)
        environ[name] = value
    wrapper = options.exec_wrapper
    if wrapper is None and EXEC_WRAPPER not in environ:
        usual = options.layer and options.layer / WRAPPER_NAME
        wrapper = str(usual.resolve()) if usual and usual.is_file() else "none"
    if wrapper not in {None, "none"}:
        environ[EXEC_WRAPPER] = wrapper
    return environ


def event_of(options: argparse.Namespace) -> bytes:
    """Return the event to invoke with.

    Raises:
        UsageError: It cannot be read, or is not JSON.
    """
    text, source = options.event, "the event"
    if options.event_file:
        source = repr(str(options.event_file))
        try:
            text = _content(options.event_file, "the event").decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"{source} is not UTF-8"
            raise UsageError(message) from error
    try:
        return payload_of(text)
    except NotJsonError as error:
        message = f"{source} is not JSON: {error}"
        raise UsageError(message) from error


def recording_in(file: Path) -> list[Recorded]:
    """Return the invocations that a file holds.

    Raises:
        UsageError: It cannot be read, or is not a recording.
    """
    try:
        return recording_of(_content(file, "the recording"))
    except MalformedRecordingError as error:
        message = f"cannot replay {str(file)!r}: {error}"
        raise UsageError(message) from error


def _content(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"cannot read {what} from {str(file)!r}: {error.strerror}"
        raise UsageError(message) from error
