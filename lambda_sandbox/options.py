"""The command's options: what there is to say, and within which bounds."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lambda_sandbox.arguments import WRAPPER_NAME, UsageError
from lambda_sandbox.core.function import (
    MAX_CONCURRENCY_DEFAULT,
    MAX_CONCURRENCY_MAX,
    ON_DEMAND,
    InitializationType,
)
from lambda_sandbox.core.process_environment import EXEC_WRAPPER
from lambda_sandbox.function import MEMORY_MB_MAX, MEMORY_MB_MIN, TIMEOUT_S_MAX

if TYPE_CHECKING:
    from typing import NoReturn

PORT_MAX = 65_535


class _Parser(argparse.ArgumentParser):
    """Says what is wrong as everything else does: in one sentence, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def parser(description: str) -> argparse.ArgumentParser:
    """Return the parser of the command: its options, by subcommand."""
    command = _Parser(prog="python -m lambda_sandbox", description=description)
    commands = command.add_subparsers(dest="command", required=True)
    _add_invoke(
        commands.add_parser("invoke", help="start an environment and invoke a function in it")
    )
    _add_replay(commands.add_parser("replay", help="invoke a function as was recorded"))
    _add_serve(commands.add_parser("serve", help="serve a function to boto3, aws and curl"))
    return command


def _add_invoke(invoke: argparse.ArgumentParser) -> None:
    _add_environment(invoke)
    _add_record(invoke)
    event = invoke.add_mutually_exclusive_group()
    event.add_argument("--event", default="{}", help="JSON (default: {})")
    event.add_argument("--event-file", type=Path, help="a file of JSON")
    invoke.add_argument("--count", type=_count, default=1, help="how many invocations (default: 1)")
    invoke.set_defaults(watch=False)


def _add_replay(replay: argparse.ArgumentParser) -> None:
    replay.add_argument(
        "recording", type=Path, metavar="FILE", help="one invocation a line: what --record wrote"
    )
    _add_environment(replay)
    replay.add_argument(
        "--pace",
        choices=("real", "none"),
        default="none",
        help="real: as long after each other as recorded (default: none, one after the other)",
    )
    replay.set_defaults(watch=False, record=None)


def _add_serve(serve: argparse.ArgumentParser) -> None:
    _add_environment(serve)
    _add_record(serve)
    serve.add_argument("--port", type=_port, default=0, help="of 127.0.0.1 (default: any free one)")
    serve.add_argument(
        "--watch",
        action="store_true",
        help="when the task or the layer changes, go on with a fresh environment",
    )


def _add_record(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--record", type=Path, metavar="FILE", help="write the invocations down, for replay"
    )


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
    command.add_argument(
        "--timeout", type=_timeout_s, default=3.0, help="seconds, up to 900 (default: 3)"
    )
    command.add_argument(
        "--memory", type=_memory_mb, default=128, help="MB, from 128 to 10240 (default: 128)"
    )
    command.add_argument("--no-memory-limit", action="store_true", help="let it use more than that")
    command.add_argument(
        "--cpu-share",
        action="store_true",
        help="slow it down to the share of a CPU that goes with the memory size",
    )
    command.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter")
    command.add_argument(
        "--initialization-type",
        choices=get_args(InitializationType),
        default=ON_DEMAND,
        metavar="TYPE",
        help=f"{', '.join(get_args(InitializationType))} (default: {ON_DEMAND})",
    )
    command.add_argument(
        "--max-concurrency",
        type=_concurrency,
        default=MAX_CONCURRENCY_DEFAULT,
        metavar="N",
        help=f"workers of a managed instance (default: {MAX_CONCURRENCY_DEFAULT})",
    )
    command.add_argument("--no-telemetry", action="store_true", help="as local emulators have it")
    command.add_argument("--traces", action="store_true", help="receive traces and draw them")
    command.add_argument("--html", type=Path, metavar="FILE", help="write the traces as a page")
    command.add_argument("--explain", action="store_true", help="tell the lifecycle as a timeline")
    command.add_argument(
        "--events", type=Path, metavar="FILE", help="write the platform's events as JSON lines"
    )


def _port(text: str) -> int:
    return _whole(text, 0, PORT_MAX, "a port")


def _count(text: str) -> int:
    return _whole(text, 1, None, "a number of invocations")


def _concurrency(text: str) -> int:
    return _whole(text, 1, MAX_CONCURRENCY_MAX, f"a number from 1 to {MAX_CONCURRENCY_MAX}")


def _memory_mb(text: str) -> int:
    what = f"a number of MB from {MEMORY_MB_MIN} to {MEMORY_MB_MAX}"
    return _whole(text, MEMORY_MB_MIN, MEMORY_MB_MAX, what)


def _whole(text: str, least: int, most: int | None, what: str) -> int:
    # No more digits than any of them needs: Python refuses to read very long numbers.
    if re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= (most or int(text)):
        return int(text)
    message = f"{text!r} is not {what}"
    raise argparse.ArgumentTypeError(message)


def _timeout_s(text: str) -> float:
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = 0.0
    if 0 < timeout_s <= TIMEOUT_S_MAX:
        return timeout_s
    message = f"{text!r} is not a number of seconds, more than 0 and up to {TIMEOUT_S_MAX:.0f}"
    raise argparse.ArgumentTypeError(message)
