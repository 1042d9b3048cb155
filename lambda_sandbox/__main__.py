"""The command: ``python -m lambda_sandbox invoke``, ``replay`` and ``serve``.

The function's payloads go to standard output, one a line; everything else to standard error.
Exit status: 0 when every invocation succeeded, 1 when one did not, 2 when nothing could run or a
file could not be written.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_sandbox.arguments import (
    UsageError,
    event_of,
    folders_of,
    function_of,
    recording_in,
)
from lambda_sandbox.core.function import ON_DEMAND
from lambda_sandbox.core.recording import Recorded
from lambda_sandbox.core.views import page, waterfall
from lambda_sandbox.edge.folder_watch import FolderWatch
from lambda_sandbox.edge.interpreter import InterpreterError
from lambda_sandbox.edge.invoke_server import InvokeServer, PortError
from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.edge.packages import PackagesError
from lambda_sandbox.edge.recording import Pace, Recorder
from lambda_sandbox.edge.succession import Succession
from lambda_sandbox.options import parser
from lambda_sandbox.sandbox import Sandbox, SandboxError
from lambda_sandbox.screen import Screen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from lambda_sandbox.function import Function

SUCCESS, FUNCTION_ERROR, USAGE_ERROR = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    try:
        options = parser(__doc__).parse_args(arguments)
        return {"invoke": _invoke, "replay": _replay, "serve": _serve}[options.command](options)
    except (UsageError, SandboxError, InterpreterError, PackagesError, PortError) as error:
        # What pip says has lines of its own.
        print("lambda_sandbox:", "; ".join(str(error).splitlines()), file=sys.stderr)
        return USAGE_ERROR
    except BrokenPipeError:  # whoever read what we print has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the rest of it
        return FUNCTION_ERROR
    except OSError as error:
        print("lambda_sandbox:", error, file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return FUNCTION_ERROR


def _invoke(options: argparse.Namespace) -> int:
    return _run(options, [Recorded(event_of(options))] * options.count)


def _replay(options: argparse.Namespace) -> int:
    return _run(
        options, recording_in(options.recording), Pace() if options.pace == "real" else None
    )


def _run(
    options: argparse.Namespace, recording: Sequence[Recorded], pace: Pace | None = None
) -> int:
    status = SUCCESS
    with _recorder(options.record) as recorder, _watched(options) as (sandbox, screen):
        for recorded in recording:
            if pace is not None:
                pace.wait(recorded.since_previous_s)
            if recorder is not None:
                recorder.record(recorded.payload)
            outcome = sandbox.invoke(
                recorded.payload,
                trace_header=recorded.trace_header,
                client_context=recorded.client_context,
            )
            screen.catch_up()
            print(outcome.payload.decode(errors="replace"), flush=True)
            if outcome.function_error:
                status = FUNCTION_ERROR
    return status


def _serve(options: argparse.Namespace) -> int:
    # Whoever ends it, a person or a supervisor, it ends in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        _recorder(options.record) as recorder,
        _watched(options) as (sandbox, screen),
        InvokeServer(
            sandbox, port=options.port, record=recorder.record if recorder else None
        ) as server,
    ):
        try:
            print(_how_to_call(server, sandbox.facts.name), flush=True)
            screen.follow()
        except KeyboardInterrupt:
            print("shutting down; once more ends it at once", file=sys.stderr, flush=True)
    return SUCCESS


@contextmanager
def _watched(options: argparse.Namespace) -> Iterator[tuple[Sandbox | Succession, Screen]]:
    """Run a sandbox, and show the end of its story when it has ended, however it did."""
    with (
        _endpoint(wanted=options.traces or options.html) as endpoint,
        _written(options.html, "the page") as html,
        _written(options.events, "the events") as events,
        ExitStack() as at_the_end,
    ):
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url} if endpoint else {}
        with _environments(options, function_of(options, **variables)) as sandbox:
            screen = Screen(sandbox, sys.stderr, explained=options.explain, events=events)
            if endpoint is not None:
                at_the_end.callback(_draw, endpoint, html)
            at_the_end.callback(screen.finish)
            yield sandbox, screen


@contextmanager
def _environments(
    options: argparse.Namespace, function: Function
) -> Iterator[Sandbox | Succession]:
    """Run one environment, or a fresh one whenever the function has changed."""
    # Before anybody invokes: that is what the other types are for.
    in_advance = function.initialization_type != ON_DEMAND

    def start() -> Sandbox:
        return Sandbox(
            function,
            telemetry=not options.no_telemetry,
            enforce_memory=not options.no_memory_limit,
            cpu_share=options.cpu_share,
        )

    def renew(path: Path) -> None:
        # Before it is said: who reads it and invokes is served by the fresh one.
        environments.retire()
        what_follows = "a fresh environment serves the next invocation"
        print(f"{path} changed; {what_follows}", file=sys.stderr, flush=True)
        environments.renew()

    if not options.watch:
        with start() as sandbox:
            if in_advance:
                sandbox.init()
            yield sandbox
        return
    written = [path for path in (options.html, options.events, options.record) if path]
    watch = FolderWatch(folders_of(function), ignored=written)
    with Succession(start, init=in_advance) as environments, watch.telling(renew):
        yield environments


@contextmanager
def _endpoint(*, wanted: bool) -> Iterator[OtlpEndpoint | None]:
    if not wanted:
        yield None
        return
    with OtlpEndpoint() as endpoint:
        yield endpoint


@contextmanager
def _recorder(path: Path | None) -> Iterator[Recorder | None]:
    with _written(path, "the recording") as file:
        yield Recorder(file) if file else None


@contextmanager
def _written(path: Path | None, what: str) -> Iterator[TextIO | None]:
    """Open what was asked for before anything is started: at the end it would be too late."""
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        message = f"cannot write {what} to {str(path)!r}: {error.strerror}"
        raise UsageError(message) from error
    try:
        yield file
    finally:
        try:
            file.close()  # what could not be written before is tried again
        except OSError as error:
            message = f"cannot write {what} to {str(path)!r}: {error.strerror}"
            raise UsageError(message) from error


def _how_to_call(server: InvokeServer, name: str) -> str:
    return f"""\
serving {name} at {server.url}; Ctrl-C ends it

curl -d '{{}}' {server.invocations_url}

AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1 \\
  aws lambda invoke --endpoint-url {server.url} --function-name {name} \\
  --cli-binary-format raw-in-base64-out --payload '{{}}' /dev/stdout
"""


def _draw(endpoint: OtlpEndpoint, html: TextIO | None) -> None:
    spans = endpoint.spans()
    columns = shutil.get_terminal_size().columns
    print(waterfall.render(spans, columns, color=sys.stderr.isatty()), file=sys.stderr)
    if html is not None:
        html.write(page.render(spans, "Traces"))
        print(f"the same as a page: {Path(html.name).resolve()}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
