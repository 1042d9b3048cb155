"""When telemetry leaves, and what is done when it cannot: the variables that say so.

OpenTelemetry has no names for these. What cannot be used is replaced by the default, with one
sentence that says so.

Loaded in every cold start: C modules alone.
"""

from __future__ import annotations

from collector_ext.core.delivery.breaker import Patience
from collector_ext.core.delivery.outbox import Limits
from collector_ext.core.delivery.strategy import Adaptive, Continuous, End, Next, Periodic
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.delivery.strategy import Strategy

PERIODIC_INTERVAL_S = 20.0
CONTINUOUS_INTERVAL_S = 0.1
MANAGED_INTERVAL_S = 5.0
"""On Managed Instances, which have no end of an invocation to wait for; the OpenTelemetry SDK's
own delay of a batch."""

STRATEGIES = ("end", "next", "periodic", "continuous", "adaptive")

DEFAULTS = {
    "OTEL_LAYER_RETRY_COUNT": 2,
    "OTEL_LAYER_RETRY_DELAY": 100,  # ms
    "OTEL_LAYER_BREAKER_DELAY": 10_000,  # ms
    "OTEL_LAYER_BREAKER_DELAY_MAX": 300_000,  # ms
    "OTEL_LAYER_ADAPTIVE_INVOCATIONS": 20,
    "OTEL_LAYER_ADAPTIVE_GAP": 10_000,  # ms
    "OTEL_LAYER_BUFFER_SIZE": 8 * 1024 * 1024,  # bytes: a function of 128 MB can spare this much
    "OTEL_LAYER_SPILL_SIZE": 0,  # bytes for each exporter; 0: nothing is kept
    # Bytes: under gRPC's default limit of 4 MiB, which stands behind many endpoints.
    "OTEL_LAYER_REQUEST_SIZE": 4 * 1024 * 1024 - 64 * 1024,
}

SPILL_PATH = "/tmp/otel-layer"  # noqa: S108 - its folder is refused where others may write to it

_TRUTH = {"": False, "false": False, "true": True}
_MS_PER_S = 1000
_DIGITS_MAX = 15  # exact as a number of any kind


class Delivery(Value):
    """How telemetry is delivered, whoever exports it."""

    strategy: str  # one of STRATEGIES
    interval_s: float | None  # of the strategy; None for its own
    adaptive_invocation_count: int
    adaptive_gap_s: float
    flush_timeout_s: float | None  # of one flush; None for the most patient exporter's
    limits: Limits
    spill_path: str  # the folder of what is kept for the next process
    has_own_metrics: bool  # whether the collector's counters and the platform's are exported
    has_platform_spans: bool  # whether what the platform tells is made spans of
    has_function_logs: bool  # whether what the function writes is exported as logs
    remarks: tuple[str, ...]  # what could not be used, in a sentence each

    @property
    def has_observation(self) -> bool:
        """Whether more is exported than what clients send."""
        return self.has_own_metrics or self.has_platform_spans or self.has_function_logs

    def flush_strategy(self, *, is_managed_instance: bool) -> Strategy:
        """Return the strategy, anew.

        Args:
            is_managed_instance: Whether there are neither INVOKE events nor freezes.
        """
        if is_managed_instance:
            return Continuous(self.interval_s or MANAGED_INTERVAL_S)
        if self.strategy == "next":
            return Next()
        if self.strategy == "continuous":
            return Continuous(self.interval_s or CONTINUOUS_INTERVAL_S)
        if self.strategy == "end":
            return End()
        periodic = Periodic(self.interval_s or PERIODIC_INTERVAL_S)
        if self.strategy == "periodic":
            return periodic
        return Adaptive(
            periodic,
            invocation_count=self.adaptive_invocation_count,
            gap_s=self.adaptive_gap_s,
        )


def delivery_from(variables: Mapping[str, str]) -> Delivery:
    """Return what the variables say."""
    reading = _Reading(variables)
    return Delivery(
        strategy=reading.strategy(),
        interval_s=reading.seconds_or_none("OTEL_LAYER_FLUSH_INTERVAL"),
        adaptive_invocation_count=reading.count("OTEL_LAYER_ADAPTIVE_INVOCATIONS", minimum=1),
        adaptive_gap_s=reading.seconds("OTEL_LAYER_ADAPTIVE_GAP"),
        flush_timeout_s=reading.seconds_or_none("OTEL_LAYER_FLUSH_TIMEOUT"),
        limits=Limits(
            buffer_bytes_max=reading.count("OTEL_LAYER_BUFFER_SIZE", minimum=1),
            request_bytes_max=reading.count("OTEL_LAYER_REQUEST_SIZE", minimum=1),
            spill_bytes_max=reading.count("OTEL_LAYER_SPILL_SIZE"),
            patience=Patience(
                retry_count=reading.count("OTEL_LAYER_RETRY_COUNT"),
                retry_delay_s=reading.seconds("OTEL_LAYER_RETRY_DELAY"),
                breaker_delay_s=reading.seconds("OTEL_LAYER_BREAKER_DELAY"),
                breaker_delay_s_max=reading.seconds("OTEL_LAYER_BREAKER_DELAY_MAX"),
            ),
        ),
        spill_path=reading.path("OTEL_LAYER_SPILL_PATH"),
        has_own_metrics=reading.flag("OTEL_LAYER_METRICS"),
        has_platform_spans=reading.flag("OTEL_LAYER_PLATFORM_SPANS"),
        has_function_logs=reading.flag("OTEL_LAYER_FUNCTION_LOGS"),
        remarks=tuple(reading.remarks),
    )


class _Reading:
    """One pass over the variables."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.remarks: list[str] = []

    def strategy(self) -> str:
        """Return the name of the strategy."""
        found = self._text("OTEL_LAYER_FLUSH_STRATEGY").lower()
        if found in STRATEGIES:
            return found
        if found:
            known = ", ".join(STRATEGIES)
            self.remarks.append(
                f"OTEL_LAYER_FLUSH_STRATEGY={found!r} is none of {known}; using end"
            )
        return "end"

    def path(self, name: str) -> str:
        """Return the absolute path of a folder."""
        text = self._text(name) or SPILL_PATH
        if text.startswith("/"):
            return text
        self.remarks.append(f"{name}={text!r} does not begin with /; using {SPILL_PATH}")
        return SPILL_PATH

    def flag(self, name: str) -> bool:
        """Return whether it is set to true."""
        text = self._text(name).lower()
        if text not in _TRUTH:
            self.remarks.append(f"{name}={text!r} is neither true nor false; using false")
        return _TRUTH.get(text, False)

    def count(self, name: str, *, minimum: int = 0) -> int:
        """Return a whole number from ``minimum``."""
        text, default = self._text(name), DEFAULTS[name]
        if not text:
            return default
        number = _whole_number(text)
        if number is not None and number >= minimum:
            return number
        found = f"{name}={text!r} is not a whole number from {minimum}"
        self.remarks.append(f"{found}; using {default}")
        return default

    def seconds(self, name: str) -> float:
        """Return a number of milliseconds, in seconds."""
        return self.count(name) / _MS_PER_S

    def seconds_or_none(self, name: str) -> float | None:
        """Return a number of milliseconds, in seconds; None when it is unset or unusable."""
        text = self._text(name)
        if not text:
            return None
        number = _whole_number(text)
        if number:
            return number / _MS_PER_S
        self.remarks.append(
            f"{name}={text!r} is not a whole number of milliseconds from 1; using the default"
        )
        return None

    def _text(self, name: str) -> str:
        return self._variables.get(name, "").strip()


def _whole_number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    return int(text) if is_number else None
