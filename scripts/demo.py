"""Show what the layer does: a function on this machine, four invocations, their traces.

Everything is real but Lambda itself: the built layer, the runtime client, the function of
``examples/hello``, the HTTP service it calls, the OTLP endpoint that its traces go to.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from lambda_sandbox.core.views import page, waterfall
from lambda_sandbox.core.views.traces import Span
from lambda_sandbox.edge.interpreter import InterpreterError
from lambda_sandbox.edge.otlp_endpoint import NotReceivedError, OtlpEndpoint
from lambda_sandbox.edge.packages import PackagesError
from lambda_sandbox.sandbox import Function, Outcome, Sandbox, SandboxError

ROOT = Path(__file__).resolve().parent.parent
LAYER = ROOT / "dist/layer"
TASK = ROOT / "examples/hello"
PAGE = ROOT / "build/demo/traces.html"

ARRIVAL_TIMEOUT_S = 10.0
"""A trace is there before the environment freezes; only one that is lost takes this long."""

WIDTH_MAX = 110  # columns: wider bars say nothing more
LOG_LINES_MAX = 12  # of one invocation: enough for the runtime's report of an exception


class DemoError(Exception):
    """The demo cannot go on; its text is all that the user has to know."""


class Story(NamedTuple):
    """One invocation of the demo."""

    title: str
    event: bytes
    lesson: str


STORIES = (
    Story("a cold start", b"{}", "The first invocation: one root span, a child for each call."),
    Story("a warm start", b"{}", "The same environment, thawed: a trace of its own."),
    Story(
        "a failure",
        b'{"fail": true}',
        "The exception is in the trace; the caller has it untouched.",
    ),
    Story(
        "a timeout",
        b'{"hang": true}',
        "Lambda killed the function: what was open is in the trace, and names the call that hung.",
    ),
)


class Service(BaseHTTPRequestHandler):
    """The service that the function calls."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece: apart, they wait 40 ms for a delayed ACK

    def do_GET(self) -> None:
        """Say hello; to ``/slow``, nothing until the caller is gone."""
        if self.path == "/slow":
            self.close_connection = not self.rfile.read(1)
        else:
            self._answer(200, b'{"hello": "world"}')

    def do_POST(self) -> None:
        """Take a message."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(201, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Stay silent: the screen belongs to the demo."""


