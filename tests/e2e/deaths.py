"""A day on which a function dies in every way there is, and what is known of it afterwards.

One environment lives through all of it: each death is an invocation, and each is followed by
one in which the function, whose environment has begun anew if it had to, does well. Only when
the environment is gone is anything looked at. So every root but the first is of processes that
were started anew, the collector's with them.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.sandbox import Function, Sandbox
from tests.fakes.http_service import HttpService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_sandbox.core.views.traces import Span
    from lambda_sandbox.sandbox import Outcome

TASK = Path(__file__).parent / "tasks" / "deaths"

NAME = "mortal"
"""Of the function, and so of every root span."""

TOLERANCE_S = 0.025
TOLERANCE = 0.1
"""How far a duration may be from the truth: whichever is more."""

BEFORE, AFTERWARDS = "-to-begin-with", "-and-then"
"""The ends of the request ids of invocations that make way for a death, or follow one."""

FAILED_INIT = "failed_init"
"""The request id of the first invocation; an initialisation has failed before, on its own."""

TRUE = "true"
"""A duration that is as long as it took."""

IMPORTS = {"import_error": "import", "exception_at_import": "raise", "timeout_at_import": "hang"}
"""Deaths of the initialisation that an invocation needs, and the orders they come of."""

DEATHS = (
    "succeed",
    "raise_exception",
    "unserialisable_result",
    "sys_exit",
    "os_exit",
    "segfault",
    "kill_itself",
    "run_out_of_memory",
    "keyboard_interrupt",
    "base_exception",
    "too_large_result",
    "crash_neighbour",
    *IMPORTS,
    "time_out",
)
"""In this order; the names of functions of the task, and of orders."""


class Child(NamedTuple):
    """A span below the root."""

    name: str
    kind: str
    status: str


@dataclass(frozen=True)
class Account:
    """What the endpoint was told of one invocation, until the environment was gone.

    Attributes:
        root_count: How many root spans there are for its request id.
        name: Of the root.
        status: Of the root.
        why: The description of its status.
        duration: TRUE if the root took as long as the platform says; else both.
        ended: The other spans of its trace that ended by themselves, in the order in which they
            began.
        is_trace_told: Whether the service was called with the trace id of the root; None if it
            was not called.
    """

    root_count: int
    name: str = ""
    status: str = ""
    why: str = ""
    duration: str = ""
    ended: tuple[Child, ...] = ()
    is_trace_told: bool | None = None


class Day:
    """What was answered and what was told, on the day of one environment.

    Args:
        folder: For files of its own.
        layer: With the product; None for a day without it.
        telemetry: Whether the platform tells.
        environ: Variables of the function, beside those of every day.
    """

    timeout_s = 2.0  # an initialisation that follows a death has to fit in, on a busy machine
    memory_mb = 256
    has_cpu_share = False

    def __init__(
        self,
        folder: Path,
        layer: Path | None,
        *,
        telemetry: bool,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = environ or {}
        self.has_telemetry = telemetry
        self._order_file = folder / "order"
        self.outcomes: dict[str, Outcome] = {}
        with (
            OtlpEndpoint() as endpoint,
            HttpService() as service,
            socket.create_server(("127.0.0.1", 0)) as silent,
        ):
            function = self._function(folder, layer, endpoint.url)
            with Sandbox(
                function, telemetry=telemetry, cpu_share=self.has_cpu_share
            ) as self.sandbox:
                self._service_url = service.url
                self._silent_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
                self._live()
            self.spans = endpoint.spans()
            self._calls = {call.path[1:]: call.headers for call in service.calls}
        self.events = self.sandbox.events
        self.complaints = [
            line.text
            for line in self.sandbox.logs
            if line.name == "collector_ext" and " INFO " not in line.text
        ]

    def _function(self, folder: Path, layer: Path | None, endpoint_url: str) -> Function:
        both = self._layer(folder, layer)
        environ = {"ORDER_FILE": str(self._order_file), "NEIGHBOUR_FILE": str(folder / "neighbour")}
        if layer is not None:
            environ |= {
                "AWS_LAMBDA_EXEC_WRAPPER": f"{both}/otel-instrument",
                "OTEL_LAYER_RECEIVER_PORT": "0",
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint_url,
                **self._environ,
            }
        return Function(
            task=TASK,
            handler="app.handler",
            layer=both,
            environ=environ,
            name=NAME,
            memory_mb=self.memory_mb,
            timeout_s=self.timeout_s,
            python=Path(sys.executable),
        )

    def _layer(self, folder: Path, layer: Path | None) -> Path | None:
        """Return a copy of the layer, or an empty one, with another extension in it."""
        copy = folder / "layer"
        if layer is not None:
            shutil.copytree(layer, copy)
        extensions = copy / "extensions"
        extensions.mkdir(parents=True, exist_ok=True)
        shutil.copy(TASK / "neighbour", extensions)
        return copy

    def _live(self) -> None:
        self._order("raise")
        self.init = self.sandbox.init()
        self._order("")
        self._invoke(FAILED_INIT, "succeed")
        for death in DEATHS:
            if death in IMPORTS:
                self._order(IMPORTS[death])
                # The environment that is there is fine: only a new one obeys.
                self._invoke(death + BEFORE, "os_exit")
            self._invoke(death, death)
            self._order("")
            self._invoke(death + AFTERWARDS, "succeed")

    def _order(self, order: str) -> None:
        self._order_file.write_text(order)

    def _event(self, what: str, request_id: str) -> bytes:
        service = f"{self._service_url}/{request_id}"
        return json.dumps({"do": what, "service": service, "silent": self._silent_url}).encode()

    def _invoke(self, request_id: str, what: str) -> None:
        event = self._event(what, request_id)
        self.outcomes[request_id] = self.sandbox.invoke(event, request_id=request_id)

    def answer(self, request_id: str) -> tuple[str | None, bytes]:
        """Return the mark of an error and the payload, without what differs from day to day."""
        outcome = self.outcomes[request_id]
        payload = re.sub(rb"/[^\s:\"]*/runtime\b", b"/var/runtime", outcome.payload)
        return outcome.function_error, re.sub(rb"\d{4}-\d\d-\d\dT[\d:.]+Z", b"<time>", payload)

    def account(self, request_id: str) -> Account:
        """Return what was told of an invocation."""
        roots = self.roots(request_id)
        if len(roots) != 1:
            return Account(len(roots))
        (root,) = roots
        children = [it for it in self._children(root) if it.status_code != "ERROR"]
        return Account(
            1,
            root.name,
            root.status_code,
            root.status_message,
            _compared((root.end_ns - root.start_ns) / 1e9, self._truth_s(request_id)),
            tuple(Child(it.name, it.kind, it.status_code) for it in children),
            self._is_trace_told(request_id, root),
        )

    def unfinished(self, request_id: str) -> list[str]:
        """Return the names of the spans below the root that ended with it."""
        (root,) = self.roots(request_id)
        return [it.name for it in self._children(root) if it.status_code == "ERROR"]

    def exceptions(self, request_id: str) -> list[str]:
        """Return the types of the exceptions that roots of an invocation record."""
        events = [event for root in self.roots(request_id) for event in root.events]
        return [str(event.attributes.get("exception.type")) for event in events]

    def _children(self, root: Span) -> list[Span]:
        trace = [it for it in self.spans if it.trace_id == root.trace_id and it is not root]
        return sorted(trace, key=_start)

    def roots(self, request_id: str) -> list[Span]:
        """Return the root spans of an invocation."""
        spans = self.spans
        return [it for it in spans if it.attributes.get("faas.invocation_id") == request_id]

    @property
    def request_ids(self) -> list[str]:
        """The request id that each root span has; empty for one without."""
        roots = [span for span in self.spans if span.name == NAME]
        return [str(span.attributes.get("faas.invocation_id", "")) for span in roots]

    def _truth_s(self, request_id: str) -> float:
        """Return how long an invocation took, as the platform knows it, told or not.

        Until the response was posted; without one, until the runtime was gone; and if it was
        the initialisation that failed, with all of it.
        """
        done, report = (
            event["record"]
            for event in self.events
            if event["type"] in {"platform.runtimeDone", "platform.report"}
            and event["record"]["requestId"] == request_id
        )
        duration_ms: float = done["metrics"]["durationMs"]
        if request_id in IMPORTS:
            duration_ms = report["metrics"]["durationMs"]
        for span in done.get("spans", ()):
            if span["name"] == "responseLatency":
                duration_ms = span["durationMs"]
        return duration_ms / 1000

    def _is_trace_told(self, request_id: str, root: Span) -> bool | None:
        headers = self._calls.get(request_id)
        if headers is None:
            return None
        return headers.get("traceparent", "").split("-")[1:2] == [root.trace_id]

    @property
    def repeated(self) -> list[str]:
        """The names of spans whose id was delivered more than once."""
        ids = [span.span_id for span in self.spans]
        return [span.name for span in self.spans if ids.count(span.span_id) > 1]


def _compared(told_s: float, truth_s: float) -> str:
    if abs(told_s - truth_s) <= max(TOLERANCE * truth_s, TOLERANCE_S):
        return TRUE
    return f"{told_s * 1000:.1f} ms, and it took {truth_s * 1000:.1f} ms"


def _start(span: Span) -> int:
    return span.start_ns


class LittleDay(Day):
    """The day of a function with the least memory, and the share of a CPU that goes with it.

    To initialise takes it 2.3 s on a machine where it takes a whole CPU 0.2 s.
    """

    timeout_s = 5.0
    memory_mb = 128
    has_cpu_share = True

    def _layer(self, _folder: Path, layer: Path | None) -> Path | None:
        return layer

    def _live(self) -> None:
        self.init = self.sandbox.init()
        for request_id, what in (("first", "succeed"), ("out", "time_out"), ("next", "succeed")):
            self._invoke(request_id, what)
