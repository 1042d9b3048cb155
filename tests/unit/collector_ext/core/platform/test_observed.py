"""A lifecycle with platform telemetry: what is added to what the lifecycle does."""

from __future__ import annotations

import json

import pytest

from collector_ext.core.actions import AskNext, Exit, Export
from collector_ext.core.delivery.report import Report
from collector_ext.core.delivery.strategy import End, Next
from collector_ext.core.events import (
    Delivered,
    ExportFinished,
    InvokeReceived,
    PayloadReceived,
    PlatformReported,
    RuntimeDone,
    ShutdownReceived,
    TimerExpired,
)
from collector_ext.core.function_logs import batch
from collector_ext.core.function_logs.forwarding import FunctionLogs
from collector_ext.core.lifecycle import DRAINING, GONE, READY, Lifecycle
from collector_ext.core.otlp import LOGS, METRICS, PROTOBUF, TRACES
from collector_ext.core.platform.metrics import PlatformMetrics
from collector_ext.core.platform.observed import (
    LAST_REPORT_S,
    LATE_BYTES_MAX,
    RECORD_COUNT_MAX,
    SHUTDOWN_MARGIN_S,
    Observed,
)
from collector_ext.core.platform.price import Prices
from collector_ext.core.platform.traces import PlatformTraces
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import outbox_to, pipelines_to
from tests.fakes.platform_entries import at_ns, at_s, init, invocation, records_in, report, start
from tests.fakes.telemetry_requests import items_in, names_in, request, span

ROOT = bytes(7) + b"\x01"
NOW = at_s(122)
OPEN = payload_of(
    TRACES, PROTOBUF, request(TRACES, span("root", span_id=ROOT, start_time_unix_nano=at_ns(122)))
)
FINAL = payload_of(TRACES, PROTOBUF, request(TRACES, span("root", span_id=ROOT)))

INVOKE = InvokeReceived("r-1", deadline_at=NOW + 3.0)
START = PayloadReceived(OPEN, "r-1", "start")
ENDED = PayloadReceived(FINAL, "r-1", "end")
SHUTDOWN = ShutdownReceived("spindown", deadline_at=NOW + 62.0)
LATER = NOW + 60.0
TIMER = TimerExpired()

COLD = [*init(0, 120), start("r-1", 121)]
INIT = ["aws.lambda.init", "aws.lambda.initRuntime", "aws.lambda.initExtensions"]
OVERHEAD = ["aws.lambda.extensionOverhead"]


def reported(*entries):
    return [PlatformReported(record) for record in records_in(entries)]


REPORT = reported(report("r-1", 121, 30))


def finished(order):
    """Everything in an order was delivered."""
    outcomes = tuple(Delivered(sent, 0, "") for sent in order.requests)
    return ExportFinished(order.exporter, outcomes)


class Driven:
    """An observed lifecycle, and what it exported; its endpoints take everything at once."""

    def __init__(self, strategy=None, *, has_traces=True, has_metrics=True):
        names = {s: f"https://otlp.example{s.path}" for s in (TRACES, METRICS)}
        pipelines = pipelines_to(outbox_to(names))
        prices = Prices(1.0, 1.0)
        self.metrics = PlatformMetrics(prices, {}, "0.1.0")
        metrics = self.metrics if has_metrics else None
        self.lifecycle = Lifecycle(
            pipelines,
            strategy or End(),
            flush_timeout_s=10.0,
            has_telemetry=True,
            report=Report(pipelines, {}, "0.1.0", NOW, platform=metrics),
        )
        traces = PlatformTraces("0.1.0") if has_traces else None
        self.core = Observed(self.lifecycle, traces, metrics)
        self.spans: list[str] = []
        self.measured: list[str] = []

    def after(self, *events, at=NOW):
        for event in events:
            self.feed(event, at)
        return self

    def feed(self, event, at=NOW):
        """Feed one event, deliver what is exported, and return all actions."""
        actions = self.core.handle(event, at)
        for action in actions:
            if isinstance(action, Export):
                self._note(action)
                actions += self.core.handle(finished(action), at)
        return actions

    def _note(self, order):
        for sent in order.requests:
            known = self.spans if sent.signal == TRACES else self.measured
            known += names_in(sent.signal, sent.merged())

    def invocation_count(self):
        """How many were counted."""
        found = items_in(METRICS, self.metrics.take(1, 2))
        return sum(
            point.as_int
            for metric in found
            if metric.name == "faas.invocations"
            for point in metric.sum.data_points
        )

    def held(self):
        """Count and sum of how long Lambda has waited."""
        found = [
            metric.histogram.data_points[0]
            for metric in items_in(METRICS, self.metrics.take(1, 2))
            if metric.name == "otel_layer.hold_duration"
        ]
        return [(point.count, pytest.approx(point.sum, abs=1e-6)) for point in found]


