"""What the collector does about each event, situation by situation."""

from __future__ import annotations

from typing import Any

import pytest

from collector_ext.core import wire
from collector_ext.core.actions import INFO, WARN, AskNext, Exit, Export, Say
from collector_ext.core.delivery.failures import LOCAL, TIMEOUT, UNAVAILABLE
from collector_ext.core.delivery.flush import OUTCOME_GRACE_S
from collector_ext.core.delivery.strategy import Continuous, End, Next, Periodic
from collector_ext.core.events import (
    ClientGone,
    Delivered,
    ExportFinished,
    InitDone,
    InitStarted,
    InvokeReceived,
    KeptFound,
    NextFailed,
    PayloadReceived,
    PlatformReported,
    RequestRefused,
    RuntimeDone,
    ShutdownReceived,
    TimerExpired,
)
from collector_ext.core.invocation import BACK_AGAIN_S, EARLY_END_COUNT_MAX, FIRST_MESSAGE_S
from collector_ext.core.lifecycle import (
    DEADLINE_MARGIN_S,
    DRAINING,
    EXITING,
    FAILURE_DRAIN_S,
    GONE,
    LAST_CALL_S,
    NEXT_RETRY_S,
    READY,
    RUNNING,
    Lifecycle,
)
from collector_ext.core.otlp import JSON, LOGS, PROTOBUF, TRACES, ExportRequest
from tests.fakes.outcomes import failed, refused
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import outbox_to, pipelines_to
from tests.fakes.platform_entries import records_in, start
from tests.fakes.trace_requests import export_request, span_id, spans_in

NOW = 1_000.0
TIMEOUT_S = 10.0
NAME = "https://otlp.example/v1/traces"

ROOT, CHILD = span_id(1), span_id(2)
SPANS = payload_of(
    TRACES, PROTOBUF, export_request(("child", CHILD), parent=ROOT), is_suspect=False
)
FINAL = payload_of(TRACES, PROTOBUF, export_request(("root", ROOT)))
OPEN = payload_of(TRACES, PROTOBUF, export_request(("root", ROOT), is_open=True))
OPEN_CHILD = payload_of(
    TRACES, PROTOBUF, export_request(("child", CHILD), is_open=True), is_suspect=False
)
NOTHING = payload_of(TRACES, PROTOBUF, b"")
LOG = payload_of(LOGS, PROTOBUF, b"log")

INVOKE = InvokeReceived("r-1", deadline_at=NOW + 3.0)
NEXT_INVOKE = InvokeReceived("r-2", deadline_at=NOW + 60.0)
SHUTDOWN = ShutdownReceived("spindown", deadline_at=NOW + 2.0)
START = PayloadReceived(OPEN, "r-1", "start")
SNAPSHOT = PayloadReceived(OPEN_CHILD, "r-1", "snapshot")
POST = PayloadReceived(SPANS, "r-1", "")
END = PayloadReceived(FINAL, "r-1", "end")
EMPTY_END = PayloadReceived(NOTHING, "r-1", "end")
DONE = RuntimeDone("r-1", "success", "", at=NOW)
CRASH = RuntimeDone("r-1", "error", "Runtime.ExitError", at=NOW)
TIMER = TimerExpired()


class Untouched:
    """A processor that lets everything pass."""

    def process(self, _signal, body):
        return body


def made_root(failure):
    """What the composition root would have made."""
    root = failure.root or export_request((f"made for {failure.request_id}", ROOT))
    return wire.end_spans(root, end_ns=0, message=failure.error_type)


class Driven:
    """A lifecycle, and what it has ordered: `export` is the latest order."""

    def __init__(  # noqa: PLR0913 - a test names one or two
        self,
        *,
        strategy=None,
        has_telemetry=True,
        endpoints=(TRACES, LOGS),
        exporters=("otlp",),
        processors=(),
        root_of=made_root,
    ):
        names = {signal: f"https://otlp.example{signal.path}" for signal in endpoints}
        self.lifecycle = Lifecycle(
            pipelines_to(
                *(outbox_to(names, exporter) for exporter in exporters), processors=processors
            ),
            strategy or End(),
            flush_timeout_s=TIMEOUT_S,
            has_telemetry=has_telemetry,
            root_of=root_of,
        )
        self.export: Any = None
        self.exports: dict[str, Any] = {}

    def after(self, *events, at=NOW):
        """Feed events and return this, for the `given` of a test."""
        for event in events:
            self.feed(event, at)
        return self

    def feed(self, event, at=NOW):
        """Feed one event and return the actions."""
        actions = self.lifecycle.handle(event, at)
        for action in actions:
            if isinstance(action, Export):
                self.export = self.exports[action.exporter] = action
        return actions

    def ends(self, outcome, exporter="otlp", at=NOW):
        """An export in flight ends, with one outcome for all of its requests."""
        outcomes = tuple(outcome(request) for request in self.exports[exporter].requests)
        return self.feed(ExportFinished(exporter, outcomes), at)

    def delivers(self, at=NOW):
        """The export in flight succeeds."""
        return self.ends(delivered, at=at)

    def fails(self, at=NOW):
        """The export in flight fails in a way that is not tried again at once."""
        return self.ends(lambda request: failed(request, "HTTP 503", LOCAL), at=at)

    def refuses(self, at=NOW):
        """The endpoint refuses the export in flight for good."""
        return self.ends(lambda request: refused(request, 400), at=at)

    def timer_at(self, now=NOW):
        """When it wants to be called."""
        return self.lifecycle.timer_at(now)


