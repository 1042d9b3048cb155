"""What a day begins with: how the collector is set up, and how hostile its surroundings are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from collector_ext.core.delivery.breaker import Patience
from collector_ext.core.delivery.outbox import Limits, Outbox
from collector_ext.core.delivery.pipelines import Pipeline
from collector_ext.core.delivery.strategy import Adaptive, Continuous, End, Next, Periodic
from collector_ext.core.otlp import SIGNALS
from tests.simulation.bodies import UNREADABLE, ids_in, request
from tests.simulation.connection import Faults
from tests.simulation.processors import processors_of

if TYPE_CHECKING:
    from random import Random

    from collector_ext.core.delivery.strategy import Strategy
    from collector_ext.core.otlp import Signal
    from tests.simulation.processors import Processor

STRATEGIES = ("end", "end", "next", "periodic", "continuous", "adaptive")
LARGE = 8 * 1024 * 1024


class Conditions(NamedTuple):
    """Of one day."""

    strategy: str
    interval_s: float
    is_managed: bool  # Managed Instances: no INVOKE, invocations side by side, no freeze
    has_telemetry: bool
    is_observed: bool  # whether platform telemetry is made spans and metrics of
    is_instrumented: bool  # whether the internal half tells of starts and ends
    faults: Faults  # of the way from the function to the collector
    telemetry_loss_share: float
    is_clock_steady: bool
    is_busy: bool  # no long pauses
    flush_timeout_s: float
    limits: Limits
    routes: dict[Signal, tuple[str, ...]]  # a pipeline for each, and its exporters
    processors: dict[Signal, list[Processor]]
    all_day: dict[str, str]  # the endpoints of all exporters; the state of each, if it has one
    invocation_count: int

    def text(self) -> str:
        """Return them in words."""
        routes = "; ".join(
            f"{signal.name}: {[type(each).__name__ for each in self.processors[signal]]}"
            f" to {', '.join(names)}"
            for signal, names in self.routes.items()
        )
        kept = {k: v for k, v in self._asdict().items() if k not in {"routes", "processors"}}
        return f"{', '.join(f'{name}: {value}' for name, value in kept.items())}; {routes}"


def conditions_by(chance: Random) -> Conditions:
    """Return some."""
    exporters = [f"otlp/{number}" for number in range(chance.choice((1, 1, 2, 3)))]
    routes = {
        signal: tuple(name for name in exporters if chance.random() < 0.8)
        for signal in SIGNALS
        if chance.random() < 0.9
    }
    is_processed = chance.random() < 0.3
    is_extreme = chance.random() < 0.2
    ends = ("well", "hanging", "hanging", "refusing")
    return Conditions(
        strategy=chance.choice(STRATEGIES),
        interval_s=chance.choice((0.05, 0.5, 5.0, 20.0)),
        is_managed=chance.random() < 0.1,
        has_telemetry=chance.random() < 0.8,
        is_observed=chance.random() < 0.5,
        is_instrumented=chance.random() < 0.85,
        faults=Faults(
            lag_share=chance.choice((0.0, 0.0, 0.05, 0.5)),
            loss_share=chance.choice((0.0, 0.0, 0.02, 0.2)),
            reset_share=chance.choice((0.0, 0.2)),
        ),
        telemetry_loss_share=chance.choice((0.0, 0.0, 0.0, 0.1)),
        is_clock_steady=is_extreme or chance.random() < 0.75,
        is_busy=chance.random() < (0.8 if is_extreme else 0.2),
        flush_timeout_s=chance.choice((0.05, 0.3, 1.0, 3.0, 10.0)),
        limits=_limits_by(chance),
        routes=routes,
        processors={signal: processors_of(chance) if is_processed else [] for signal in SIGNALS},
        all_day={name: chance.choice(ends) if is_extreme else "" for name in exporters},
        invocation_count=int(60 * chance.random() ** 3) + 1,
    )


def _limits_by(chance: Random) -> Limits:
    is_patient = chance.random() < 0.5
    return Limits(
        buffer_bytes_max=chance.choice((1, 300, 2000, 20_000, LARGE, LARGE)),
        request_bytes_max=chance.choice((1, 200, 2000, LARGE, LARGE)),
        spill_bytes_max=chance.choice((0, 0, 500, LARGE)),
        patience=Patience(
            retry_count=2 if is_patient else chance.randint(0, 5),
            retry_delay_s=0.1 if is_patient else chance.choice((0.0, 0.01, 1.0)),
            breaker_delay_s=10.0 if is_patient else chance.choice((0.2, 1.0, 100.0)),
            breaker_delay_s_max=300.0 if is_patient else chance.choice((1.0, 50.0)),
        ),
    )


def strategy_of(conditions: Conditions) -> Strategy:
    """Return the day's strategy, anew."""
    interval_s = conditions.interval_s
    if conditions.is_managed or conditions.strategy == "continuous":
        return Continuous(interval_s)
    if conditions.strategy == "next":
        return Next()
    if conditions.strategy == "end":
        return End()
    periodic = Periodic(interval_s)
    if conditions.strategy == "periodic":
        return periodic
    return Adaptive(periodic, invocation_count=4, gap_s=interval_s)


def pipelines_of(
    conditions: Conditions, chance: Random
) -> tuple[list[Pipeline], dict[str, Outbox]]:
    """Return the day's pipelines and outboxes, anew."""
    outboxes = {
        name: Outbox(
            name,
            {signal: f"{name}{signal.path}" for signal in SIGNALS},
            conditions.limits,
            chance.random,
        )
        for name in conditions.all_day
    }
    pipelines = [
        Pipeline(
            signal.name,
            signal,
            conditions.processors[signal],
            [outboxes[name] for name in names],
            held_bytes_max=conditions.limits.buffer_bytes_max,
        )
        for signal, names in conditions.routes.items()
    ]
    return pipelines, outboxes


def transcoded(signal: Signal, body: bytes) -> bytes:
    """Return a request in JSON as one in protobuf.

    Raises:
        ValueError: It cannot be read.
    """
    if UNREADABLE in body:
        message = "it cannot be read"
        raise ValueError(message)
    return request(signal, ids_in(body))
