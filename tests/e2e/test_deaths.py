"""No invocation without a trace: however the function dies, there is one root, and a true one.

Each day is lived with the platform's telemetry, without it (a platform that has none answers the
subscription 202), and with a strategy that lets the environment freeze at once. What cannot be
known without telemetry:

====================================  ==========================================================
what                                  why
====================================  ==========================================================
that an invocation failed with its    no handler was called and nobody is told INVOKE: telemetry
initialisation                        alone has the request id. It has no root.
why a process is gone: an exit, a     SHUTDOWN says `failure` of all of them. What left the
signal, its memory, or because of     handler, or made a result too large, the function has told
another extension                     by itself.
====================================  ==========================================================

All else is: that there is a root, of which invocation, in which trace, how long it took, that
it failed, and what had ended below it.
"""

from __future__ import annotations

import pytest

from tests.e2e.deaths import (
    AFTERWARDS,
    DEATHS,
    FAILED_INIT,
    IMPORTS,
    NAME,
    TRUE,
    Account,
    Child,
    Day,
    LittleDay,
)

CALL = Child("GET", "CLIENT", "UNSET")
"""The call that had ended before the function died."""

WELL = Account(1, NAME, "UNSET", "", TRUE, (CALL,), is_trace_told=True)
NONE = Account(0)

WITH, WITHOUT, FREEZING = "telemetry", "no telemetry", "telemetry, frozen at once"


@pytest.fixture(scope="module", params=[WITH, WITHOUT, FREEZING])
def day(request, layer, tmp_path_factory):
    """The day of an observed function; once with a strategy that nobody waits for."""
    environ = {"OTEL_LAYER_FLUSH_STRATEGY": "next"} if request.param == FREEZING else {}
    folder = tmp_path_factory.mktemp("day")
    return Day(folder, layer, telemetry=request.param != WITHOUT, environ=environ)


@pytest.fixture(scope="module")
def plain_day(tmp_path_factory):
    """The same day without the layer."""
    return Day(tmp_path_factory.mktemp("plain"), None, telemetry=True)


@pytest.fixture(scope="module")
def little_day(layer, tmp_path_factory):
    """A timeout between two invocations that do well, of a function with next to no CPU."""
    return LittleDay(tmp_path_factory.mktemp("little"), layer, telemetry=True)


def failed(why):
    """What is told of an invocation that called the service and then failed."""
    return Account(1, NAME, "ERROR", why, TRUE, (CALL,), is_trace_told=True)


def gone(day, error_type):
    """The same, where the platform alone knows why."""
    return failed(error_type if day.has_telemetry else "failure")


def failed_with_init(day, why):
    """What is told of an invocation whose handler was never called."""
    return Account(1, NAME, "ERROR", why, TRUE) if day.has_telemetry else NONE


class TestAnInvocationThatIsAnswered:
    """The function's process goes on."""

    def test_success(self, day):
        assert day.account("succeed") == WELL

    def test_exception(self, day):
        assert day.account("raise_exception") == failed("ValueError: no such thing: é")
        assert day.exceptions("raise_exception") == ["ValueError"]

    def test_result_that_cannot_be_serialised(self, day):
        assert day.account("unserialisable_result") == failed(
            "Runtime.MarshalError: Unable to marshal response: "
            "Object of type object is not JSON serializable"
        )


class TestAProcessThatEnds:
    """Its root ends when it does."""

    def test_sys_exit(self, day):
        assert day.account("sys_exit") == failed("SystemExit: 3")

    def test_os_exit(self, day):
        assert day.account("os_exit") == gone(day, "Runtime.ExitError")

    def test_segfault(self, day):
        assert day.account("segfault") == gone(day, "Runtime.ExitError")

    def test_sigkill(self, day):
        assert day.account("kill_itself") == gone(day, "Runtime.ExitError")

    def test_out_of_memory(self, day):
        assert day.account("run_out_of_memory") == gone(day, "Runtime.OutOfMemory")

    def test_keyboard_interrupt(self, day):
        assert day.account("keyboard_interrupt") == failed("KeyboardInterrupt: ")
        assert day.exceptions("keyboard_interrupt") == ["KeyboardInterrupt"]

    def test_base_exception_of_the_function_s_own(self, day):
        assert day.account("base_exception") == failed("app.Stop: that is all")
        assert day.exceptions("base_exception") == ["app.Stop"]

    def test_result_that_is_too_large(self, day):
        assert day.account("too_large_result") == failed(
            "Function.ResponseSizeTooLarge: the result has more than 6291556 bytes"
        )