def delivered(request):
    """It was."""
    return Delivered(request, 0, "")


def collector(*events, **options):
    """A lifecycle that has seen these events."""
    return Driven(**options).after(*events)


def export_of(*payloads, until):
    """The order to export these payloads of traces."""
    return Export("otlp", (ExportRequest("otlp", TRACES, payloads),), deadline_at=until)


def names_in(export):
    """The names of the spans that are to be exported, with their status messages."""
    spans = [span for request in export.requests for span in spans_in(request.merged())]
    return [(span.name, span.status.message) for span in spans]


class TestWhileTheFunctionRuns:
    """Telemetry is kept, and nothing is sent: the function has the CPU."""

    def test_spans_wait(self):
        assert collector(INVOKE, START).feed(POST) == []

    def test_what_has_ended_is_exported_shortly_before_the_deadline(self):
        running = collector(INVOKE, START, POST)
        last_call_at = INVOKE.deadline_at - LAST_CALL_S

        assert running.timer_at() == last_call_at
        assert running.feed(TIMER, last_call_at) == [
            export_of(SPANS, until=INVOKE.deadline_at - DEADLINE_MARGIN_S)
        ]

    def test_that_does_not_end_the_invocation(self):
        running = collector(INVOKE, START, POST)
        running.feed(TIMER, INVOKE.deadline_at - LAST_CALL_S)

        assert running.delivers() == []
        assert running.lifecycle.phase == RUNNING

    def test_without_spans_the_last_call_is_nothing(self):
        running = collector(INVOKE, START)

        assert running.feed(TIMER, INVOKE.deadline_at - LAST_CALL_S) == []
        assert running.timer_at() == INVOKE.deadline_at - DEADLINE_MARGIN_S

    def test_a_last_call_for_which_there_is_no_time_is_nothing(self):
        running = collector(INVOKE, START, POST)

        assert running.feed(TIMER, INVOKE.deadline_at - DEADLINE_MARGIN_S) == [AskNext()]

    def test_an_end_that_nobody_tells_is_not_waited_for_beyond_the_deadline(self):
        """Else an invocation that returned just before it would become a timeout."""
        running = collector(INVOKE, START, POST)
        running.feed(TIMER, INVOKE.deadline_at - LAST_CALL_S)
        running.delivers()

        assert running.timer_at() == INVOKE.deadline_at - DEADLINE_MARGIN_S
        assert running.feed(TIMER, running.timer_at()) == [AskNext()]

    def test_an_end_that_is_told_after_that_is_exported_with_the_next_event(self):
        running = collector(INVOKE, START)
        running.feed(TIMER, INVOKE.deadline_at - DEADLINE_MARGIN_S)

        assert running.feed(END, INVOKE.deadline_at - 0.1) == []
        assert names_in(running.after(SHUTDOWN).export) == [("root", "")]

    def test_the_end_of_another_invocation_is_not_its_end(self):
        assert collector(INVOKE, START).feed(RuntimeDone("r-0", "success", "", NOW)) == []

    def test_a_timer_that_comes_early_does_nothing(self):
        assert collector(INVOKE, START, POST).feed(TIMER) == []

    def test_a_request_that_was_refused_is_said(self):
        refused = RequestRefused(400, "POST /v1/traces: not an export request")

        assert collector(INVOKE).feed(refused) == [
            Say(
                WARN,
                "refused what a client sent, HTTP 400: POST /v1/traces: not an export request",
            )
        ]


class TestWhenTheInvocationEnds:
    """Everything is exported before Lambda is allowed to freeze us."""

    @pytest.mark.parametrize("end", [END, DONE], ids=["in band", "by telemetry"])
    def test_next_is_asked_for_once_the_export_is_finished(self, end):
        ended = collector(INVOKE, START, POST, end)

        assert ended.export is not None
        assert ended.delivers() == [AskNext()]

    def test_the_final_root_goes_with_the_other_spans(self):
        assert collector(INVOKE, START, POST).feed(END) == [
            export_of(SPANS, FINAL, until=INVOKE.deadline_at - DEADLINE_MARGIN_S)
        ]

    def test_a_distant_deadline_is_not_made_use_of(self):
        ended = collector(InvokeReceived("r-1", NOW + 900), START, END)

        assert ended.export.deadline_at == NOW + TIMEOUT_S

    def test_next_is_asked_for_at_once_when_there_is_nothing_to_send(self):
        assert collector(INVOKE).feed(EMPTY_END) == [AskNext()]

    def test_the_first_sign_counts_and_the_second_is_nothing(self):
        ended = collector(INVOKE, EMPTY_END)

        assert ended.feed(DONE) == []

    def test_it_does_not_matter_that_the_end_overtook_the_invoke_event(self):
        assert collector(START, END).feed(INVOKE) == [
            export_of(FINAL, until=INVOKE.deadline_at - DEADLINE_MARGIN_S)
        ]

    def test_nor_that_telemetry_did(self):
        assert collector(DONE).feed(INVOKE) == [AskNext()]

    def test_an_export_in_flight_is_waited_for(self):
        running = collector(INVOKE, START, POST)
        running.feed(TIMER, INVOKE.deadline_at - LAST_CALL_S)

        assert running.feed(END) == []
        assert [type(action) for action in running.delivers()] == [Export]
        assert running.delivers() == [AskNext()]

    def test_spans_that_come_during_the_export_go_too(self):
        ended = collector(INVOKE, START, END, POST)

        assert ended.delivers() == [export_of(SPANS, until=INVOKE.deadline_at - DEADLINE_MARGIN_S)]

    def test_a_thread_that_goes_on_sending_does_not_keep_the_next_invocation_waiting(self):
        ended = collector(INVOKE, START, END, POST)
        ended.delivers()

        ended.after(POST)

        assert ended.delivers() == [AskNext()]

    def test_the_parts_of_a_refused_request_are_still_one_export(self):
        ended = collector(INVOKE, START, POST, END)
        ended.refuses()
        ended.after(POST)

        during = ended.delivers()

        assert [type(action) for action in during if action == ended.export] == [Export]
        assert ended.delivers() == [AskNext()]


