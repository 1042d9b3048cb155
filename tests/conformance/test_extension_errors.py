"""Extensions API: what becomes of an error that an extension reports."""

from __future__ import annotations

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import (
    EXTENSION_API,
    ME,
    REGISTERED,
    Step,
    Story,
    call,
    function,
    layer_of,
    told,
)

INIT_ERROR, EXIT_ERROR = (f"{EXTENSION_API}/{path}/error" for path in ("init", "exit"))
REPORTED = {**ME, "Lambda-Extension-Function-Error-Type": "Extension.Reason"}


def report(label: str, path: str) -> Step:
    """Return the step that reports an error."""
    return call(label, "POST", path, REPORTED)


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """Extensions that report errors where they may, and then leave."""
    folder = tmp_path_factory.mktemp("errors")
    done = [str(folder / name) for name in ("registered", "ready", "repeated")]
    layer = layer_of(
        folder,
        registered=[
            REGISTERED,
            report("exit error", EXIT_ERROR),
            {"do": "touch", "file": done[0]},
            {"do": "hang"},
        ],
        ready=[
            {"do": "wait_for", "file": done[0]},
            REGISTERED,
            {"do": "leave_next"},
            report("exit error", EXIT_ERROR),
            {"do": "touch", "file": done[1]},
            {"do": "hang"},
        ],
        initialising=[
            {"do": "wait_for", "file": done[1]},
            REGISTERED,
            report("init error", INIT_ERROR),
            report("repeated", INIT_ERROR),
            {"do": "exit", "status": 1},
        ],
    )
    with Sandbox(function(layer)) as sandbox:
        told_ = Story(sandbox)
        told_.outcomes["init"] = sandbox.init()
        sandbox.close()  # the others hang: there is nobody to say goodbye to
    return told_


class TestAReportedError:
    """Is kept; what it means comes with the exit of the process."""

    @pytest.mark.rule("§1.3", 'exit/error is answered 202 `{"status":"OK"}` when registered')
    def test_of_exit_is_accepted_from_a_registered_extension(self, errors):
        answer = errors.answer("registered", "exit error")

        assert (answer.status, answer.body) == (202, {"status": "OK"})

    @pytest.mark.rule("§1.3", "exit/error is accepted while a next is pending")
    def test_of_exit_is_accepted_from_a_ready_extension(self, errors):
        assert errors.answer("ready", "exit error").status == 202

    @pytest.mark.rule("§1.3", 'init/error is answered 202 `{"status":"OK"}` when registered')
    def test_of_initialisation_is_accepted_from_a_registered_extension(self, errors):
        answer = errors.answer("initialising", "init error")

        assert (answer.status, answer.body) == (202, {"status": "OK"})

    @pytest.mark.rule("§1.4", "A report that is repeated is accepted and means nothing")
    def test_may_be_repeated(self, errors):
        assert errors.answer("initialising", "repeated").status == 202

    @pytest.mark.rule("§1.3", "The first error that anyone reported is the environment's")
    def test_counts_if_it_is_the_first(self, errors):
        assert errors.outcomes["init"].error_type == "Extension.ExitError"

    @pytest.mark.rule("§1.4", "`platform.extension` has the states of the state machine")
    def test_is_a_state(self, errors):
        states = {record["name"]: record["state"] for record in errors.records("extension")}

        assert states["registered"] == states["ready"] == "ExitError"

    @pytest.mark.rule("§1.3", "An extension that reports init/error and exits: Extension.InitError")
    def test_of_initialisation_fails_it(self, tmp_path):
        plan = [REGISTERED, report("error", INIT_ERROR), {"do": "exit", "status": 1}]
        with Sandbox(function(layer_of(tmp_path, external=plan))) as sandbox:
            init = sandbox.init()

        assert (init.status, init.error_type) == ("error", "Extension.InitError")

    @pytest.mark.rule("§1.3", "exit/error in an invocation, and exit: Extension.ExitError")
    def test_of_exit_fails_the_invocation(self, tmp_path):
        plan = [
            REGISTERED,
            {"do": "next"},
            report("error", EXIT_ERROR),
            report("repeated", EXIT_ERROR),
            {"do": "exit", "status": 1},
        ]
        with Sandbox(function(layer_of(tmp_path, external=plan))) as sandbox:
            outcome = sandbox.invoke(told("hang"))

        story = Story(sandbox)
        assert outcome.error_type == "Extension.ExitError"
        assert [story.answer("external", label).status for label in ("error", "repeated")] == [
            202,
            202,
        ]

    @pytest.mark.rule("§1.3", "An extension that reports an error and stays is waited for")
    def test_without_an_exit_ends_with_the_timeout(self, tmp_path):
        events: Step = {"do": "register", "events": []}
        plan = [events, report("error", INIT_ERROR), {"do": "hang"}]
        with Sandbox(function(layer_of(tmp_path, external=plan)), init_timeout_s=0.5) as sandbox:
            init = sandbox.init()

        assert init.status == "timeout"
