"""From what the platform tells to metrics of the function."""

from __future__ import annotations

from collector_ext.core import otlp_metrics, wire
from collector_ext.core.platform import instruments
from collector_ext.core.platform.instruments import Measurements
from collector_ext.core.platform.records import (
    INIT_REPORT,
    INVOKE_REPORT,
    INVOKE_RUNTIME_DONE,
    RESTORE_REPORT,
)
from collector_ext.core.platform.startup import SNAP_START, Startup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from collector_ext.core.platform.price import Prices
    from collector_ext.core.platform.records import PlatformRecord
    from collector_ext.core.platform.root import Root

    T = TypeVar("T")

INVOCATION_COUNT_MAX = 256
"""Invocations of which something is known and the report is not told yet."""

INITIALIZATION_TYPE = "aws.lambda.initialization_type"
"""Attribute of ``faas.init_duration``: whether anyone may have waited for it."""

ERROR_TYPE = "error.type"
OTHER = "_OTHER"
"""The conventions' word for an error without a name of its own."""

EXTENSION_OVERHEAD = "extensionOverhead"
"""Lambda's name for the part of an invocation that is its extensions' alone."""

_SCOPE_NAME = "otel_layer.platform"
_SUCCESS, _TIMEOUT = "success", "timeout"
_S_PER_MS = 1 / 1_000
_S_PER_NS = 1 / 1_000_000_000
_BYTES_PER_MB = 1024 * 1024
"""Lambda's "MB" are mebibytes."""


class PlatformMetrics:
    """Measure by records.

    Args:
        prices: For the estimated cost.
        resource: The attributes of what the metrics are of.
        version: The collector's own.
    """

    def __init__(self, prices: Prices, resource: Mapping[str, str], version: str) -> None:
        self._prices = prices
        self._resource = resource
        self._version = version
        self._startup = Startup()
        self._measured = Measurements()
        self._done: dict[str, PlatformRecord] = {}  # by request id, until its report
        self._root_ids: dict[str, bytes] = {}  # likewise
        self._failed: dict[str, bool] = {}  # likewise: whether its root span says so
        self._initialised_within = ""  # the request id of the invocation that had to, after a reset

    def take(self, start_ns: int, end_ns: int) -> bytes:
        """Return a request of what was measured since the last one; empty for nothing.

        Args:
            start_ns: When the last one was taken, in nanoseconds since the epoch.
            end_ns: Now, likewise.
        """
        metrics = self._measured.take(start_ns, end_ns)
        return otlp_metrics.request(self._resource, _SCOPE_NAME, self._version, metrics)

    def started(self, request_id: str, root: Root | None) -> None:
        """Take the provisional root of an invocation; None for one that cannot be read."""
        if root is not None:
            _remember(self._root_ids, request_id, root.span_id)

    def ended(self, request_id: str, body: bytes) -> None:
        """Take the last spans of an invocation: its root may say what Lambda does not know."""
        root_id = self._root_ids.get(request_id)
        if root_id and wire.holds_failed_span(body, root_id):
            _remember(self._failed, request_id, value=True)

    def held(self, duration_s: float) -> None:
        """Take note of how long Lambda has waited for us."""
        self._measured.add(instruments.HOLD_DURATION, duration_s)

    def told(self, record: PlatformRecord) -> None:
        """Take a record."""
        cold_start = self._startup.told(record)
        if cold_start is not None:
            self._measured.add(instruments.COLD_STARTS, 1)
            self._initialised_within = record.request_id if cold_start.phase == "invoke" else ""
        if record.kind in {INIT_REPORT, RESTORE_REPORT}:
            self._initialised(record)
        elif record.kind == INVOKE_RUNTIME_DONE:
            _remember(self._done, record.request_id, record)
        elif record.kind == INVOKE_REPORT:
            self._reported(record)

    def _initialised(self, record: PlatformRecord) -> None:
        found = self._startup.initialization_type
        # A snapshot was initialised when it was published: once, and not in this environment.
        is_stale = found == SNAP_START and record.kind == INIT_REPORT
        if "durationMs" in record.metrics and not is_stale:
            duration_s = record.metrics["durationMs"] * _S_PER_MS
            attribute = (INITIALIZATION_TYPE, found)
            self._measured.add(instruments.INIT_DURATION, duration_s, attribute)

    def _reported(self, report: PlatformRecord) -> None:
        request_id = report.request_id
        done = self._done.pop(request_id, None)
        self._root_ids.pop(request_id, None)
        self._count(report, done, is_failed=self._failed.pop(request_id, False))
        # Managed Instances have no runtimeDone, and nobody else in their report's duration.
        ran_ms = (done or report).metrics.get("durationMs")
        if ran_ms is not None:
            self._measured.add(instruments.INVOKE_DURATION, ran_ms * _S_PER_MS)
        overhead_s = _told_overhead_s(report)
        if overhead_s is None and done is not None and request_id != self._initialised_within:
            overhead_s = _difference_s(report, done)
        if overhead_s is not None:
            self._measured.add(instruments.EXTENSION_OVERHEAD, overhead_s)
        self._memory_and_money(report.metrics)

    def _count(
        self, report: PlatformRecord, done: PlatformRecord | None, *, is_failed: bool
    ) -> None:
        """Count an invocation once: as a timeout, an error or a success."""
        known = [each for each in (report, done) if each is not None]
        status = next((each.status for each in known if each.status), _SUCCESS)
        if status == _TIMEOUT:
            self._measured.add(instruments.TIMEOUTS, 1)
        elif status != _SUCCESS or is_failed:
            error_type = next((each.error_type for each in known if each.error_type), OTHER)
            self._measured.add(instruments.ERRORS, 1, (ERROR_TYPE, error_type))
        else:
            self._measured.add(instruments.INVOCATIONS, 1)

    def _memory_and_money(self, metrics: Mapping[str, float]) -> None:
        used_mb, size_mb = metrics.get("maxMemoryUsedMB"), metrics.get("memorySizeMB")
        if used_mb is not None:
            self._measured.add(instruments.MEM_USAGE, used_mb * _BYTES_PER_MB)
        if size_mb is not None:
            self._measured.add(instruments.MEMORY_SIZE, round(size_mb * _BYTES_PER_MB))
        billed_ms = metrics.get("billedDurationMs")
        if billed_ms is None:
            return
        # A restore is billed by itself, an initialisation is in the duration.
        billed_s = (billed_ms + metrics.get("billedRestoreDurationMs", 0)) * _S_PER_MS
        self._measured.add(instruments.BILLED_DURATION, billed_s)
        if size_mb is not None:
            found = self._startup.initialization_type
            cost = self._prices.cost(found, billed_s, size_mb)
            if cost is not None:
                self._measured.add(instruments.ESTIMATED_COST, cost)


def _told_overhead_s(report: PlatformRecord) -> float | None:
    """Return what Lambda says that extensions took when the runtime was done."""
    parts = [part.duration_ns for part in report.parts if part.name == EXTENSION_OVERHEAD]
    return parts[0] * _S_PER_NS if parts else None


def _difference_s(report: PlatformRecord, done: PlatformRecord) -> float | None:
    """Return what came after the runtime was done: of an invocation that succeeded, extensions."""
    whole_ms, ran_ms = (each.metrics.get("durationMs") for each in (report, done))
    if whole_ms is None or ran_ms is None or done.status != _SUCCESS:
        return None
    return max(0.0, whole_ms - ran_ms) * _S_PER_MS


def _remember(known: dict[str, T], request_id: str, value: T) -> None:
    known[request_id] = value
    if len(known) > INVOCATION_COUNT_MAX:
        del known[next(iter(known))]
