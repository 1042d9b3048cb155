"""The Runtime API, as the runtime client uses it and as a handler can ask it beside the client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_sandbox.sandbox import Sandbox
from tests.conformance.story import RUNTIME_API, Story, function, told

TRACE = "Root=1-5b3cc918-939afd635f8891ba6a9e1df7;Parent=c88d77b0aef840e9;Sampled=1;Lineage=a:0"
CLIENT = json.dumps({"custom": {"color": "red"}, "env": {"locale": "de"}})
ARN = "arn:aws:lambda:us-east-1:123456789012:function:story:7"
OWN = f"{RUNTIME_API}/invocation/{{request_id}}"
TOO_LARGE = 6_291_557
MODE = "Lambda-Runtime-Function-Response-Mode"


def call(method, path, body="", **headers):
    """Return a call for the handler to make; a number as the body is a size."""
    return [method, path, headers, body]


CALLS = [
    call("GET", "/2018-06-01/ping"),
    call("GET", f"{RUNTIME_API}/invocation/next"),
    call("POST", f"{RUNTIME_API}/invocation/r-0/response", "{}"),
    call("POST", f"{RUNTIME_API}/invocation/r-0/error", "{}"),
    call("POST", f"{RUNTIME_API}/init/error", "{}"),
    call("POST", f"{OWN}/response", TOO_LARGE),
    call("GET", f"{RUNTIME_API}/invocation/next"),
]
NAMES = ["ping", "next", "response r-0", "error r-0", "init error", "too large", "next again"]


@pytest.fixture(scope="module")
def story():
    """A handler that calls the API; the same with less to tell; one that answers itself."""
    event = told("calls", calls=CALLS)
    with Sandbox(function(version="7", memory_mb=512)) as sandbox:
        kept: dict[str, Any] = {}
        kept["first"] = sandbox.invoke(
            event, request_id="r-1", trace_header=TRACE, client_context=CLIENT
        )
        kept["context"] = json.loads(
            sandbox.invoke(told("describe"), trace_header=TRACE, client_context=CLIENT).payload
        )
        kept["bare"] = json.loads(sandbox.invoke(told("describe"), trace_header="").payload)
        kept["generated"] = json.loads(sandbox.invoke(told("describe")).payload)
        own = [call("POST", f"{OWN}/response", '"own"')] * 2
        kept["own"] = sandbox.invoke(told("calls", calls=own), request_id="r-5")
        kept["after"] = sandbox.invoke(told("answer"))
    told_ = Story(sandbox)
    told_.outcomes |= kept
    first, second = (what["answers"] for what in told_.said("function"))
    told_.outcomes |= {
        "answers": dict(zip(NAMES, first, strict=True)),
        "own answers": second,
        "event": event,
    }
    return told_


def error(answer):
    """Return status and error type of a refusal."""
    status, _, body = answer
    return status, json.loads(body)["errorType"]


class TestNext:
    """Brings the event and all that belongs to it."""

    @pytest.mark.rule("§3", "next is answered with the event and its `Lambda-Runtime-*` headers")
    def test_has_its_headers(self, story):
        status, headers, body = story.outcomes["answers"]["next"]

        own = {name: value for name, value in headers.items() if name.startswith("Lambda-")}
        assert own.pop("Lambda-Runtime-Deadline-Ms").isdecimal()
        assert own == {
            "Lambda-Runtime-Aws-Request-Id": "r-1",
            "Lambda-Runtime-Invoked-Function-Arn": ARN,
            "Lambda-Runtime-Trace-Id": TRACE,
            "Lambda-Runtime-Client-Context": CLIENT,
        }
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert body.encode() == story.outcomes["event"]

    @pytest.mark.rule("§3", "next while an invocation runs gives the same event again")
    def test_is_idempotent(self, story):
        answers = story.outcomes["answers"]

        assert answers["next again"] == answers["next"]

    @pytest.mark.rule("§3", "The context has request id, ARN and client context")
    def test_fills_the_context(self, story):
        context = story.outcomes["context"]

        assert context["arn"] == ARN
        assert context["client"] == {"custom": {"color": "red"}, "env": {"locale": "de"}}
        assert story.outcomes["bare"]["client"] is None

    @pytest.mark.rule("§3.1", "The trace header is `_X_AMZN_TRACE_ID` for the invocation")
    def test_brings_the_trace_header(self, story):
        assert story.outcomes["context"]["variables"]["_X_AMZN_TRACE_ID"] == TRACE

    @pytest.mark.rule("§3.1", "Without a trace header `_X_AMZN_TRACE_ID` is not set")
    def test_may_bring_none(self, story):
        assert "_X_AMZN_TRACE_ID" not in story.outcomes["bare"]["variables"]

    @pytest.mark.rule(
        "§8", "A trace header is made if the caller gives none: Root, Parent, Sampled"
    )
    def test_brings_a_new_one(self, story):
        header = story.outcomes["generated"]["variables"]["_X_AMZN_TRACE_ID"]

        names = [part.partition("=")[0] for part in header.split(";")]
        assert names == ["Root", "Parent", "Sampled", "Lineage"]


class TestAResult:
    """Counts once, for its own invocation."""

    @pytest.mark.rule("§3", "A response with another id: 400 InvalidRequestID")
    def test_for_another_invocation_is_refused(self, story):
        assert error(story.outcomes["answers"]["response r-0"]) == (400, "InvalidRequestID")

    @pytest.mark.rule("§3", "An error with another id: 400 InvalidRequestID")
    def test_that_is_an_error_for_another_invocation_is_refused(self, story):
        assert error(story.outcomes["answers"]["error r-0"]) == (400, "InvalidRequestID")

    @pytest.mark.rule("§3", "A response of more than 6 291 556 bytes: 413 RequestEntityTooLarge")
    def test_that_is_too_large_is_refused(self, story):
        assert error(story.outcomes["answers"]["too large"]) == (413, "RequestEntityTooLarge")

    @pytest.mark.rule("§3", "After a refused result the runtime may post another")
    def test_may_follow_one_that_was_refused(self, story):
        assert story.outcomes["first"].status == "success"

    @pytest.mark.rule("§3", 'A response is answered 202 `{"status":"OK"}`')
    def test_is_accepted(self, story):
        status, _, body = story.outcomes["own answers"][0]

        assert (status, json.loads(body)) == (202, {"status": "OK"})
        assert story.outcomes["own"].payload == b'"own"'

    @pytest.mark.rule("§3", "A second response: 403 InvalidStateTransition")
    def test_counts_once(self, story):
        assert error(story.outcomes["own answers"][1]) == (403, "InvalidStateTransition")

    @pytest.mark.rule(
        "§3", "A response in a mode that there is not: 400 InvalidFunctionResponseMode"
    )
    def test_of_an_unknown_mode_is_refused(self):
        posted = ["POST", f"{OWN}/response", {MODE: "bogus"}, "{}"]
        with Sandbox(function()) as sandbox:
            sandbox.invoke(told("calls", calls=[posted]))

        (said,) = Story(sandbox).said("function")
        assert error(said["answers"][0]) == (400, "InvalidFunctionResponseMode")


class TestTheOtherCalls:
    """Are what runtimes rely on."""

    @pytest.mark.rule("§3", "ping is answered `pong`")
    def test_ping_is_answered(self, story):
        status, _, body = story.outcomes["answers"]["ping"]

        assert (status, body) == (200, "pong")

    @pytest.mark.rule("§3", "init/error after initialisation: 403")
    def test_an_init_error_comes_too_late(self, story):
        assert error(story.outcomes["answers"]["init error"]) == (403, "InvalidStateTransition")
