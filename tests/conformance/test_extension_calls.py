"""Extensions API: next and its events; what is refused of next, init/error and exit/error."""

from __future__ import annotations

import re
import time

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import (
    EXTENSION_API,
    LOOP,
    ME,
    REGISTERED,
    Step,
    Story,
    call,
    function,
    layer_of,
    told,
)

NEXT, INIT_ERROR, EXIT_ERROR = (
    f"{EXTENSION_API}/{path}" for path in ("event/next", "init/error", "exit/error")
)
STRANGER = "5f6bd5b6-9b1b-4d54-8b4e-3f0a3f0a3f0a"
TYPE = {"Lambda-Extension-Function-Error-Type": "Extension.Reason"}
TRACE = "Root=1-5b3cc918-939afd635f8891ba6a9e1df7;Parent=c88d77b0aef840e9;Sampled=1"
IDENTIFIER = "Lambda-Extension-Identifier"


def asked(label: str, path: str, headers: dict[str, str]) -> Step:
    """Return the step of a call of this API."""
    return call(label, "GET" if path == NEXT else "POST", path, headers)


EXTERNAL = [
    asked("no identifier", NEXT, {}),
    asked("not a UUID", NEXT, {IDENTIFIER: "me"}),
    asked("unknown", NEXT, {IDENTIFIER: STRANGER}),
    REGISTERED,
    asked("error of nobody", INIT_ERROR, TYPE),
    asked("error of a stranger", EXIT_ERROR, {**TYPE, IDENTIFIER: STRANGER}),
    asked("init error without type", INIT_ERROR, ME),
    asked("exit error without type", EXIT_ERROR, ME),
    {"do": "leave_next"},
    asked("next while next", NEXT, ME),
    asked("init error while next", INIT_ERROR, {**ME, **TYPE}),
    {"do": "take_next"},
    asked("init error while running", INIT_ERROR, {**ME, **TYPE}),
    LOOP,
]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Two invocations, with a trace header and without one."""
    layer = layer_of(tmp_path_factory.mktemp("calls"), external=EXTERNAL)
    with Sandbox(function(layer, version="7")) as sandbox:
        told_ = Story(sandbox)
        told_.outcomes["began_ms"] = time.time() * 1000  # noqa: TID251  # the test's own clock
        sandbox.invoke(told("answer"), request_id="r-1", trace_header=TRACE)
        sandbox.invoke(told("answer"), request_id="r-2", trace_header="")
        sandbox.wait_frozen()
    return told_


def refused(label, source, rule, error_type, message):
    """One row of an error table."""
    mark = pytest.mark.rule(source, f"Refused with 403 {error_type}: {rule}")
    return pytest.param(label, error_type, message, id=label, marks=mark)


def transition(states):
    """Return the message of a transition that is not allowed."""
    return f"State transition from {states} failed for extension "


MISSING = ("Extension.MissingExtensionIdentifier", "")
INVALID = "Extension.InvalidExtensionState"
UNKNOWN = ("Extension.UnknownExtensionIdentifier", f"Unknown extension {STRANGER}")
HEADER = ("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")

REFUSED = [
    refused("no identifier", "§1.2", "next without an identifier", *MISSING),
    refused(
        "not a UUID", "§1.2", "next with an identifier that is not a UUID",
        "Extension.InvalidExtensionIdentifier", "",
    ),
    refused("unknown", "§1.2", "next with the identifier of nobody", *UNKNOWN),
    refused(
        "next while next", "§1.2", "next while a next is pending",
        INVALID, transition("Ready to Ready"),
    ),
    refused("error of nobody", "§1.3", "an error without an identifier", *MISSING),
    refused("error of a stranger", "§1.3", "an error with the identifier of nobody", *UNKNOWN),
    refused("init error without type", "§1.3", "init/error without an error type", *HEADER),
    refused("exit error without type", "§1.3", "exit/error without an error type", *HEADER),
    refused(
        "init error while next", "§1.3", "init/error while a next is pending",
        INVALID, transition("Ready to InitError"),
    ),
    refused(
        "init error while running", "§1.3", "init/error while an event is worked on",
        INVALID, transition("Running to InitError"),
    ),
]  # fmt: skip


class TestARefusedCall:
    """Has Lambda's status, type and message."""

    @pytest.mark.parametrize(("label", "error_type", "message"), REFUSED)
    def test_says_why(self, story, label, error_type, message):
        status, type_, text = story.answer("external", label).error

        assert (status, type_) == (403, error_type)
        assert text.startswith(message)

    @pytest.mark.rule("§1.2", "A refused next leaves the one that is pending alone")
    def test_changes_nothing(self, story):
        assert story.received("external", "INVOKE")[0]["event"]["requestId"] == "r-1"


class TestTheInvokeEvent:
    """Tells of the invocation, without its payload."""

    @pytest.mark.rule("§1.2", "INVOKE has type, deadline, request id, ARN and tracing; no payload")
    def test_has_its_fields(self, story):
        event = story.received("external", "INVOKE")[0]["event"]

        assert event.pop("deadlineMs") > story.outcomes["began_ms"]
        assert event == {
            "eventType": "INVOKE",
            "requestId": "r-1",
            "invokedFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:story:7",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": TRACE},
        }

    @pytest.mark.rule("§1.2", "INVOKE has no `tracing` without a trace header")
    def test_has_no_tracing_without_a_trace(self, story):
        assert set(story.received("external", "INVOKE")[1]["event"]) == {
            "eventType",
            "deadlineMs",
            "requestId",
            "invokedFunctionArn",
        }

    @pytest.mark.rule("§1.2", "An event is named by `Lambda-Extension-Event-Identifier`, a UUID")
    def test_is_named(self, story):
        first, second = (
            what["headers"]["Lambda-Extension-Event-Identifier"]
            for what in story.received("external", "INVOKE")
        )

        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
        assert first != second

    @pytest.mark.rule("§1.2", "An event is answered 200 as application/json")
    def test_is_json(self, story):
        what = story.received("external", "INVOKE")[0]

        assert (what["status"], what["headers"]["Content-Type"]) == (200, "application/json")


class TestTheShutdownEvent:
    """Tells why, and until when."""

    @pytest.mark.rule("§1.2", "SHUTDOWN has type, reason and deadline; `spindown` at the end")
    def test_has_its_fields(self, story):
        (what,) = story.received("external", "SHUTDOWN")

        assert what["event"].pop("deadlineMs") > story.outcomes["began_ms"]
        assert what["event"] == {"eventType": "SHUTDOWN", "shutdownReason": "spindown"}