class TestAnEndpointThatIsAway:
    """It costs a bounded time, and what is not delivered is kept."""

    def test_after_a_failure_next_is_asked_for(self):
        said, asked = collector(INVOKE, START, END).fails()

        assert said.text.endswith("HTTP 503; kept for the next export")
        assert asked == AskNext()

    def test_an_export_without_an_outcome_is_left_at_the_end_of_the_budget(self):
        ended = collector(INVOKE, START, END)
        over_at = INVOKE.deadline_at - DEADLINE_MARGIN_S + OUTCOME_GRACE_S

        assert ended.timer_at() == over_at
        assert ended.feed(TIMER, over_at - 0.01) == []
        assert ended.feed(TIMER, over_at) == [AskNext()]

    def test_its_outcome_is_taken_into_account_later(self):
        ended = collector(INVOKE, START, END)
        ended.feed(TIMER, INVOKE.deadline_at)

        (said,) = ended.fails()
        assert said.level == WARN
        assert ended.lifecycle.phase == READY

    def test_the_next_export_takes_up_what_was_kept(self):
        ended = collector(INVOKE, START, END)
        ended.fails()

        ended.after(NEXT_INVOKE, RuntimeDone("r-2", "success", "", NOW))

        assert names_in(ended.export) == [("root", "")]
        assert ended.delivers() == [
            Say(
                INFO,
                f"{NAME} accepts exports again",
            ),
            AskNext(),
        ]

    def test_there_is_never_a_second_export_in_flight(self):
        ended = collector(INVOKE, START, END)
        first = ended.export
        ended.feed(TIMER, INVOKE.deadline_at)

        ended.after(NEXT_INVOKE, POST, RuntimeDone("r-2", "success", "", NOW))

        assert ended.export is first
        assert ended.lifecycle.phase == DRAINING

    def test_an_outcome_that_comes_a_flush_late_is_one_of_that_flush(self):
        ended = collector(INVOKE, START, END)
        ended.feed(TIMER, INVOKE.deadline_at)
        ended.after(NEXT_INVOKE, RuntimeDone("r-2", "success", "", NOW))

        assert [type(action) for action in ended.fails()] == [Say, AskNext]

    def test_past_the_deadline_nothing_is_sent(self):
        ended = collector(INVOKE, START, POST)

        assert ended.feed(END, INVOKE.deadline_at) == [AskNext()]


class TestOneOfTwoEndpointsThatIsAway:
    """It is left alone until the flush is over; the other is sent what there is for it."""

    @staticmethod
    def away(request):
        """It is, and is not tried again at once."""
        return failed(request, "HTTP 503", LOCAL)

    @pytest.fixture
    def ended(self):
        return collector(INVOKE, START, POST, END, POST, exporters=("away", "here"))

    def test_the_other_gets_what_came_during_the_export(self, ended):
        self.fails_away(ended)

        ordered = ended.ends(delivered, "here")

        assert [(o.exporter, o.requests[0].payloads) for o in ordered] == [("here", (SPANS,))]
        assert ended.ends(delivered, "here") == [AskNext()]

    def fails_away(self, driven):
        driven.ends(self.away, "away")

    def test_the_slower_one_is_waited_for(self, ended):
        assert ended.ends(delivered, "here") != [AskNext()]
        ended.ends(delivered, "here")

        *_, last = ended.ends(self.away, "away")

        assert last == AskNext()

    def test_the_other_gets_the_parts_of_what_it_refused_before_the_exit(self):
        leaving = collector(INVOKE, POST, POST, SHUTDOWN, exporters=("away", "here"))

        self.fails_away(leaving)
        leaving.ends(lambda r: refused(r, 400), "here")

        assert leaving.export.exporter == "here"
        discarded, summary, left = leaving.ends(delivered, "here")
        assert discarded.text.startswith("discarded 2 spans")
        assert summary.text == (
            "at shutdown (spindown): away: 2 spans received, 0 exported, 2 dropped (shutdown 2); "
            "here: 2 spans received, 2 exported"
        )
        assert left == Exit()

    def test_it_is_tried_again_by_the_next_flush(self, ended):
        self.fails_away(ended)
        ended.ends(delivered, "here")
        ended.ends(delivered, "here")

        ended.after(NEXT_INVOKE, RuntimeDone("r-2", "success", "", NOW))

        assert ended.export.exporter == "away"

    def test_it_is_tried_again_by_the_last_call(self, ended):
        self.fails_away(ended)
        ended.ends(delivered, "here")
        ended.ends(delivered, "here")

        ended.after(NEXT_INVOKE).after(TIMER, at=NEXT_INVOKE.deadline_at - LAST_CALL_S)

        assert ended.export.exporter == "away"

    def test_it_is_tried_again_before_the_exit(self, ended):
        self.fails_away(ended)
        before = ended.exports["away"]

        ended.after(SHUTDOWN)

        assert ended.exports["away"] is not before

    def test_one_that_is_stuck_beyond_its_deadline_holds_the_other_back_no_more(self, ended):
        ended.ends(delivered, "here")
        ended.ends(delivered, "here")
        over_at = INVOKE.deadline_at
        assert ended.feed(TIMER, over_at) == [AskNext()]

        ended.after(NEXT_INVOKE, POST, RuntimeDone("r-2", "success", "", over_at), at=over_at)

        assert ended.export.exporter == "here"
        assert ended.ends(delivered, "here", at=over_at) == [AskNext()]


