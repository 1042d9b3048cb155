"""What the platform tells: its events to subscribers and watchers, its lines to the log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_sandbox.core.actions import Action, PlatformEvent, Record, WriteLine
from lambda_sandbox.core.events import RUNTIME
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START
from lambda_sandbox.core.instant import iso_time
from lambda_sandbox.core.telemetry import records
from lambda_sandbox.core.telemetry.subscription import Subscription
from lambda_sandbox.core.telemetry.telemetry_api import TelemetryApi

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_sandbox.core.api import Reply
    from lambda_sandbox.core.function import FunctionFacts
    from lambda_sandbox.core.invocation import Invocation, Run


class Journal:
    """Turn moments of the lifecycle into events and lines.

    Args:
        function: Whose environment this is.
        supported: Whether the Telemetry API is.
        epoch_s: The wall clock when the monotonic clock was 0.
        out: Where the actions go.
    """

    def __init__(
        self, function: FunctionFacts, *, supported: bool, epoch_s: float, out: list[Action]
    ) -> None:
        self._function = function
        self._supported = supported
        self._epoch_s = epoch_s
        self._out = out
        self.renew()

    def epoch(self, now: float) -> float:
        """Return a monotonic instant as seconds since the epoch."""
        return self._epoch_s + now

    def epoch_ms(self, now: float) -> int:
        """Return a monotonic instant as the APIs name one: in whole milliseconds, never late."""
        return int(self.epoch(now) * 1000)

    def renew(self) -> None:
        """Forget the subscribers, and what was used so far: the processes are gone."""
        self._start_up: records.StartUp | None = None  # until it was reported
        self._used_bytes = 0
        managed = self._function.initialization_type == MANAGED_INSTANCES
        self.telemetry = TelemetryApi(supported=self._supported, managed=managed)

    def measured(self, used_bytes: int) -> None:
        """Keep the peak memory for the next report."""
        self._used_bytes = max(self._used_bytes, used_bytes)

    def deliver(self, now: float, *, begin: bool = True) -> None:
        """Send the telemetry that is due, if batches may be begun; give up what is overdue."""
        time = iso_time(self.epoch(now))
        self._out += self.telemetry.deliver(time, now, begin=begin)

    def line_written(self, process: str, text: str, now: float) -> None:
        """Take a line that a process wrote."""
        if process == RUNTIME:
            self._out.append(WriteLine("function", self._function.name, text))
            self._publish_line("function", text, now)
        else:
            self._out.append(WriteLine("extension", process.rpartition("/")[2], text))
            self._publish_line("extension", text, now)

    def _publish_line(self, source: str, text: str, now: float) -> None:
        plain = self._event(source, text, now)
        record = records.log_record(text, self._function.log_format)
        if record is text:
            self.telemetry.publish(plain, now)
        else:
            self.telemetry.publish({**plain, "record": record}, now, plain)

    def subscribe(self, name: str, body: bytes, now: float) -> Subscription | Reply:
        """Take a telemetry subscription."""
        answer = self.telemetry.subscribe(name, body, now)
        if isinstance(answer, Subscription):
            record = {"name": name, "state": "Subscribed", "types": list(answer.types)}
            self._publish("platform.telemetrySubscription", record, now)
        return answer

    def init_started(self, phase: str, now: float) -> None:
        """Initialisation begins."""
        self._publish("platform.initStart", records.init_start(self._function, phase), now)

    def runtime_initialised(
        self, phase: str, status: str, error_type: str | None, now: float
    ) -> None:
        """The runtime asked next for the first time, or never will."""
        record = records.init_runtime_done(self._function, phase, status, error_type)
        self._publish("platform.initRuntimeDone", record, now)

    def extension_initialised(
        self, name: str, state: str, events: Iterable[str], error_type: str | None, now: float
    ) -> None:
        """Initialisation has ended, and this is where an extension stands."""
        record = records.extension(name, state, events, error_type)
        self._publish("platform.extension", record, now)

    def initialised(
        self, phase: str, status: str, error_type: str | None, started_at: float, now: float
    ) -> None:
        """Initialisation has ended."""
        duration_s = now - started_at
        record = records.init_report(self._function, phase, status, error_type, duration_s)
        self._publish("platform.initReport", record, now)
        if status != "success":
            self._write(records.init_report_line(record))
        elif phase == "init" and self._function.initialization_type != SNAP_START:
            self._start_up = records.StartUp(restored=False, duration_s=duration_s)

    def restore_started(self, now: float) -> None:
        """A snapshot is about to be restored."""
        self._publish("platform.restoreStart", records.restore_start(self._function), now)

    def runtime_restored(self, status: str, error_type: str | None, now: float) -> None:
        """The restored runtime asked next, or never will."""
        record = records.restore_runtime_done(status, error_type)
        self._publish("platform.restoreRuntimeDone", record, now)

    def restored(self, status: str, error_type: str | None, started_at: float, now: float) -> None:
        """The restore has ended."""
        duration_s = now - started_at
        record = records.restore_report(status, error_type, duration_s)
        self._publish("platform.restoreReport", record, now)
        if status == "success":
            self._start_up = records.StartUp(restored=True, duration_s=duration_s)

    def invoked(self, invocation: Invocation, now: float) -> None:
        """An invocation begins."""
        version = self._function.version
        self._write(f"START RequestId: {invocation.request_id} Version: {version}")
        managed = self._function.initialization_type == MANAGED_INSTANCES
        record = {
            "requestId": invocation.request_id,
            "version": version,
            **({"functionArn": self._function.arn} if managed else {}),
            **records.tracing(invocation.trace_header),
        }
        self._publish("platform.start", record, now)

    def runtime_done(self, run: Run, status: str, error_type: str | None, now: float) -> None:
        """The runtime asked next again, or never will."""
        record = {
            "requestId": run.request_id,
            "status": status,
            **records.error(error_type),
            **self._runtime_metrics(run, now),
            **records.tracing(run.invocation.trace_header),
        }
        self._publish("platform.runtimeDone", record, now)

    def _runtime_metrics(self, run: Run, now: float) -> records.Record:
        metrics = {"durationMs": records.milliseconds(now - run.started_at)}
        if run.outcome is None:
            return {"metrics": metrics}
        responded_at = run.started_at + run.outcome.duration_s
        overhead = records.span("runtimeOverhead", self.epoch(responded_at), now - responded_at)
        return {
            "metrics": {**metrics, "producedBytes": len(run.outcome.payload)},
            "spans": [*self._response_spans(run), overhead],
        }

    def reported(self, run: Run, status: str, error_type: str | None, now: float) -> None:
        """Everybody is done with an invocation."""
        duration_s, start_up = now - run.charged_at, self._start_up
        self._start_up = None
        metrics = records.metrics(self._function, duration_s, start_up, self._used_bytes)
        record = {
            "requestId": run.request_id,
            "status": status,
            **records.error(error_type),
            "metrics": metrics,
            **self._extension_overhead(run, now),
            **records.tracing(run.invocation.trace_header),
        }
        self._publish("platform.report", record, now)
        self._write(f"END RequestId: {run.request_id}")
        self._write(records.report_line(run.request_id, record))

    def reported_managed(self, run: Run, status: str, error_type: str | None, now: float) -> None:
        """A managed instance is done with an invocation: this is all it tells of the end."""
        spans = self._response_spans(run)
        record = {
            "requestId": run.request_id,
            "status": status,
            **records.error(error_type),
            "metrics": {"durationMs": records.milliseconds(now - run.started_at)},
            **({"spans": spans} if spans else {}),
            **records.tracing(run.invocation.trace_header),
        }
        self._publish("platform.report", record, now)

    def _response_spans(self, run: Run) -> list[records.Record]:
        if run.outcome is None:
            return []
        latency_s = run.outcome.duration_s
        responded_at = self.epoch(run.started_at + latency_s)
        return [
            records.span("responseLatency", self.epoch(run.started_at), latency_s),
            records.span("responseDuration", responded_at, 0.0),
        ]

    def _extension_overhead(self, run: Run, now: float) -> records.Record:
        done_at = run.runtime_done_at
        if done_at is None:
            return {}
        span = records.span("extensionOverhead", self.epoch(done_at), now - done_at)
        return {"spans": [span]}

    def failed(self, request_id: str, text: str, error_type: str) -> None:
        """Something ended that should not have: say so as CloudWatch does."""
        self._write(f"RequestId: {request_id} Error: {text}")
        self._write(error_type)

    def timed_out(self, line: str) -> None:
        """Say that an invocation was cut off."""
        self._write(line)

    def _write(self, text: str) -> None:
        """Write a line of the text format; in the JSON format, the events are the lines."""
        if self._function.log_format != "JSON":
            self._out.append(WriteLine("platform", "lambda", text))

    def _publish(self, event_type: str, record: records.Record, now: float) -> None:
        event = self._event(event_type, record, now)
        self._out.append(Record(event))
        if self._function.log_format == "JSON":
            line = json.dumps(event, separators=(",", ":"))
            self._out.append(WriteLine("platform", "lambda", line))
        self.telemetry.publish(event, now)

    def _event(self, event_type: str, record: object, now: float) -> PlatformEvent:
        time = iso_time(self.epoch(now))
        return {"time": time, "type": event_type, "record": record}
