"""The SDK's metrics, without its thread: collected when an invocation ends.

Importing this module imports ``opentelemetry.sdk.metrics``: 17 ms.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.metrics import _internal as api  # what keeps the API's providers
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader, MetricsData
from opentelemetry.sdk.metrics.view import Aggregation, ExponentialBucketHistogramAggregation

from otel_layer.core.otlp import EncodedItem
from otel_layer.core.otlp_metrics import MetricEncoder
from otel_layer.core.signals import METRICS
from otel_layer.edge.clock import monotonic
from otel_layer.edge.late_providers import is_ours
from otel_layer.edge.local_exporter import LocalExporter
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

COLLECT_S = 0.5
"""For the callbacks of observable instruments, together: after one that was slower the others
are not called. They run in the function's time, and none of them can be stopped."""

WAIT_S = 0.1
"""For a collection on another thread: the timer's, near the deadline."""

DELTAS = {
    "delta": (Counter, ObservableCounter, Histogram),
    "lowmemory": (Counter, Histogram),
    "cumulative": (),
}
"""Preference → the kinds of instruments whose points say what was recorded since the last.

Source: https://opentelemetry.io/docs/specs/otel/metrics/sdk_exporters/otlp/
"""


_RECORDING = ("add", "record", "set")
"""The methods of instruments that the function calls."""


class Preferences(NamedTuple):
    """How metrics are aggregated."""

    temporality: str
    """A key of ``DELTAS``."""
    has_exponential: bool
    """Whether histograms are exponential unless a view says otherwise."""


class _Reader(MetricReader):
    """Collects when it is told to."""

    def __init__(self, take: Callable[[MetricsData], None], preferences: Preferences) -> None:
        deltas = DELTAS[preferences.temporality]
        exponential: dict[type, Aggregation] = {Histogram: ExponentialBucketHistogramAggregation()}
        super().__init__(
            preferred_temporality=dict.fromkeys(deltas, AggregationTemporality.DELTA),
            preferred_aggregation=exponential if preferences.has_exponential else None,
        )
        self._take = take

    def _receive_metrics(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 0,  # noqa: ARG002  # its signature
        **_: object,
    ) -> None:
        self._take(metrics_data)

    def shutdown(self, timeout_millis: float = 0, **_: object) -> None:  # noqa: ARG002  # its signature
        """Hand over what is left."""
        self.collect()


class _Provider(MeterProvider):
    """What ``get_meter_provider()`` returns once the SDK is there."""

    def __init__(self, proxy: Any, **kwargs: Any) -> None:  # noqa: ANN401  # the API's provider
        super().__init__(shutdown_on_exit=False, **kwargs)
        # Meters come by way of the API's own, which hands them to the provider that the function
        # sets, if it ever does.
        self.get_own_meter = super().get_meter
        self.get_meter = proxy.get_meter  # type: ignore[method-assign]  # see above
        self._proxy = proxy

    def on_set_meter_provider(self, provider: object) -> None:
        """Hand over to the provider that the function has set."""
        if provider is not self:
            self._proxy.on_set_meter_provider(provider)

    def _handle_fork(self) -> None:
        # As in sdk.py: no threads in the child, to detect what it is.
        self._lock = threading.Lock()
        self._meter_lock = threading.Lock()


class _Instruments(list[Any]):
    """The instruments of one meter of the API's, each of which gets one of the SDK's.

    The meter keeps those that it has made without the SDK, to hand them to the provider that is
    set one day. So it makes all without. Of equal ones the first is kept: some code asks for its
    instruments in each invocation.
    """

    def __init__(self, meter: Any, adopt: Callable[[Any], None], shield: Shield) -> None:  # noqa: ANN401  # the SDK's
        super().__init__()
        self._meter = meter
        self._adopt = adopt
        self._shield = shield
        self._kept: set[tuple[type, str]] = set()

    def append(self, instrument: Any) -> None:  # noqa: ANN401  # the API's
        """Have an instrument record from now on."""
        name = instrument._name  # noqa: SLF001  # it has no other
        if (type(instrument), name) not in self._kept:
            self._kept.add((type(instrument), name))
            super().append(instrument)
        with self._shield(f"make the instrument {name!r}", "what it measures is not recorded"):
            instrument.on_meter_set(self._meter)
            self._adopt(instrument._real_instrument)  # noqa: SLF001  # just made


