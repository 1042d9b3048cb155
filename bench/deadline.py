"""What the provisional root and the timer of the deadline cost an invocation, in its process.

With everything else of the layer around them: the SDK, its sampler and ids, the encoder and the
socket. A process of its own plays the collector and reads.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider

from bench.table import Line
from otel_layer.edge.deadline_timer import DeadlineTimer
from otel_layer.edge.local_exporter import LocalExporter, invocation_id
from otel_layer.edge.log import Log
from otel_layer.edge.sdk import SampledSpans
from otel_layer.edge.shield import Shield

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer

CALLS = 300
"""In a round, of each."""

REMAINING_S = 900.0
PAUSE_S = 0.0005
"""Between two calls: for the collector to read, as it does while a handler is at work."""

_COLLECTOR = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
served, _ = listener.accept()
while served.recv(1 << 20):
    served.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
"""


@dataclass(frozen=True, slots=True)
class Round:
    """Medians of one round, in seconds.

    Attributes:
        root_s: To send the provisional root.
        timer_s: To set the timer and to unset it, while its thread is asleep until a deadline.
        woken_s: The same when the thread has to be woken: it had nothing to wait for.
        span_s: A span's start and end, without its being noted as open.
        noted_s: The same with it.
    """

    root_s: float
    timer_s: float
    woken_s: float
    span_s: float
    noted_s: float


class Bench:
    """An exporter, a timer and tracers, as the layer assembles them."""

    def __init__(self, port: int) -> None:
        log = Log(as_json=False)
        shield = Shield(log)
        self._exporter = LocalExporter(lambda: port, log, shield, own_collector=True)
        self._timer = DeadlineTimer(self._exporter.snapshot, shield)
        self._plain = _tracer(_nothing, _nothing)
        self._noted = _tracer(self._exporter.note, _nothing)

    def run_round(self) -> Round:
        """Measure each once."""
        self._timer.set("asleep", REMAINING_S)
        timer_s = median(_durations(self._set_and_unset))
        woken_s = median(self._woken())
        root = self._plain.start_span("root")
        root_s = median(_durations(lambda: self._exporter.begin("running", root)))  # type: ignore[arg-type]  # it is the SDK's
        token = invocation_id.set("running")
        span_s = median(_durations(lambda: self._plain.start_span("call").end()))
        noted_s = median(_durations(lambda: self._noted.start_span("call").end()))
        invocation_id.reset(token)
        self._exporter.end("running")
        return Round(root_s, timer_s, woken_s, span_s, noted_s)

    def _set_and_unset(self) -> None:
        self._timer.set("running", REMAINING_S)
        self._timer.unset("running")

    def _woken(self) -> Iterator[float]:
        # Each is due before the one for which the thread sleeps.
        for number in range(CALLS):
            remaining_s = REMAINING_S - 1 - number / 10
            begun_at = time.perf_counter()
            self._timer.set("running", remaining_s)
            self._timer.unset("running")
            yield time.perf_counter() - begun_at
            time.sleep(PAUSE_S)  # noqa: TID251  # as between two invocations


@contextmanager
def collector() -> Iterator[int]:
    """Run what reads, and give its port."""
    command = [sys.executable, "-I", "-S", "-c", _COLLECTOR]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline())
        finally:
            process.kill()


def table(rounds: list[Round]) -> list[Line]:
    """Lay the medians beside each other."""
    root_s = median(one.root_s for one in rounds)
    timer_s = median(one.timer_s for one in rounds)
    woken_s = median(one.woken_s for one in rounds)
    span_s = median(one.span_s for one in rounds)
    noted_s = median(one.noted_s for one in rounds)
    return [
        Line("provisional root, sent", "", _us(root_s), ""),
        Line("timer, set and unset", "", _us(timer_s), ""),
        Line("the same, its thread woken", "", _us(woken_s), ""),
        Line("both, at most", "", _us(root_s + woken_s), "(aim: under 100 µs)"),
        Line(
            "a span, noted while it is open",
            _us(span_s),
            _us(noted_s),
            f"added {_us(noted_s - span_s)} (aim: well under 10 µs)",
        ),
    ]


def _tracer(note: Callable[[ReadableSpan], None], take: Callable[[ReadableSpan], None]) -> Tracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SampledSpans(note, take))
    return provider.get_tracer("bench")


def _nothing(_span: ReadableSpan) -> None:
    """Do nothing."""


def _durations(call: Callable[[], None]) -> Iterator[float]:
    for _ in range(CALLS):
        begun_at = time.perf_counter()
        call()
        yield time.perf_counter() - begun_at
        time.sleep(PAUSE_S)  # noqa: TID251  # see PAUSE_S


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs"
