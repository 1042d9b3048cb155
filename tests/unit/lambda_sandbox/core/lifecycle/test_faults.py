"""Whose fault the end of a process is."""

from __future__ import annotations

from lambda_sandbox.core.actions import Action
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import State
from lambda_sandbox.core.events import ProcessExited, ProcessNotStarted
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.invocation import Failure
from lambda_sandbox.core.lifecycle import faults
from lambda_sandbox.core.telemetry.journal import Journal

FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
LISTENER = "extensions/listener"


def control():
    out: list[Action] = []
    return Control(
        FUNCTION, ("listener",), Journal(FUNCTION, supported=True, epoch_s=0.0, out=out), out
    )


def state_of_listener(of):
    return of.extensions.of_process(LISTENER).state


class TestAProcessThatCouldNotBeStarted:
    """The machine refused."""

    def test_is_an_invalid_entry_point_if_it_is_the_runtime(self):
        failure = faults.of_start(ProcessNotStarted("runtime", "no such file"), control())

        assert failure == Failure("error", "Runtime.InvalidEntrypoint", "no such file")

    def test_is_a_launch_error_if_it_is_an_extension(self):
        of = control()

        failure = faults.of_start(ProcessNotStarted(LISTENER, "PermissionDenied: it is"), of)

        assert failure == Failure("error", "Extension.LaunchError", "PermissionDenied: it is")
        assert state_of_listener(of) is State.LAUNCH_ERROR
        assert of.extensions.of_process(LISTENER).error_type == "PermissionDenied"


class TestAProcessThatExited:
    """Nobody may leave before the environment ends."""

    def test_is_an_exit_error_if_it_is_the_runtime(self):
        failure = faults.of_exit(ProcessExited("runtime", "exit status 1"), control())

        text = "Runtime exited with error: exit status 1"
        assert failure == Failure("error", "Runtime.ExitError", text)

    def test_has_no_reason_if_the_runtime_left_in_peace(self):
        failure = faults.of_exit(ProcessExited("runtime", "exit status 0"), control())

        text = "Runtime exited without providing a reason"
        assert failure == Failure("error", "Runtime.ExitError", text)

    def test_is_a_crash_if_it_is_an_extension_whatever_its_status(self):
        first, second = control(), control()

        assert faults.of_exit(ProcessExited(LISTENER, "exit status 0"), first) == Failure(
            "error", "Extension.Crash", "exit status 0"
        )
        assert faults.of_exit(ProcessExited(LISTENER, "exit status 7"), second) == Failure(
            "error", "Extension.Crash", "exit status 7"
        )
        assert state_of_listener(first) is State.EXITED
        assert state_of_listener(second) is State.SHUTDOWN_FAILED

    def test_is_named_by_the_first_error_that_was_reported(self):
        of = control()
        of.first_fault.report("Runtime.ImportModuleError", b"{}")

        runtime = faults.of_exit(ProcessExited("runtime", "exit status 1"), of)
        extension = faults.of_exit(ProcessExited(LISTENER, "exit status 1"), of)

        assert (runtime.error_type, runtime.payload) == ("Runtime.ImportModuleError", b"{}")
        assert extension.error_type == "Runtime.ImportModuleError"

    def test_is_out_of_memory_if_the_runtime_was_killed_for_that(self):
        of = control()
        of.memory_exhausted = True

        failure = faults.of_exit(ProcessExited("runtime", "signal: killed"), of)

        text = "Runtime exited with error: signal: killed"
        assert failure == Failure("error", "Runtime.OutOfMemory", text)

    def test_is_no_want_of_memory_if_the_runtime_left_by_itself(self):
        of = control()
        of.memory_exhausted = True  # by another process

        failure = faults.of_exit(ProcessExited("runtime", "exit status 1"), of)

        assert failure.error_type == "Runtime.ExitError"

    def test_is_what_was_reported_before_the_memory_was_exhausted(self):
        of = control()
        of.first_fault.report("Extension.ExitError")
        of.memory_exhausted = True

        failure = faults.of_exit(ProcessExited("runtime", "signal: killed"), of)

        assert failure.error_type == "Extension.ExitError"

    def test_is_a_crash_of_the_extension_whoever_exhausted_the_memory(self):
        of = control()
        of.memory_exhausted = True

        failure = faults.of_exit(ProcessExited(LISTENER, "signal: killed"), of)

        assert failure == Failure("error", "Extension.Crash", "signal: killed")


class TestASnapshotThatIsLost:
    """The initialised runtime was a process, and has ended."""

    def test_is_a_runtime_that_left_in_peace(self):
        text = "Runtime exited without providing a reason"
        assert faults.of_snapshot() == Failure("error", "Runtime.ExitError", text)
