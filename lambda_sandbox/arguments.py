"""The command's arguments: what there is to say, and what it means."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from lambda_sandbox.core.process_environment import EXEC_WRAPPER
from lambda_sandbox.sandbox import Function

WRAPPER_NAME = "otel-instrument"
"""The exec wrapper that OpenTelemetry's Python layers carry, this project's among them."""

NAME_LENGTH_MAX = 64
"""The longest name of a function."""

PORT_MAX = 65_535


class UsageError(Exception):
    """What was asked for makes no sense; the text is one sentence."""


def parser(description: str) -> argparse.ArgumentParser:
    """Return the parser of the command: its options, by subcommand."""
    command = argparse.ArgumentParser(prog="python -m lambda_sandbox", description=description)
    commands = command.add_subparsers(dest="command", required=True)
    invoke = commands.add_parser("invoke", help="start an environment and invoke a function in it")
    _add_environment(invoke)
    event = invoke.add_mutually_exclusive_group()
    event.add_argument("--event", default="{}", help="JSON (default: {})")
    event.add_argument("--event-file", type=Path, help="a file of JSON")
    invoke.add_argument("--count", type=int, default=1, help="how many invocations (default: 1)")
    serve = commands.add_parser("serve", help="serve a function to boto3, aws and curl")
    _add_environment(serve)
    serve.add_argument("--port", type=_port, default=0, help="of 127.0.0.1 (default: any free one)")
    return command


def _add_environment(command: argparse.ArgumentParser) -> None:
    command.add_argument("--task", type=Path, required=True, help="the function's folder")
    command.add_argument("--handler", required=True, help="module.function")
    command.add_argument("--layer", type=Path, help="what /opt holds")
    command.add_argument(
        "--env", action="append", default=[], metavar="K=V", help="a variable of the function"
    )
    command.add_argument(
        "--exec-wrapper",
        metavar="PATH",
        help=f"sets {EXEC_WRAPPER}; /opt/… is in the layer "
        f"(default: the layer's {WRAPPER_NAME}, if it has one; 'none' for none)",
    )
    command.add_argument("--timeout", type=float, default=3.0, help="seconds (default: 3)")
    command.add_argument("--memory", type=int, default=128, help="MB (default: 128)")
    command.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter")
    command.add_argument("--no-telemetry", action="store_true", help="as local emulators have it")
    command.add_argument("--traces", action="store_true", help="receive traces and draw them")
    command.add_argument("--html", type=Path, metavar="FILE", help="write the traces as a page")
    command.add_argument("--explain", action="store_true", help="tell the lifecycle as a timeline")
    command.add_argument(
        "--events", type=Path, metavar="FILE", help="write the platform's events as JSON lines"
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > PORT_MAX:
        message = f"{text!r} is not a port"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def function_of(options: argparse.Namespace, **variables: str) -> Function:
    """Return the function that is meant, with some variables more.

    Raises:
        UsageError: A variable is none.
    """
    return Function(
        task=options.task,
        handler=options.handler,
        layer=options.layer,
        environ=_environ(options) | variables,
        name=_name(options.task),
        memory_mb=options.memory,
        timeout_s=options.timeout,
        python=options.python,
    )


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
            text = options.event_file.read_text(encoding="utf-8")
        except OSError as error:
            message = f"cannot read the event from {source}: {error.strerror}"
            raise UsageError(message) from error
    try:
        json.loads(text)
    except ValueError as error:
        message = f"{source} is not JSON: {error}"
        raise UsageError(message) from error
    return bytes(text, "utf-8")