@contextmanager
def service() -> Iterator[str]:
    """Serve on a free loopback port; its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def main() -> int:
    """Run the demo; the exit status."""
    # A terminal that cannot show a line of the waterfall shows "?" and goes on.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # stdout is a text file
    try:
        run(LAYER, PAGE)
    except DemoError as error:
        print(f"\nThe demo cannot go on: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # what shells report for an interrupted program
    return 0


def run(layer: Path, page_file: Path) -> None:
    """Invoke the function four times, show what arrives, and write it as a page.

    Raises:
        DemoError: It did not arrive, or nothing could run.
    """
    if not (layer / "otel-instrument").is_file():
        text = f"there is no layer in {named(layer)}; `make layer` builds it"
        raise DemoError(text)
    try:
        with service() as service_url, OtlpEndpoint() as endpoint:
            introduce(layer, endpoint.url, service_url)
            with Sandbox(hello(layer, endpoint.url, service_url)) as sandbox:
                for number, story in enumerate(STORIES, 1):
                    print(heading(f"{number}. {story.title}"))
                    tell(story, sandbox, endpoint)
        write(page_file, endpoint.spans())
    except (InterpreterError, PackagesError, SandboxError, OSError) as error:
        raise DemoError(str(error)) from error
    conclude(page_file)


def hello(layer: Path, endpoint_url: str, service_url: str) -> Function:
    """The function, under the layer as a user would configure it."""
    return Function(
        task=TASK,
        handler="app.handler",
        layer=layer,
        environ={
            "AWS_LAMBDA_EXEC_WRAPPER": str(layer / "otel-instrument"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint_url,
            "SERVICE_URL": service_url,
        },
        name="hello",
        timeout_s=3.0,  # Lambda's default; none but the last comes near it
        python=Path(sys.executable),
    )


def tell(story: Story, sandbox: Sandbox, endpoint: OtlpEndpoint) -> None:
    """Invoke once; show the answer, the log and the trace."""
    logged_before = len(sandbox.logs)
    outcome = sandbox.invoke(story.event)
    sandbox.wait_frozen()
    print(f"  event   {story.event.decode()}")
    print(f"  answer  {answer_text(outcome)}")
    logged = [log for log in sandbox.logs[logged_before:] if log.source != "platform"]
    lines = [line for log in logged for line in log.text.splitlines()]
    for place, line in enumerate(lines[:LOG_LINES_MAX]):
        print(f"  {'log' if place == 0 else '':7} {line}")
    print(f"\n  {story.lesson}\n")
    print(waterfall.render(trace_of(outcome.request_id, endpoint), width(), color=colorful()))


def answer_text(outcome: Outcome) -> str:
    """What the caller got: the body of a response, or the name and text of an error."""
    try:
        answer = json.loads(outcome.payload)
        if outcome.function_error:
            # A timeout has no type.
            said = (answer.get("errorType"), answer["errorMessage"])
            return ": ".join(part for part in said if part)
        return f"{answer['statusCode']} {answer['body']}"
    except (ValueError, KeyError, TypeError):  # not this function's own answer: show what it is
        return outcome.payload.decode(errors="replace")


def trace_of(
    request_id: str, endpoint: OtlpEndpoint, timeout_s: float = ARRIVAL_TIMEOUT_S
) -> list[Span]:
    """Wait for the trace of one invocation.

    Raises:
        DemoError: It did not arrive.
    """

    def trace_id(spans: Sequence[Span]) -> str:
        roots = (span for span in spans if span.attributes.get("faas.invocation_id") == request_id)
        return next((span.trace_id for span in roots), "")

    try:
        spans = endpoint.wait_for(lambda spans: bool(trace_id(spans)), timeout_s)
    except NotReceivedError as error:
        text = f"the trace of invocation {request_id} did not arrive: {error}"
        raise DemoError(text) from error
    return [span for span in spans if span.trace_id == trace_id(spans)]


def introduce(layer: Path, endpoint_url: str, service_url: str) -> None:
    """Say what is about to happen."""
    print(heading("A Lambda function on this machine, under the layer"))
    print(f"  function  {named(TASK)}, handler app.handler: a GET with requests,")
    print("            a POST with urllib3, not a line of OpenTelemetry")
    print(f"  layer     {named(layer)}: the wrapper in the function, the collector beside it")
    print(f"  traces    to {endpoint_url} (OTLP/HTTP)")
    print(f"  calls     to {service_url}\n")


def write(page_file: Path, spans: list[Span]) -> None:
    """Write the page."""
    page_file.parent.mkdir(parents=True, exist_ok=True)
    page_file.write_text(page.render(spans, "Four invocations of hello"), encoding="utf-8")


def conclude(page_file: Path) -> None:
    """Say how to go on, and where the page is."""
    print(heading("On AWS"))
    print("  Set OTEL_EXPORTER_OTLP_ENDPOINT to your backend, e.g. http://<host>:4318 for Jaeger,")
    print("  or https://api.honeycomb.io with OTEL_EXPORTER_OTLP_HEADERS=x-honeycomb-team=<key>.\n")
    print(f"The same traces as a page: {page_file}")


def heading(text: str) -> str:
    """A line that stands out."""
    return f"\x1b[1m{text}\x1b[0m" if colorful() else text


def colorful() -> bool:
    """Tell whether there is a terminal that wants colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def width() -> int:
    """The columns to draw in."""
    return min(shutil.get_terminal_size((100, 24)).columns, WIDTH_MAX)


def named(path: Path) -> str:
    """Name a file of the project as one would type it."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


if __name__ == "__main__":
    sys.exit(main())
