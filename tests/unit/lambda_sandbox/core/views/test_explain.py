"""The lifecycle is told as a timeline: what happened when, who was waited for, what it costs."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.history import Moment, Told
from lambda_sandbox.core.views.explain import chapters, explain, finished


def told(at_s, kind, **record):
    return Told(at_s, {"time": "", "type": f"platform.{kind}", "record": record})


def explained(*story):
    return explain(chapters(story)).splitlines()


INIT = (
    told(10.0, "initStart", phase="init"),
    Moment(10.001, "process started", "collector"),
    Moment(10.009, "registered", "collector"),
    Moment(10.010, "process started", "runtime"),
    Moment(10.011, "asked next", "collector"),
    Moment(10.098, "asked next", "runtime"),
    told(10.098, "initReport", status="success", metrics={"durationMs": 98.0}),
    Moment(10.098, "initialised", "environment"),
)


def invoke(at_s, **record):
    return (
        told(at_s, "start", requestId="r-1"),
        Moment(at_s, "invoked", "runtime"),
        Moment(at_s + 0.0014, "responded", "runtime"),
        Moment(at_s + 0.0015, "asked next", "runtime"),
        Moment(at_s + 0.0052, "asked next", "collector"),
        told(at_s + 0.0052, "report", requestId="r-1", **record),
    )


BILL = {"durationMs": 5.2, "billedDurationMs": 6}


class TestAnInitialisation:
    """The runtime waits for the extensions, the invocation for all of them."""

    def test_is_told(self):
        assert explained(*INIT) == [
            "INIT: success",
            "   +1.00 ms  collector  process started",
            "   +9.00 ms  collector  registered",
            "   +10.0 ms  runtime    process started",
            "   +11.0 ms  collector  asked next",
            "   +98.0 ms  runtime    asked next",
            "             → the runtime was started when collector had registered, 9.00 ms in",
            "             → runtime was waited for, 87.0 ms longer than collector",
        ]

    def test_without_extensions_waits_for_nobody_else(self):
        story = (INIT[0], *INIT[3:4], *INIT[5:])

        assert not any("→" in line for line in explained(*story))

    def test_that_failed_says_whose_fault_it_was_and_names_nobody_who_was_waited_for(self):
        report = {"status": "error", "errorType": "Extension.Crash", "metrics": {}}
        lines = explained(*INIT[:6], told(10.1, "initReport", **report))

        assert lines[0] == "INIT: error, Extension.Crash"
        assert not any("waited" in line for line in lines)

    def test_after_a_reset_is_a_part_of_an_invocation(self):
        assert explained(told(1.0, "initStart", phase="invoke")) == [
            "INIT again, within an invocation"
        ]


class TestARestoration:
    """Is a part of its own, between the snapshot and the invocation that needs it."""

    SNAPSHOT = (
        told(1.0, "initStart", phase="init"),
        Moment(1.01, "process started", "runtime"),
        told(1.098, "initReport", status="success", metrics={"durationMs": 98.0}),
        Moment(1.1, "snapshot taken", "environment"),
    )
    RESTORED = (
        told(10.0, "restoreStart"),
        Moment(10.001, "process started", "collector"),
        Moment(10.009, "registered", "collector"),
        Moment(10.012, "process started", "runtime"),
        Moment(10.013, "asked next", "collector"),
        Moment(10.015, "asked next", "runtime"),
        told(10.015, "restoreReport", status="success", metrics={"durationMs": 15.0}),
        Moment(10.015, "initialised", "environment"),
    )

    def test_is_told(self):
        assert explained(*self.SNAPSHOT, *self.RESTORED) == [
            "INIT: success",
            "   +10.0 ms  runtime    process started",
            "snapshot taken",
            "RESTORE: success",
            "   +1.00 ms  collector  process started",
            "   +9.00 ms  collector  registered",
            "   +12.0 ms  runtime    process started",
            "   +13.0 ms  collector  asked next",
            "   +15.0 ms  runtime    asked next",
            "             → the runtime was started when collector had registered, 9.00 ms in",
            "             → runtime was waited for, 2.00 ms longer than collector",
        ]

    def test_that_failed_says_why(self):
        report = {"status": "timeout", "errorType": "Runtime.RestoreTimeout", "metrics": {}}
        lines = explained(self.RESTORED[0], told(20.0, "restoreReport", **report))

        assert lines == ["RESTORE: timeout, Runtime.RestoreTimeout"]

    def test_is_billed_apart_from_the_invocation_after_it(self):
        restored = {"restoreDurationMs": 15.0, "billedRestoreDurationMs": 15}
        invoked = invoke(20.0, status="success", metrics={**BILL, **restored})

        assert explained(*self.RESTORED, *invoked)[-2:] == [
            "             → billed: 6 ms (5.20 ms of invocation)",
            "             → billed apart: 15 ms (15.0 ms of restoration)",
        ]

    def test_is_finished_when_it_is_reported(self):
        parts = chapters((*self.SNAPSHOT, *self.RESTORED))

        assert [part.title for part in finished(parts)] == ["INIT", "RESTORE"]
        assert [part.title for part in finished(chapters(self.SNAPSHOT))] == ["INIT"]


class TestAnInvocation:
    """Its caller waits for the runtime, its bill for everybody."""

    def test_is_told(self):
        assert explained(*invoke(20.0, status="success", metrics=BILL)) == [
            "INVOKE r-1: success",
            "      +0 µs  runtime    invoked",
            "   +1.40 ms  runtime    responded",
            "   +1.50 ms  runtime    asked next",
            "   +5.20 ms  collector  asked next",
            "             → the caller had its answer after 1.40 ms",
            "             → collector was waited for, 3.70 ms longer than runtime",
            "             → billed: 6 ms (5.20 ms of invocation)",
        ]

    def test_is_billed_with_the_initialisation_before_it(self):
        metrics = {"durationMs": 5.2, "billedDurationMs": 104, "initDurationMs": 98.0}
        lines = explained(*INIT, *invoke(20.0, status="success", metrics=metrics))

        assert lines[-1].endswith(
            "→ billed: 104 ms (98.0 ms of initialisation + 5.20 ms of invocation)"
        )

    def test_that_raised_says_what_the_caller_got(self):
        begun, invoked, _, asked, _, report = invoke(20.0, status="success", metrics=BILL)
        raised = Moment(20.0014, "responded: ZeroDivisionError", "runtime")

        assert explained(begun, invoked, raised, asked, report) == [
            "INVOKE r-1: success, the function raised ZeroDivisionError",
            "      +0 µs  runtime  invoked",
            "   +1.40 ms  runtime  responded: ZeroDivisionError",
            "   +1.50 ms  runtime  asked next",
            "             → the caller had its answer after 1.40 ms",
            "             → billed: 6 ms (5.20 ms of invocation)",
        ]

    def test_that_raised_and_failed_says_what_failed(self):
        begun, _, _, asked, _, _ = invoke(20.0)
        raised = Moment(20.0014, "responded: ZeroDivisionError", "runtime")
        report = told(20.0052, "report", status="error", errorType="Extension.Crash", metrics={})

        assert explained(begun, raised, asked, report)[0] == "INVOKE r-1: error, Extension.Crash"

    def test_that_was_cut_off_has_nobody_to_name(self):
        first, *_, last = invoke(20.0, status="timeout", metrics=BILL)

        assert explained(first, last) == [
            "INVOKE r-1: timeout",
            "             → billed: 6 ms (5.20 ms of invocation)",
        ]

    def test_under_way_has_no_verdict(self):
        first, *_ = chapters(invoke(20.0)[:2])

        assert not first.finished
        assert explained(*invoke(20.0)[:2])[0] == "INVOKE r-1"

    def test_of_two_extensions_waits_for_the_last(self):
        *begun, report = invoke(20.0, status="success", metrics=BILL)
        lines = explained(*begun, Moment(20.0062, "asked next", "other"), report)

        assert any("other was waited for, 1.00 ms longer than collector" in it for it in lines)


class TestInvocationsSideBySide:
    """Each has the report that is its own, and the moments that are known to be."""

    FIRST = told(1.0, "start", requestId="r-1"), Moment(1.0, "invoked", "runtime")
    SECOND = told(2.0, "start", requestId="r-2"), Moment(2.0, "invoked", "runtime")

    def report(self, request_id, status):
        return told(3.0, "report", requestId=request_id, status=status, metrics={})

    def test_are_told_one_after_the_other(self):
        reports = self.report("r-1", "success"), self.report("r-2", "timeout")
        lines = explained(*self.FIRST, *self.SECOND, *reports)

        assert [line for line in lines if line[0] != " "] == [
            "INVOKE r-1: success",
            "INVOKE r-2: timeout",
        ]

    def test_have_the_moments_that_name_them(self):
        story = (
            told(0.0, "initStart", phase="init", initializationType="lambda-managed-instances"),
            Moment(0.5, "asked next", "runtime"),
            told(0.5, "initReport", status="success", metrics={"durationMs": 500.0}),
            told(1.0, "start", requestId="r-1"),
            Moment(1.0, "invoked", "runtime", "r-1"),
            Moment(1.5, "asked next", "runtime"),
            told(2.0, "start", requestId="r-2"),
            Moment(2.0, "invoked", "runtime", "r-2"),
            Moment(3.0, "responded: KeyError", "runtime", "r-1"),
            self.report("r-1", "error"),
            Moment(3.1, "asked next", "runtime"),
            Moment(3.5, "responded", "runtime", "r-2"),
            self.report("r-2", "success"),
            Moment(3.6, "asked next", "runtime"),
        )

        assert explained(*story) == [
            "INIT: success",
            "    +500 ms  runtime  asked next",
            "INVOKE r-1: error, the function raised KeyError",
            "      +0 µs  runtime  invoked",
            "    +2.00 s  runtime  responded: KeyError",
            "             → the caller had its answer after 2.00 s",
            "INVOKE r-2: success",
            "      +0 µs  runtime  invoked",
            "    +1.50 s  runtime  responded",
            "             → the caller had its answer after 1.50 s",
        ]

    def test_are_finished_when_those_before_are(self):
        story = (*INIT, *self.FIRST, *self.SECOND, self.report("r-2", "success"))
        later = (*story, self.report("r-1", "success"))

        assert [part.title for part in finished(chapters(story))] == ["INIT"]
        assert [part.title for part in finished(chapters(later))] == [
            "INIT",
            "INVOKE r-1",
            "INVOKE r-2",
        ]


class TestWhatIsFinished:
    """Is what nothing can be added to: a shutdown, when something has come after it."""

    SHUTDOWN = Moment(30.0, "shutdown: timeout", "environment")

    def test_is_a_shutdown_between_others(self):
        begun = *INIT, self.SHUTDOWN
        parts = finished(chapters((*begun, *INIT)))

        assert [part.title for part in parts] == ["INIT", "SHUTDOWN timeout", "INIT"]
        assert [part.title for part in finished(chapters(begun))] == ["INIT"]

    def test_is_nothing_of_nothing(self):
        assert finished([]) == []


class TestAFreeze:
    """Lies between two parts."""

    def test_is_told_before_what_ended_it(self):
        first = invoke(20.0, status="success", metrics=BILL)
        second = invoke(22.0, status="success", metrics=BILL)
        frozen = Moment(20.5, "frozen", "environment"), Moment(22.0, "thawed", "environment")
        third = invoke(23.0, status="success", metrics=BILL)

        assert [line for line in explained(*first, *frozen, *second, *third) if line[0] != " "] == [
            "INVOKE r-1: success",
            "frozen for 1.50 s",
            "INVOKE r-1: success",
            "INVOKE r-1: success",
        ]

    def test_that_lasts_is_not_told(self):
        lines = explained(*INIT, Moment(10.2, "frozen", "environment"))

        assert not any("frozen" in line for line in lines)


class TestAShutdown:
    """Says why."""

    @pytest.mark.parametrize("reason", ["spindown", "timeout", "failure"])
    def test_is_told(self, reason):
        assert explained(
            told(1.0, "initStart", phase="init"),
            Moment(5.0, f"shutdown: {reason}", "environment"),
            Moment(5.3, "process exited", "runtime"),
        ) == ["INIT", f"SHUTDOWN {reason}", "    +300 ms  runtime  process exited"]


class TestWhatOthersWrote:
    """Names are anybody's."""

    def test_cannot_move_the_cursor(self):
        lines = explained(INIT[0], Moment(10.0, "registered", "a\x1b[2J"))

        assert not any("\x1b" in line for line in lines)

    def test_a_long_name_pushes_its_own_line_only(self):
        lines = explained(INIT[0], Moment(10.0, "a", "n" * 50), Moment(10.0, "b", "runtime"))

        assert lines[2] == f"      +0 µs  {'runtime':<20}  b"


class TestNothing:
    """Is told as nothing."""

    def test_is_empty(self):
        assert explain(chapters([])) == ""

    def test_other_events_tell_nothing(self):
        assert explained(INIT[0], told(10.0, "extension", name="a")) == ["INIT"]
