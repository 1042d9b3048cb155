"""The command: ``python -m lambda_sandbox invoke`` and ``python -m lambda_sandbox serve``.

The function's payloads go to standard output, one a line; everything else to standard error.
Exit status: 0 when every invocation succeeded, 1 when one did not, 2 when nothing could run.
"""

from __future__ import annotations

import shutil
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lambda_sandbox.arguments import UsageError, event_of, function_of, parser
from lambda_sandbox.core.views import page, waterfall
from lambda_sandbox.edge.interpreter import InterpreterError
from lambda_sandbox.edge.invoke_server import InvokeServer, PortError
from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.edge.packages import PackagesError
from lambda_sandbox.sandbox import Sandbox, SandboxError
from lambda_sandbox.screen import Screen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from lambda_sandbox.core.views.traces import Span

SUCCESS, FUNCTION_ERROR, USAGE_ERROR = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    options = parser(__doc__).parse_args(arguments)
    try:
        return _invoke(options) if options.command == "invoke" else _serve(options)
    except (UsageError, SandboxError, InterpreterError, PackagesError, PortError) as error:
        print(f"lambda_sandbox: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return FUNCTION_ERROR


def _invoke(options: argparse.Namespace) -> int:
    event, status = event_of(options), SUCCESS
    with _watched(options) as (sandbox, screen):
        for _ in range(options.count):
            outcome = sandbox.invoke(event)
            screen.catch_up()
            print(outcome.payload.decode(errors="replace"), flush=True)
            if outcome.function_error:
                status = FUNCTION_ERROR
    return status


def _serve(options: argparse.Namespace) -> int:
    # Whoever ends it, a person or a supervisor, it ends in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        _watched(options) as (sandbox, screen),
        InvokeServer(sandbox, port=options.port) as server,
    ):
        try:
            print(_how_to_call(server, sandbox.facts.name), flush=True)
            screen.follow()
        except KeyboardInterrupt:
            print("shutting down; once more ends it at once", file=sys.stderr, flush=True)
    return SUCCESS


@contextmanager
def _watched(options: argparse.Namespace) -> Iterator[tuple[Sandbox, Screen]]:
    """Run a sandbox, and show the end of its story when it has ended."""
    with _endpoint(wanted=options.traces or options.html) as endpoint:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url} if endpoint else {}
        function = function_of(options, **variables)
        with _events_file(options.events) as events:
            with Sandbox(function, telemetry=not options.no_telemetry) as sandbox:
                screen = Screen(sandbox, sys.stderr, explained=options.explain, events=events)
                yield sandbox, screen
            screen.finish()
        if endpoint is not None:
            _draw(endpoint.spans(), options.html)


@contextmanager
def _endpoint(*, wanted: bool) -> Iterator[OtlpEndpoint | None]:
    if not wanted:
        yield None
        return
    with OtlpEndpoint() as endpoint:
        yield endpoint


@contextmanager
def _events_file(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        message = f"cannot write the events to {str(path)!r}: {error.strerror}"
        raise UsageError(message) from error
    with file:
        yield file


def _how_to_call(server: InvokeServer, name: str) -> str:
    return f"""\
serving {name} at {server.url}; Ctrl-C ends it

curl -d '{{}}' {server.invocations_url}

AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1 \\
  aws lambda invoke --endpoint-url {server.url} --function-name {name} \\
  --cli-binary-format raw-in-base64-out --payload '{{}}' /dev/stdout
"""


def _draw(spans: Sequence[Span], html: Path | None) -> None:
    columns = shutil.get_terminal_size().columns
    print(waterfall.render(spans, columns, color=sys.stderr.isatty()), file=sys.stderr)
    if html is not None:
        html.write_text(page.render(spans, "Traces"), encoding="utf-8")
        print(f"the same as a page: {html.resolve()}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