@pytest.fixture
def driven():
    return Driven()


class TestSpans:
    """They leave with the next flush after they were told; nothing waits for them."""

    def test_what_was_told_in_time_leaves_with_its_invocation(self, driven):
        driven.after(INVOKE, START, *reported(*COLD), ENDED)

        assert driven.spans == [*INIT, "root"]

    def test_nothing_waits_for_what_was_not_told(self, driven):
        driven.after(INVOKE, START)

        assert AskNext() in driven.feed(ENDED)

    def test_what_was_told_late_leaves_with_the_next_invocation(self, driven):
        driven.after(INVOKE, START, ENDED)
        assert driven.after(*REPORT, at=LATER).spans == ["root"]

        driven.after(InvokeReceived("r-2", deadline_at=LATER + 3.0), at=LATER)
        driven.after(PayloadReceived(FINAL, "r-2", "end"), at=LATER)

        assert driven.spans[1:] == [*OVERHEAD, "root"]

    def test_what_is_told_again_is_not_new(self, driven):
        driven.after(INVOKE, START, *REPORT, *REPORT, ENDED)

        assert driven.spans == [*OVERHEAD, "root"]
        assert driven.invocation_count() == 1

    def test_what_waited_for_its_root_leaves_with_it(self, driven):
        driven.after(*reported(*COLD), INVOKE, START, ENDED)

        assert driven.spans == [*INIT, "root"]

    def test_there_may_be_metrics_alone(self):
        driven = Driven(has_traces=False).after(INVOKE, START, *REPORT, ENDED)

        assert driven.spans == ["root"]
        assert "faas.invocations" in driven.after(SHUTDOWN, at=LATER).measured

    def test_there_may_be_spans_alone(self):
        driven = Driven(has_metrics=False).after(INVOKE, START, *REPORT, ENDED)

        assert driven.spans == [*OVERHEAD, "root"]
        assert "faas.invocations" not in driven.after(SHUTDOWN, at=LATER).measured


class TestTime:
    """It is the lifecycle's."""

    def test_its_timers_are_the_lifecycles(self, driven):
        driven.after(INVOKE, START)

        assert driven.core.timer_at(NOW) == driven.lifecycle.timer_at(NOW)
        assert driven.feed(TIMER, NOW) == []


class TestShutdown:
    """It waits a moment for the report of the last invocation, which comes after the thaw."""

    def test_what_is_told_then_leaves(self, driven):
        driven.after(INVOKE, START, ENDED)
        assert driven.feed(SHUTDOWN, LATER) == []

        actions = driven.feed(*REPORT, LATER + 0.03)

        assert isinstance(actions[-1], Exit)
        assert driven.spans == ["root", *OVERHEAD]
        assert "faas.invocations" in driven.measured

    def test_it_does_not_wait_for_long(self, driven):
        driven.after(INVOKE, START, ENDED).after(SHUTDOWN, at=LATER)

        assert driven.core.timer_at(LATER) == LATER + LAST_REPORT_S
        assert driven.feed(TIMER, LATER + LAST_REPORT_S / 2) == []
        assert Exit() in driven.feed(TIMER, LATER + LAST_REPORT_S)
        assert driven.lifecycle.phase == GONE

    def test_it_does_not_wait_for_what_was_told(self, driven):
        driven.after(INVOKE, START, ENDED).after(*REPORT, at=LATER)

        assert Exit() in driven.feed(SHUTDOWN, LATER)

    def test_it_does_not_wait_where_nothing_was_invoked(self, driven):
        assert Exit() in driven.feed(SHUTDOWN, LATER)

    def test_the_report_of_another_invocation_is_not_waited_for(self, driven):
        driven.after(INVOKE, START, ENDED).after(SHUTDOWN, at=LATER)

        assert Exit() not in driven.after(*reported(report("r-0", 0, 3)), at=LATER).feed(
            TIMER, LATER
        )

    def test_it_does_not_wait_without_time(self, driven):
        driven.after(INVOKE, START, ENDED)
        hasty = ShutdownReceived("timeout", LATER + SHUTDOWN_MARGIN_S)

        assert Exit() in driven.feed(hasty, LATER)

    def test_it_does_not_wait_when_the_clock_goes_back(self, driven):
        driven.after(INVOKE, START, ENDED).after(SHUTDOWN, at=LATER)

        assert driven.core.timer_at(NOW) == NOW
        assert Exit() in driven.feed(TIMER, NOW)

    def test_how_the_invocation_ended_is_told_first(self, driven):
        crash = RuntimeDone("r-1", "error", "Runtime.ExitError", at=NOW + 1)
        driven.after(INVOKE, START).after(ShutdownReceived("failure", NOW + 3.0), crash, at=NOW + 1)

        assert Exit() in driven.feed(*REPORT, NOW + 1)
        assert sorted(driven.spans) == [*OVERHEAD, "root"]

    def test_the_lifecycles_own_timers_go_on(self, driven):
        driven.after(INVOKE, START).after(SHUTDOWN, at=NOW + 2.99)

        assert driven.core.timer_at(NOW + 2.99) == driven.lifecycle.timer_at(NOW + 2.99)