class TestWhatComesForProcessorsDuringAFlush:
    """It does not wait for the slowest exporter."""

    def test_is_processed_and_exported_by_the_one_that_is_free(self):
        ended = collector(INVOKE, START, END, exporters=("slow", "free"), processors=(Untouched(),))
        ended.ends(delivered, "free")

        ended.after(POST)

        assert ended.timer_at() == NOW
        assert [order.exporter for order in ended.feed(TIMER)] == ["free"]

    def test_is_none_of_a_flush_whose_budget_is_spent(self):
        ended = collector(INVOKE, START, END, processors=(Untouched(),))
        until = INVOKE.deadline_at - DEADLINE_MARGIN_S

        ended.after(POST, at=until)

        assert ended.timer_at(until) == until + OUTCOME_GRACE_S


class TestAFailureThatMayPass:
    """It is tried again within the flush, while the budget lasts."""

    LONG_INVOKE = InvokeReceived("r-1", deadline_at=NOW + 900)

    def unavailable(self, request):
        return failed(request, "HTTP 503", UNAVAILABLE)

    def test_after_a_pause(self):
        ended = collector(self.LONG_INVOKE, START, END)
        ended.ends(self.unavailable)

        assert ended.timer_at() == NOW + 0.1
        assert ended.feed(TIMER, NOW + 0.1) == [export_of(FINAL, until=NOW + TIMEOUT_S)]
        assert AskNext() in ended.delivers(NOW + 0.2)

    def test_after_the_pause_that_the_endpoint_asks_for(self):
        ended = collector(self.LONG_INVOKE, START, END)
        ended.ends(lambda request: failed(request, "HTTP 429", UNAVAILABLE, 2.0))

        assert ended.timer_at() == NOW + 2.0

    def test_unless_that_is_longer_than_the_budget(self):
        ended = collector(self.LONG_INVOKE, START, END)

        *_, last = ended.ends(lambda request: failed(request, "HTTP 429", UNAVAILABLE, 11.0))

        assert last == AskNext()

    def test_and_not_for_ever(self):
        ended = collector(self.LONG_INVOKE, START, END)
        for at in (NOW, NOW + 0.1):
            ended.ends(self.unavailable, at=at)
            ended.feed(TIMER, at + 1)

        said, asked = ended.ends(self.unavailable, at=NOW + 3)
        assert "HTTP 503; kept for the next export" in said.text
        assert asked == AskNext()

    def test_then_the_endpoint_is_left_alone(self):
        ended = collector(self.LONG_INVOKE, START, END)
        for at in (NOW, NOW + 0.1, NOW + 3):
            ended.ends(self.unavailable, at=at)
            ended.feed(TIMER, at + 1)
        again = InvokeReceived("r-2", NOW + 900)

        ended.after(again, at=NOW + 5)

        assert ended.feed(RuntimeDone("r-2", "success", "", NOW + 5), NOW + 5) == [AskNext()]


class TestAClockThatGoesBack:
    """It must not make anyone wait for what seems to be far away."""

    def test_a_flush_is_over(self):
        ended = collector(INVOKE, START, END)

        assert ended.timer_at(NOW - 3600) == NOW - 3600
        assert ended.feed(TIMER, NOW - 3600) == [AskNext()]

    @pytest.mark.parametrize("at", [NOW - 2, NOW - 3600])
    @pytest.mark.parametrize("end", ["in band", "by telemetry"])
    def test_an_end_is_the_end_of_the_invocation_that_began_before(self, end, at):
        running = collector(INVOKE)
        sign = EMPTY_END if end == "in band" else RuntimeDone("r-1", "success", "", at)

        assert running.feed(sign, at) == [AskNext()]

    @pytest.mark.parametrize("strategy", [Continuous(5.0), Periodic(5.0)])
    def test_what_waits_for_its_interval_is_exported(self, strategy):
        waiting = collector(INVOKE, POST, strategy=strategy)

        assert waiting.timer_at(NOW - 3600) == NOW - 3600
        assert [type(action) for action in waiting.feed(TIMER, NOW - 3600)] == [Export]

    def test_a_small_step_is_nothing(self):
        running = collector(INVOKE, START)

        assert running.timer_at(NOW - 0.5) > NOW
        assert running.feed(END, NOW - 0.5) == [running.export]

    def test_next_is_asked_for(self):
        waiting = collector(NextFailed("HTTP 500"))

        assert waiting.timer_at(NOW - 3600) == NOW - 3600
        assert waiting.feed(TIMER, NOW - 3600) == [AskNext()]