class Metrics:
    """What the function records, from its instruments to the collector."""

    def __init__(
        self,
        resource: Resource,
        exporter: LocalExporter,
        log: Log,
        shield: Shield,
        preferences: Preferences,
    ) -> None:
        """Make the SDK's provider, and be called when an invocation ends.

        Args:
            resource: That of the spans.
            exporter: To the collector.
            log: For callbacks that are slow.
            shield: For faults of ours, of the SDK, and of what is measured.
            preferences: The operator's.
        """
        self._exporter = exporter
        self._log = log
        self._shield = shield
        self._encoder = MetricEncoder()
        self._request_id: str | None = None
        self._is_collecting = threading.Lock()
        self._has_recorded = self._has_callbacks = False
        self._reader = _Reader(self._take, preferences)
        proxy = api._PROXY_METER_PROVIDER  # noqa: SLF001  # see late_providers
        self._provider = _Provider(proxy, metric_readers=[self._reader], resource=resource)
        api._PROXY_METER_PROVIDER = self._provider  # type: ignore[assignment]  # noqa: SLF001  # as above
        exporter.collect_with(self.collect)

    def take_over(self, meter: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # the API's
        """Have a meter of the API's record; the arguments are those that it was asked for with."""
        own = self._provider.get_own_meter(*args, **kwargs)
        meter._instruments = _Instruments(own, self._adopt, self._shield)  # noqa: SLF001  # see there

    def collect(self, request_id: str) -> None:
        """Hand over what was recorded since the last time, if anything was.

        Args:
            request_id: Of the invocation that ends.
        """
        is_used = is_ours(api._METER_PROVIDER, self._provider)  # noqa: SLF001  # as above
        if not is_used or not (self._has_recorded or self._has_callbacks):
            return
        if not self._is_collecting.acquire(timeout=WAIT_S):
            self._log.say_once(
                "hanging callback",
                "cannot collect metrics: the callback of an observable instrument, called on"
                " another thread, has not returned; they are sent when it has",
            )
            return
        try:
            with self._shield("collect metrics", "they are sent later, or are lost"):
                self._collect(request_id)
        finally:
            self._is_collecting.release()

    def _collect(self, request_id: str) -> None:
        self._has_recorded = False
        self._request_id = request_id
        begun_at = monotonic()
        try:
            self._reader.collect(timeout_millis=COLLECT_S * 1000)
        finally:
            self._request_id = None
            took_s = monotonic() - begun_at
            if took_s > WAIT_S:
                self._log.say_once(
                    "slow callbacks",
                    f"to collect metrics took {took_s:.1f} s of the invocation: the callbacks of"
                    " observable instruments are slow",
                )

    def _take(self, collected: MetricsData) -> None:
        items: list[EncodedItem] = []
        for of_resource in collected.resource_metrics:
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    with self._shield(f"serialise the metric {metric.name!r}", "it is lost"):
                        items += self._encoder.encode_metric(metric, of_resource.resource, of_scope)
        if items:
            self._exporter.hand_over(METRICS, items, self._request_id)

    def _adopt(self, instrument: Any) -> None:  # noqa: ANN401  # the SDK's
        # Equal instruments are one: its methods may be guarded already.
        for name in _RECORDING:
            record = getattr(instrument, name, None)
            if record is not None and name not in vars(instrument):
                setattr(instrument, name, self._guarded(record))
        self._has_callbacks |= hasattr(instrument, "callback")

    def _guarded(self, record: Callable[..., None]) -> Callable[..., None]:
        # The SDK raises in the function's code where the API alone would not: no number.
        shielded = self._shield("record a measurement", "it is lost")

        def guarded(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # its own
            with shielded:
                record(*args, **kwargs)
                self._has_recorded = True

        return guarded