class TestHowLongLambdaWaits:
    """From the first sign of the end of an invocation until next is asked for."""

    def test_is_the_whole_of_the_flush(self, driven):
        driven.after(INVOKE, START)
        (order,) = [a for a in driven.core.handle(ENDED, NOW + 1) if isinstance(a, Export)]

        actions = driven.core.handle(finished(order), NOW + 1.25)

        assert AskNext() in actions
        assert driven.held() == [(1, 0.25)]

    def test_may_begin_before_invoke_is_read(self, driven):
        driven.after(START, ENDED).after(INVOKE, at=NOW + 0.01)

        assert driven.held() == [(1, 0.01)]

    def test_begins_when_the_runtime_was_done_if_nobody_else_told(self, driven):
        driven.after(INVOKE).after(RuntimeDone("r-1", "success", "", at=NOW + 1), at=NOW + 1.03)

        assert driven.held() == [(1, 0.03)]

    def test_begins_with_the_first_sign(self, driven):
        driven.after(INVOKE, START)
        (order,) = [a for a in driven.core.handle(ENDED, NOW + 1) if isinstance(a, Export)]
        driven.core.handle(RuntimeDone("r-1", "success", "", at=NOW + 1.01), NOW + 1.03)
        driven.core.handle(finished(order), NOW + 1.25)

        assert driven.held() == [(1, 0.25)]

    def test_is_of_this_try_of_a_request(self, driven):
        driven.after(INVOKE, START, ENDED).held()
        late = RuntimeDone("r-1", "success", "", at=NOW)
        driven.after(InvokeReceived("r-1", LATER + 3), late, at=LATER)
        driven.after(ENDED, at=LATER + 1)

        assert driven.held() == [(1, 0.0)]

    def test_does_not_begin_with_the_end_of_an_earlier_try(self, driven):
        driven.after(PayloadReceived(FINAL, "r-1", "end"))
        driven.after(InvokeReceived("r-1", LATER + 3), at=LATER).after(ENDED, at=LATER + 1)

        assert driven.held() == [(1, 0.0)]

    def test_is_not_negative_when_the_clock_goes_back(self, driven):
        driven.after(INVOKE, START)
        (order,) = [a for a in driven.core.handle(ENDED, NOW + 1) if isinstance(a, Export)]
        driven.core.handle(finished(order), NOW + 0.5)

        assert driven.held() == [(1, 0.0)]

    def test_is_nothing_with_a_strategy_that_overlaps(self):
        driven = Driven(Next()).after(INVOKE, START, ENDED)
        driven.after(InvokeReceived("r-2", LATER + 3), at=LATER)

        assert driven.held() == []

    def test_may_be_of_no_interest(self):
        driven = Driven(has_metrics=False).after(INVOKE, START, ENDED)

        assert (driven.lifecycle.phase, driven.held()) == (READY, [])


def test_only_so_many_records_are_known_again(driven):
    driven.after(INVOKE, START, *REPORT)
    driven.after(*reported(*(start(f"r-{n}", n) for n in range(RECORD_COUNT_MAX))))

    driven.after(*REPORT, ENDED)

    assert driven.spans == [*OVERHEAD, "root"], "a span is made once all the same"


def test_an_invocation_of_the_sandbox_is_told_whole(driven):
    driven.after(INVOKE, START, *reported(*init(0, 120), *invocation("r-1", 122, took_ms=30)))

    assert len(driven.after(ENDED).spans) == len([*INIT, *OVERHEAD, "root"]) + 3


def wrote(*lines, after=()):
    """A batch with lines that the function wrote, and what the platform told before."""
    written = [{"type": "function", "record": line} for line in lines]
    return batch.events_in(json.dumps([*after, *written]).encode(), NOW)[0]


def sent(actions):
    """The bodies of log records in the orders among these actions."""
    return [
        record.body.string_value
        for action in actions
        if isinstance(action, Export)
        for one in action.requests
        if one.signal == LOGS
        for record in items_in(LOGS, one.merged())
    ]


def orders(actions):
    return [action for action in actions if isinstance(action, Export)]