class TestAnInvocationThatFails:
    """The provisional root becomes its root: nobody else will send one."""

    def test_a_crash_ends_it_with_the_type_of_the_error(self):
        assert names_in(collector(INVOKE, START, CRASH).export) == [("root", "Runtime.ExitError")]

    def test_a_status_will_do(self):
        timeout = RuntimeDone("r-1", "timeout", "", NOW)

        assert names_in(collector(INVOKE, START, timeout).export) == [("root", "timeout")]

    def test_what_was_open_goes_with_it(self):
        ended = collector(INVOKE, START, SNAPSHOT, CRASH)

        assert names_in(ended.export) == [
            ("root", "Runtime.ExitError"),
            ("child", "Runtime.ExitError"),
        ]

    def test_success_alone_does_not_give_it_up(self):
        assert collector(INVOKE, START).feed(DONE) == [AskNext()]

    def test_the_next_invocation_does(self):
        ended = collector(INVOKE, START, DONE, NEXT_INVOKE, RuntimeDone("r-2", "success", "", NOW))

        assert names_in(ended.export) == [("root", "no end of the invocation was reported")]

    def test_the_next_invocation_does_not_give_up_its_own(self):
        assert collector(START).feed(INVOKE) == []

    def test_a_shutdown_does(self):
        ended = collector(INVOKE, START, ShutdownReceived("timeout", NOW + 2))

        assert names_in(ended.export) == [("root", "timeout")]

    def test_a_usual_shutdown_has_no_name_for_what_happened(self):
        ended = collector(INVOKE, START, SHUTDOWN)

        assert names_in(ended.export) == [("root", "no end of the invocation was reported")]

    def test_a_final_root_that_comes_later_is_dropped(self):
        ended = collector(INVOKE, START, CRASH)

        ended.after(END)

        assert ended.delivers() == [AskNext()]

    def test_a_timeout_is_told_by_the_shutdown_that_follows_it(self):
        running = collector(INVOKE, START)
        running.feed(TIMER, INVOKE.deadline_at - DEADLINE_MARGIN_S)

        running.after(ShutdownReceived("timeout", INVOKE.deadline_at + 2), at=INVOKE.deadline_at)

        assert names_in(running.export) == [("root", "timeout")]

    def test_its_export_is_short_because_shutdown_comes_only_when_next_is_asked_for(self):
        ended = collector(InvokeReceived("r-1", NOW + 900), START, CRASH)

        assert ended.export.deadline_at == NOW + FAILURE_DRAIN_S
        assert ended.timer_at() == NOW + FAILURE_DRAIN_S + OUTCOME_GRACE_S

    @pytest.mark.parametrize("events", [(POST, CRASH, INVOKE), (INVOKE, POST, END, CRASH)])
    def test_that_is_so_whenever_the_crash_is_told(self, events):
        ended = collector(*events)

        assert ended.timer_at() == NOW + FAILURE_DRAIN_S + OUTCOME_GRACE_S
        assert ended.feed(TIMER, NOW + FAILURE_DRAIN_S + OUTCOME_GRACE_S) == [AskNext()]


class TestAnInitialisationThatFails:
    """It fails an invocation that nobody was told of, and is all that there will be of it."""

    BEGAN = InitStarted(is_part_of_invocation=True, at=NOW - 1)
    ROOT = PayloadReceived(OPEN, "", "start")
    FAILURE = ShutdownReceived("failure", NOW + 2)

    def test_the_invocation_has_a_root_when_the_environment_shuts_down(self):
        ended = collector(self.BEGAN, CRASH, self.FAILURE)

        assert names_in(ended.export) == [("made for r-1", "Runtime.ExitError")]

    def test_the_root_that_the_function_sent_is_part_of_it(self):
        ended = collector(self.ROOT, self.BEGAN, CRASH, self.FAILURE)

        assert names_in(ended.export) == [("root", "Runtime.ExitError")]

    def test_a_report_that_repeats_it_makes_no_other(self):
        ended = collector(self.BEGAN, CRASH, CRASH, self.FAILURE)

        assert len(names_in(ended.export)) == 1

    def test_on_its_own_it_leaves_nothing(self):
        ended = collector(self.BEGAN, self.ROOT, InitDone("error", at=NOW))

        assert ended.feed(self.FAILURE)[-1] == Exit()
        assert ended.export is None

    def test_an_invocation_that_began_has_its_own_root_alone(self):
        ended = collector(self.BEGAN, InitDone("success", at=NOW), INVOKE, START, CRASH)

        assert names_in(ended.export) == [("root", "Runtime.ExitError")]

    def test_one_that_began_and_has_none_gets_none(self):
        """It is not sampled, or the function is not instrumented."""
        ended = collector(self.BEGAN, INVOKE, CRASH, self.FAILURE)

        assert ended.export is None

    def test_where_none_are_wanted_there_is_none(self):
        ended = collector(self.BEGAN, CRASH, self.FAILURE, root_of=None)

        assert ended.export is None


