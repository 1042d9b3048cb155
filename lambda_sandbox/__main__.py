"""The command: ``python -m lambda_sandbox invoke``.

The function's payloads go to standard output, one a line; everything else to standard error.
Exit status: 0 when every invocation succeeded, 1 when one did not, 2 when nothing could run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_sandbox.core import page, waterfall
from lambda_sandbox.core.process_environment import EXEC_WRAPPER
from lambda_sandbox.edge.interpreter import InterpreterError
from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.edge.packages import PackagesError
from lambda_sandbox.sandbox import Function, Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_sandbox.core.traces import Span

SUCCESS, FUNCTION_ERROR, USAGE_ERROR = 0, 1, 2

WRAPPER_NAME = "otel-instrument"
"""The exec wrapper that OpenTelemetry's Python layers carry, this project's among them."""


class UsageError(Exception):
    """What was asked for makes no sense; the text is one sentence."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _invoke(options)
    except (UsageError, SandboxError, InterpreterError, PackagesError) as error:
        print(f"lambda_sandbox: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return FUNCTION_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lambda_sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    invoke = commands.add_parser("invoke", help="start an environment and invoke a function in it")
    invoke.add_argument("--task", type=Path, required=True, help="the function's folder")
    invoke.add_argument("--handler", required=True, help="module.function")
    invoke.add_argument("--layer", type=Path, help="what /opt holds")
    event = invoke.add_mutually_exclusive_group()
    event.add_argument("--event", default="{}", help="JSON (default: {})")
    event.add_argument("--event-file", type=Path, help="a file of JSON")
    invoke.add_argument(
        "--env", action="append", default=[], metavar="K=V", help="a variable of the function"
    )
    invoke.add_argument(
        "--exec-wrapper",
        metavar="PATH",
        help=f"sets {EXEC_WRAPPER}; /opt/… is in the layer "
        f"(default: the layer's {WRAPPER_NAME}, if it has one; 'none' for none)",
    )
    invoke.add_argument("--timeout", type=float, default=3.0, help="seconds (default: 3)")
    invoke.add_argument("--memory", type=int, default=128, help="MB, reported (default: 128)")
    invoke.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter")
    invoke.add_argument("--count", type=int, default=1, help="how many invocations (default: 1)")
    invoke.add_argument("--no-telemetry", action="store_true", help="as local emulators have it")
    invoke.add_argument("--traces", action="store_true", help="receive traces and draw them")
    invoke.add_argument("--html", type=Path, metavar="FILE", help="write the traces as a page")
    return parser


def _invoke(options: argparse.Namespace) -> int:
    event = _event(options)
    environ = _environ(options)
    with ExitStack() as stack:
        endpoint = None
        if options.traces or options.html:
            endpoint = stack.enter_context(OtlpEndpoint())
            environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint.url
        function = Function(
            task=options.task,
            handler=options.handler,
            layer=options.layer,
            environ=environ,
            name=options.task.resolve().name,
            memory_mb=options.memory,
            timeout_s=options.timeout,
            python=options.python,
        )
        status = _run(function, event, count=options.count, telemetry=not options.no_telemetry)
        if endpoint is not None:
            _show(endpoint.spans(), options.html)
    return status


def _event(options: argparse.Namespace) -> bytes:
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


def _run(function: Function, event: bytes, *, count: int, telemetry: bool) -> int:
    """Invoke the function and print what comes of it; return the exit status."""
    status, shown = SUCCESS, 0
    with Sandbox(function, telemetry=telemetry) as sandbox:
        for _ in range(count):
            outcome = sandbox.invoke(event)
            shown = _show_log(sandbox, shown)
            print(outcome.payload.decode(errors="replace"), flush=True)
            if outcome.function_error:
                status = FUNCTION_ERROR
    _show_log(sandbox, shown)
    return status


def _show_log(sandbox: Sandbox, shown: int) -> int:
    lines = sandbox.logs
    for line in lines[shown:]:
        # The runtime client ends the lines of one record with \r, to keep them together.
        prefix = f"[{line.name}] " if line.source == "extension" else ""
        print(prefix + line.text.replace("\r", "\n"), file=sys.stderr, flush=True)
    return len(lines)


def _show(spans: Sequence[Span], html: Path | None) -> None:
    columns = shutil.get_terminal_size().columns
    print(waterfall.render(spans, columns, color=sys.stderr.isatty()), file=sys.stderr)
    if html is not None:
        html.write_text(page.render(spans, "Traces"), encoding="utf-8")
        print(f"the same as a page: {html.resolve()}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