class Logged:
    """A lifecycle that is told what the function wrote; nothing is delivered by itself."""

    def __init__(self, strategy=None, *, has_logs=True):
        names = {s: f"https://otlp.example{s.path}" for s in (TRACES, LOGS)}
        self.lifecycle = Lifecycle(
            pipelines_to(outbox_to(names)),
            strategy or End(),
            flush_timeout_s=10.0,
            has_telemetry=True,
        )
        logs = FunctionLogs({}, "0.1.0", is_concurrent=False) if has_logs else None
        self.core = Observed(self.lifecycle, None, None, logs)

    def feed(self, *events, at=NOW):
        return [action for event in events for action in self.core.handle(event, at)]


class TestWhatTheFunctionWrote:
    """Leaves with the next flush; Lambda waits for none of it."""

    def test_what_came_in_time_leaves_with_its_invocation(self):
        actions = Logged().feed(INVOKE, START, wrote("hello"), ENDED)

        assert sent(actions) == ["hello"]

    def test_what_comes_with_the_end_leaves_with_it(self):
        done = RuntimeDone("r-1", "success", "", NOW)

        assert sent(Logged().feed(INVOKE, wrote("hello"), done)) == ["hello"]

    def test_what_comes_late_is_not_waited_for(self):
        logged = Logged()
        (order,) = orders(logged.feed(INVOKE, START, ENDED))
        assert logged.feed(wrote("late")) == []
        assert logged.lifecycle.phase == DRAINING

        actions = logged.feed(finished(order))

        assert actions == [AskNext()]

    def test_it_leaves_with_the_next_flush(self):
        logged = Logged()
        (order,) = orders(logged.feed(INVOKE, START, ENDED))
        logged.feed(wrote("late"), finished(order))

        logged.feed(InvokeReceived("r-2", deadline_at=NOW + 3.0))

        assert sent(logged.feed(PayloadReceived(FINAL, "r-2", "end"))) == ["late"]

    def test_or_at_shutdown(self):
        logged = Logged()
        (order,) = orders(logged.feed(INVOKE, START, ENDED))
        logged.feed(wrote("late"), finished(order), wrote("later"), *REPORT)

        assert sent(logged.feed(SHUTDOWN)) == ["late", "later"]

    def test_with_no_time_for_that_it_is_counted(self):
        logged = Logged()
        logged.feed(INVOKE, START, ENDED, wrote("late"))

        actions = logged.feed(ShutdownReceived("timeout", deadline_at=NOW))

        summary = actions[-2].text
        assert "1 log record received, 0 exported, 1 dropped (shutdown 1)" in summary

    def test_shutdown_waits_a_moment_for_the_last_of_it(self):
        logged = Logged()
        (order,) = orders(logged.feed(INVOKE, START, ENDED))
        logged.feed(finished(order))

        assert logged.feed(SHUTDOWN, at=LATER) == []
        assert sent(logged.feed(wrote("last"), *REPORT, at=LATER)) == ["last"]

    def test_little_is_kept_from_a_flush(self):
        logged = Logged()
        (order,) = orders(logged.feed(INVOKE, START, ENDED))
        logged.feed(wrote("x" * (LATE_BYTES_MAX // 8), "late"))

        actions = logged.feed(wrote(*["y" * (LATE_BYTES_MAX // 8)] * 7), finished(order))

        assert len(sent(actions)) == 7

    def test_with_a_strategy_that_overlaps_nothing_is_kept_back(self):
        logged = Logged(Next())
        logged.feed(INVOKE, START, ENDED, wrote("late"), *REPORT)

        assert sent(logged.feed(SHUTDOWN)) == ["late"]

    def test_its_trace_is_that_of_the_invocation(self):
        logged = Logged()
        told = wrote("hello", after=[start("r-1", 121)])
        actions = logged.feed(INVOKE, START, told, ENDED)

        (order,) = orders(actions)
        records = [
            r for one in order.requests if one.signal == LOGS for r in items_in(LOGS, one.merged())
        ]
        assert [record.span_id for record in records] == [ROOT]

    def test_what_lambda_dropped_is_said(self):
        lost = {"type": "platform.logsDropped", "record": {"droppedRecords": 3}}

        (said,) = Logged().feed(wrote(after=[lost]))

        assert "Lambda dropped 3 records" in said.text

    @pytest.mark.parametrize("entries", [[INVOKE], []])
    def test_shutdown_has_the_last_word_on_that(self, entries):
        lost = {"type": "platform.logsDropped", "record": {"droppedRecords": 3}}
        logged = Logged()
        logged.feed(*entries, wrote(after=[lost]), wrote(after=[lost, start("r-0", 0)]))
        logged.feed(wrote(after=[{**lost, "record": {"droppedRecords": 2}}]))

        actions = logged.feed(SHUTDOWN, *REPORT)

        assert "Lambda dropped 8 records" in actions[0].text

    def test_where_it_is_not_wanted_it_is_passed_over(self):
        assert sent(Logged(has_logs=False).feed(INVOKE, START, wrote("hello"), ENDED)) == []