class TestASecondTryOfAnInvocation:
    """Lambda tries asynchronous ones again under their old id, a minute later."""

    LATER = NOW + 60.0
    AGAIN = InvokeReceived("r-1", NOW + 63.0)

    def test_telemetry_about_the_first_does_not_end_it(self):
        first = collector(INVOKE, START, END)
        first.delivers()

        thawed = first.after(DONE, self.AGAIN, at=self.LATER)

        assert thawed.lifecycle.phase == RUNNING

    def test_nor_when_it_comes_after_the_invoke_event(self):
        first = collector(INVOKE, START, END)
        first.delivers()

        thawed = first.after(self.AGAIN, DONE, at=self.LATER)

        assert thawed.lifecycle.phase == RUNNING

    def test_nor_does_it_hide_an_end_that_overtook_the_invoke_event(self):
        first = collector(INVOKE, START, END)
        first.delivers()

        thawed = first.after(POST, END, DONE, self.AGAIN, at=self.LATER)

        assert thawed.lifecycle.phase == DRAINING

    def test_its_end_is_not_taken_for_the_first_ones_that_nobody_told(self):
        first = collector(INVOKE, has_telemetry=False)
        first.feed(TIMER, NOW + FIRST_MESSAGE_S)

        thawed = first.after(POST, END, self.AGAIN, at=self.LATER)

        assert thawed.lifecycle.phase == DRAINING

    def test_its_failure_is_not_taken_for_the_first_ones(self):
        first = collector(INVOKE, START, END)
        first.delivers()
        crash = RuntimeDone("r-1", "error", "Runtime.ExitError", at=self.LATER)

        thawed = first.after(POST, END, crash, self.AGAIN, at=self.LATER)

        over_at = self.LATER + FAILURE_DRAIN_S + OUTCOME_GRACE_S
        assert thawed.timer_at(self.LATER) == over_at

    def test_nor_does_it_give_up_the_new_root(self):
        first = collector(INVOKE, START, END)
        first.delivers()
        body = bytearray(export_request(("again", span_id(7)), is_open=True))
        start_at = body.index((1_000_000_000).to_bytes(8, "little"))
        body[start_at : start_at + 8] = int(self.LATER * 1e9).to_bytes(8, "little")
        again = PayloadReceived(payload_of(TRACES, PROTOBUF, bytes(body)), "r-1", "start")

        assert first.after(self.AGAIN, again, CRASH, at=self.LATER).lifecycle.phase == RUNNING
        assert first.feed(ShutdownReceived("failure", self.LATER + 2), self.LATER) != []
        assert names_in(first.export) == [("again", "failure")]


class TestWithoutTelemetry:
    """A local emulator: only the internal half can tell the end, if there is one."""

    def test_it_has_a_second_to_show_itself(self):
        waiting = collector(INVOKE, has_telemetry=False)

        assert waiting.timer_at() == NOW + FIRST_MESSAGE_S
        assert waiting.feed(TIMER, NOW + FIRST_MESSAGE_S) == [AskNext()]

    def test_once_it_has_its_end_is_waited_for(self):
        running = collector(INVOKE, START, has_telemetry=False)

        assert running.timer_at() == INVOKE.deadline_at - LAST_CALL_S
        assert [type(a) for a in running.feed(END)] == [Export]

    def test_later_invocations_do_not_wait_again(self):
        silent = collector(INVOKE, has_telemetry=False)
        silent.feed(TIMER, NOW + FIRST_MESSAGE_S)

        assert silent.feed(NEXT_INVOKE, NOW + FIRST_MESSAGE_S) == [AskNext()]

    def test_what_came_meanwhile_is_exported_with_the_next_event(self):
        silent = collector(INVOKE, has_telemetry=False)
        silent.feed(TIMER, NOW + FIRST_MESSAGE_S)
        silent.after(PayloadReceived(SPANS, "", ""))

        silent.feed(NEXT_INVOKE)

        assert silent.delivers() == [AskNext()]


class TestAFunctionThatIsGone:
    """Its connection was closed before it told the end."""

    GONE = ClientGone("r-1")
    FAILURE = ShutdownReceived("failure", NOW + 4)

    def test_without_telemetry_there_is_no_other_sign_of_a_crash(self):
        running = collector(INVOKE, START, self.GONE, has_telemetry=False)

        assert running.timer_at() == NOW + BACK_AGAIN_S
        assert running.feed(TIMER, NOW + BACK_AGAIN_S) == [AskNext()]

    def test_shutdown_then_tells_what_became_of_it(self):
        running = collector(INVOKE, START, self.GONE, has_telemetry=False)

        running.after(TIMER, self.FAILURE, at=NOW + BACK_AGAIN_S)

        (span,) = spans_in(running.export.requests[0].merged())
        assert (span.status.message, span.end_time_unix_nano) == ("failure", int(NOW) * 10**9)

    def test_its_export_is_as_short_as_after_any_crash(self):
        running = collector(INVOKE, START, POST, self.GONE, has_telemetry=False)

        running.feed(TIMER, NOW + BACK_AGAIN_S)

        assert running.export.deadline_at == NOW + BACK_AGAIN_S + FAILURE_DRAIN_S

    @pytest.mark.parametrize("message", [POST, START, END], ids=["spans", "start", "end"])
    def test_one_that_comes_again_was_not(self, message):
        running = collector(INVOKE, START, self.GONE, has_telemetry=False)

        running.feed(message)

        assert running.timer_at() != NOW + BACK_AGAIN_S
        assert running.lifecycle._invocation.gone_at is None

    def test_of_an_earlier_invocation_it_says_nothing(self):
        running = collector(START, END, INVOKE, NEXT_INVOKE, has_telemetry=False)

        assert running.feed(self.GONE) == []
        assert running.timer_at() > NOW + 1

    def test_after_the_end_it_says_nothing(self):
        running = collector(INVOKE, START, END, has_telemetry=False)
        running.delivers()

        assert running.feed(self.GONE) == []
        assert running.timer_at() is None

    def test_telemetry_knows_better(self):
        running = collector(INVOKE, START)
        before = running.timer_at()

        assert running.feed(self.GONE) == []
        assert running.timer_at() == before


