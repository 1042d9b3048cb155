"""The metrics of the platform, and what was measured since they were last told.

Those of ``faas.`` are OpenTelemetry's, with its names, units and buckets; what it has no names
for is called ``aws.lambda.`` where Lambda tells it, ``otel_layer.`` where we measure it.

Source: https://opentelemetry.io/docs/specs/semconv/faas/faas-metrics/
"""

from __future__ import annotations

from collector_ext.core import otlp_metrics
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    Attributes = tuple[tuple[str, str], ...]

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

VALUE_COUNT_MAX = 4096
"""Values of one histogram between two tellings, a minute as a rule; those beyond are left out.
An environment has one invocation at a time: it would have to end 68 of them in each second."""

_DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""In seconds; the conventions' own."""

_MEMORY_BOUNDS = tuple(
    mb * 1024 * 1024
    for mb in (64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 10240)
)
"""In bytes; the conventions have none. Functions have 128 to 10240 MB."""


class Instrument(Value):
    """One metric."""

    name: str
    description: str
    unit: str
    kind: str  # COUNTER, GAUGE or HISTOGRAM
    bounds: tuple[float, ...]  # of a histogram's buckets


def _counter(name: str, description: str, unit: str) -> Instrument:
    return Instrument(name, description, unit, COUNTER, ())


def _duration(name: str, description: str) -> Instrument:
    return Instrument(name, description, "s", HISTOGRAM, _DURATION_BOUNDS)


INVOCATIONS = _counter("faas.invocations", "Number of successful invocations.", "{invocation}")
ERRORS = _counter("faas.errors", "Number of invocation errors.", "{error}")
TIMEOUTS = _counter("faas.timeouts", "Number of invocation timeouts.", "{timeout}")
COLD_STARTS = _counter("faas.coldstarts", "Number of invocation cold starts.", "{coldstart}")
INVOKE_DURATION = _duration(
    "faas.invoke_duration", "Measures the duration of the function's logic execution."
)
INIT_DURATION = _duration(
    "faas.init_duration",
    "Measures the duration of the function's initialization, such as a cold start.",
)
MEM_USAGE = Instrument(
    "faas.mem_usage",
    "Distribution of max memory usage per invocation.",
    "By",
    HISTOGRAM,
    _MEMORY_BOUNDS,
)
MEMORY_SIZE = Instrument(
    "aws.lambda.memory_size", "Memory that the function is configured with.", "By", GAUGE, ()
)
BILLED_DURATION = _counter(
    "aws.lambda.billed_duration", "Duration that Lambda bills, restores included.", "s"
)
ESTIMATED_COST = _counter(
    "aws.lambda.estimated_cost", "Estimated price of duration and requests.", "{USD}"
)
EXTENSION_OVERHEAD = _duration(
    "aws.lambda.extension_overhead",
    "Time that extensions took after the runtime was done with an invocation.",
)
HOLD_DURATION = _duration(
    "otel_layer.hold_duration",
    "Time that this layer kept Lambda waiting after the end of an invocation.",
)


class Measurements:
    """What was measured; numbers are never negative."""

    def __init__(self) -> None:
        self._numbers: dict[Instrument, dict[Attributes, float]] = {}
        self._values: dict[Instrument, dict[Attributes, list[float]]] = {}

    def add(self, instrument: Instrument, value: float, *attributes: tuple[str, str]) -> None:
        """Count by a value, set a gauge to it, or let a histogram have it."""
        if instrument.kind == HISTOGRAM:
            values = self._values.setdefault(instrument, {}).setdefault(attributes, [])
            if len(values) < VALUE_COUNT_MAX:
                values.append(value)
            return
        numbers = self._numbers.setdefault(instrument, {})
        known = numbers.get(attributes, 0) if instrument.kind == COUNTER else 0
        numbers[attributes] = known + value

    def take(self, start_ns: int, end_ns: int) -> list[bytes]:
        """Return all of it as serialised metrics, and begin anew.

        Args:
            start_ns: When it was last taken, in nanoseconds since the epoch.
            end_ns: Now, likewise.
        """
        metrics = []
        for instrument, numbers in self._numbers.items():
            is_gauge = instrument.kind == GAUGE
            points = [
                otlp_metrics.number_point(value, attributes, 0 if is_gauge else start_ns, end_ns)
                for attributes, value in numbers.items()
            ]
            write = otlp_metrics.gauge if is_gauge else otlp_metrics.counter
            metrics.append(write(_head(instrument), points))
        for instrument, distributions in self._values.items():
            points = [
                otlp_metrics.histogram_point(
                    values, instrument.bounds, attributes, start_ns, end_ns
                )
                for attributes, values in distributions.items()
            ]
            metrics.append(otlp_metrics.histogram(_head(instrument), points))
        self._numbers, self._values = {}, {}
        return metrics


def _head(instrument: Instrument) -> bytes:
    return otlp_metrics.head(instrument.name, instrument.description, instrument.unit)