class TestAnEnvironmentThatEnds:
    """The platform stops the function in the middle."""

    def test_timeout(self, day):
        assert day.account("time_out") == failed("timeout")

    def test_timeout_names_the_call_that_hung(self, day):
        assert day.unfinished("time_out") == ["GET"]

    def test_crash_of_another_extension(self, day):
        assert day.account("crash_neighbour") == gone(day, "Extension.Crash")


class TestAnInitialisationThatFails:
    """In an invocation, which it then fails: the root lasts as long as both."""

    def test_import_error(self, day):
        assert day.account("import_error") == failed_with_init(
            day,
            "Runtime.ImportModuleError: "
            "Unable to import module 'app': No module named 'not_packaged_at_all'",
        )

    def test_exception_at_import(self, day):
        assert day.account("exception_at_import") == failed_with_init(
            day, "LookupError: the table is not there"
        )

    def test_timeout_at_import(self, day):
        assert day.account("timeout_at_import") == failed_with_init(day, "timeout")

    @pytest.mark.parametrize(
        ("death", "exception"),
        [("import_error", "ModuleNotFoundError"), ("exception_at_import", "LookupError")],
    )
    def test_its_root_has_the_user_s_exception(self, day, death, exception):
        assert day.exceptions(death) == ([exception] if day.has_telemetry else [])

    def test_on_its_own_it_has_no_root_and_the_invocation_that_follows_has_one(self, day):
        assert (day.init.status, day.init.error_type) == ("error", "LookupError")
        assert day.account(FAILED_INIT) == WELL


class TestTheNextInvocation:
    """It is served by processes that were started anew, if they had to be, and is traced."""

    @pytest.mark.parametrize("death", DEATHS)
    def test_it_does_well(self, day, death):
        request_id = death + AFTERWARDS

        assert day.answer(request_id) == (None, b'"done"')
        assert day.account(request_id) == WELL


class TestAll:
    """Of a whole day, everything that came until after SHUTDOWN."""

    def test_every_invocation_has_one_root_and_there_is_no_other(self, day):
        lost = set() if day.has_telemetry else set(IMPORTS)

        assert sorted(day.request_ids) == sorted(set(day.outcomes) - lost)

    def test_no_span_is_delivered_twice(self, day):
        assert day.repeated == []

    def test_the_collector_had_nothing_to_complain_of(self, day):
        assert day.complaints == []


class TestWhatTheCallerGets:
    """It is byte for byte what it is without the layer."""

    @pytest.mark.parametrize("death", DEATHS)
    def test_the_answer(self, day, plain_day, death):
        assert day.answer(death) == plain_day.answer(death)


class TestALittleFunction:
    """128 MB, and a fourteenth of a CPU: an initialisation that is slow.

    The one that follows a timeout is within the function's own timeout. If it used that up,
    there would be no end of timeouts.
    """

    def test_the_invocation_after_a_timeout_succeeds(self, little_day):
        outcomes = little_day.outcomes

        assert [outcomes[it].status for it in ("first", "out", "next")] == [
            "success",
            "timeout",
            "success",
        ]

    def test_each_has_one_root(self, little_day):
        accounts = [little_day.account(it) for it in ("first", "out", "next")]

        assert [(it.root_count, it.status, it.why, it.ended) for it in accounts] == [
            (1, "UNSET", "", (CALL,)),
            (1, "ERROR", "timeout", (CALL,)),
            (1, "UNSET", "", (CALL,)),
        ]
        assert (little_day.repeated, little_day.complaints) == ([], [])