class TestWhenTheEnvironmentShutsDown:
    """The last chance to send; what cannot be sent is owned up to."""

    def test_what_is_left_is_exported(self):
        assert collector(PayloadReceived(SPANS, "", "")).feed(SHUTDOWN) == [
            export_of(SPANS, until=SHUTDOWN.deadline_at - DEADLINE_MARGIN_S)
        ]

    def test_then_it_exits(self):
        leaving = collector(PayloadReceived(SPANS, "", ""), SHUTDOWN)

        assert leaving.delivers() == [
            Say(INFO, "at shutdown (spindown): otlp: 1 span received, 1 exported"),
            Exit(),
        ]
        assert leaving.timer_at() is None

    def test_it_may_be_the_first_event(self):
        assert collector().feed(SHUTDOWN) == [Exit()]

    def test_what_keeps_coming_is_exported_as_long_as_there_is_time(self):
        leaving = collector(POST, SHUTDOWN)

        for _ in range(5):
            leaving.after(POST)
            assert [type(action) for action in leaving.delivers()] == [Export]

    def test_what_could_not_be_delivered_is_discarded_aloud(self):
        leaving = collector(PayloadReceived(SPANS, "", ""), SHUTDOWN)

        actions = leaving.fails()

        size = len(SPANS.body)
        assert actions[1:] == [
            Say(WARN, f"discarded 1 span ({size} bytes) for otlp at shutdown (spindown)"),
            Say(
                INFO,
                "at shutdown (spindown): otlp: 1 span received, 0 exported, 1 dropped (shutdown 1)",
            ),
            Exit(),
        ]

    def test_what_there_is_no_time_for_as_well(self):
        leaving = collector(PayloadReceived(SPANS, "", ""), SHUTDOWN)

        said, _, left = leaving.feed(TIMER, SHUTDOWN.deadline_at)

        assert said.text.startswith("discarded 1 span")
        assert left == Exit()

    @pytest.mark.parametrize("event", [TIMER, INVOKE, POST, DONE, SHUTDOWN])
    def test_after_that_nothing_is_ordered(self, event):
        assert collector(SHUTDOWN).feed(event) == []


class TestWhenNextFails:
    """It is asked for again, without haste."""

    FAILED = NextFailed("HTTP 500")

    def test_it_is_said_once(self):
        waiting = collector()

        assert waiting.feed(self.FAILED) == [
            Say(WARN, "cannot get the next event: HTTP 500; trying again")
        ]
        assert waiting.feed(self.FAILED) == []

    def test_it_is_asked_for_after_a_while(self):
        waiting = collector(self.FAILED)

        assert waiting.timer_at() == NOW + NEXT_RETRY_S
        assert waiting.feed(TIMER, NOW + NEXT_RETRY_S) == [AskNext()]
        assert waiting.timer_at() is None

    def test_not_while_an_invocation_runs(self):
        running = collector(INVOKE, self.FAILED)

        assert running.feed(EMPTY_END) == [AskNext()]
        assert running.timer_at() is None


class TestOnManagedInstances:
    """There are no INVOKE events, and nothing is frozen: exports go by the clock."""

    PERIOD_S = 5.0

    def managed(self, *events):
        return collector(*events, strategy=Continuous(self.PERIOD_S))

    def test_spans_are_exported_a_period_after_the_first_came(self):
        ready = self.managed(POST)

        assert ready.timer_at() == NOW + self.PERIOD_S
        assert ready.feed(TIMER, NOW + 5) == [export_of(SPANS, until=NOW + 5 + TIMEOUT_S)]

    def test_without_spans_there_is_no_timer(self):
        assert self.managed(START).timer_at() is None

    def test_the_end_of_an_invocation_is_no_occasion(self):
        assert self.managed(START).feed(END) == []

    def test_a_failed_one_is_exported_with_the_others(self):
        assert self.managed(START, CRASH).timer_at() == NOW + self.PERIOD_S

    def test_what_failed_is_tried_a_period_later(self):
        ready = self.managed(POST)
        ready.feed(TIMER, NOW + 5)

        ready.fails(NOW + 6)

        assert ready.timer_at(NOW + 6) == NOW + 6 + self.PERIOD_S

    def test_an_endpoint_that_is_away_is_left_alone_for_as_long_as_it_is(self):
        ready = self.managed(POST)
        ready.feed(TIMER, NOW + 5)
        ready.ends(lambda request: failed(request, "no answer in time", TIMEOUT), at=NOW + 6)

        assert ready.timer_at(NOW + 6) == NOW + 6 + 10

    def test_what_an_earlier_process_kept_is_exported_a_period_later(self):
        ready = self.managed(KeptFound("otlp", (SPANS,)))

        assert ready.timer_at() == NOW + self.PERIOD_S
        assert ready.feed(TIMER, NOW + 5) == [export_of(SPANS, until=NOW + 5 + TIMEOUT_S)]

    def test_what_was_kept_for_nobody_has_no_time(self):
        assert self.managed(KeptFound("gone", (SPANS,))).timer_at() is None

    def test_what_was_delivered_by_a_retry_is_no_occasion(self):
        ready = self.managed(POST)
        ready.feed(TIMER, NOW + 5)
        ready.ends(failed, at=NOW + 5)
        ready.feed(TIMER, NOW + 5.1)
        ready.delivers(NOW + 5.2)

        assert ready.timer_at(NOW + 5.2) is None
        ready.after(POST, at=NOW + 9)
        assert ready.timer_at(NOW + 9) == NOW + 9 + self.PERIOD_S

    def test_an_export_in_flight_is_not_joined_by_another(self):
        ready = self.managed(POST)
        ready.feed(TIMER, NOW + 5)
        ready.after(POST, at=NOW + 6)

        assert ready.feed(TIMER, NOW + 11) == []
        ready.delivers(NOW + 12)
        assert ready.feed(TIMER, NOW + 12) == [export_of(SPANS, until=NOW + 12 + TIMEOUT_S)]


class TestAnOverlappingStrategy:
    """Next is asked for at once, and nothing waits for an export."""

    LATER = NOW + 60.0

    def test_next_is_asked_for_with_the_invoke_event(self):
        assert collector(strategy=Next()).feed(INVOKE) == [AskNext()]

    def test_the_end_of_the_invocation_orders_nothing(self):
        running = collector(INVOKE, START, strategy=Next())

        assert running.feed(END) == []
        assert running.timer_at() is None

    def test_what_came_leaves_with_the_next_invoke_event(self):
        ended = collector(INVOKE, START, POST, END, strategy=Next())

        assert ended.feed(NEXT_INVOKE, self.LATER) == [
            export_of(SPANS, FINAL, until=self.LATER + TIMEOUT_S),
            AskNext(),
        ]

    def test_what_comes_during_that_export_waits_for_another(self):
        ended = collector(INVOKE, START, END, strategy=Next())
        ended.feed(NEXT_INVOKE, self.LATER)
        ended.after(POST, at=self.LATER)

        assert ended.delivers(self.LATER) == []
        assert ended.timer_at(self.LATER) is None

    def test_a_failure_that_may_pass_is_tried_again_meanwhile(self):
        ended = collector(INVOKE, START, END, strategy=Next())
        ended.feed(NEXT_INVOKE, self.LATER)

        ended.ends(lambda request: failed(request, "HTTP 503", UNAVAILABLE), at=self.LATER)

        assert ended.timer_at(self.LATER) == self.LATER + 0.1

    def test_a_shutdown_exports_what_is_left(self):
        ended = collector(INVOKE, START, END, strategy=Next())

        assert ended.feed(SHUTDOWN) == [
            export_of(FINAL, until=SHUTDOWN.deadline_at - DEADLINE_MARGIN_S)
        ]

    def test_an_export_that_a_freeze_interrupted_is_not_joined_by_another(self):
        ended = collector(INVOKE, START, END, strategy=Next())
        ended.feed(NEXT_INVOKE, self.LATER)
        ended.after(PayloadReceived(SPANS, "r-2", ""), at=self.LATER)

        thawed = ended.feed(InvokeReceived("r-3", self.LATER + 99), self.LATER + 90)

        assert thawed == [AskNext()]

    def test_within_a_period_an_invoke_event_is_no_occasion(self):
        ended = collector(INVOKE, POST, strategy=Periodic(20.0))

        assert ended.feed(NEXT_INVOKE, NOW + 19) == [AskNext()]

    def test_in_a_long_invocation_a_period_is_an_occasion(self):
        running = collector(INVOKE, POST, strategy=Periodic(20.0))

        assert running.timer_at() == NOW + 20
        assert running.feed(TIMER, NOW + 20) == [export_of(SPANS, until=NOW + 20 + TIMEOUT_S)]


class TestWhatIsNotOurs:
    """Spans without an invocation, and other signals, are passed on untouched."""

    @pytest.mark.parametrize(
        "event",
        [
            PayloadReceived(FINAL, "", ""),
            PayloadReceived(payload_of(TRACES, JSON, b"{}"), "r-1", ""),
            PayloadReceived(LOG, "r-1", ""),
        ],
        ids=["no invocation", "JSON", "logs"],
    )
    def test_they_do_not_settle_a_root(self, event):
        ended = collector(INVOKE, START, event, CRASH)

        (exported,) = [p for r in ended.export.requests for p in r.payloads if p == event.payload]
        assert exported is event.payload

    def test_a_signal_without_an_endpoint_is_let_go(self):
        assert collector(INVOKE, PayloadReceived(LOG, "", ""), endpoints=(TRACES,)).feed(DONE) == [
            AskNext()
        ]


class TestItsMemory:
    """Ends that came before their INVOKE are remembered, in a bounded number."""

    def test_the_oldest_are_forgotten(self):
        early = [RuntimeDone(f"e-{n}", "success", "", NOW) for n in range(EARLY_END_COUNT_MAX)]

        assert collector(DONE, *early[:-1]).feed(INVOKE) == [AskNext()]
        assert collector(DONE, *early).feed(INVOKE) == []


PLATFORM = PlatformReported(records_in([start("r-1", 0)])[0])
EVENTS = [
    *(INVOKE, START, SNAPSHOT, POST, END, DONE, CRASH, SHUTDOWN, TIMER, NextFailed("")),
    PLATFORM,
]


@pytest.mark.parametrize("phase", [READY, RUNNING, DRAINING, EXITING, GONE])
@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_legal_in_every_phase(phase, event):
    driven = collector()
    driven.lifecycle.phase = phase

    assert isinstance(driven.feed(event), list)
