"""The Invoke API: what a request asks for, and what an outcome is answered with."""

from __future__ import annotations

import base64
import json
from itertools import chain, repeat

import pytest

from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.apis.invoke_api import (
    ASYNCHRONOUS_PAYLOAD_BYTES_MAX,
    PAYLOAD_BYTES_MAX,
    Call,
    accepted,
    answer,
    call_of,
    log_of,
)
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Outcome

ARN = "arn:aws:lambda:us-east-1:123456789012:function:hello"


def function(version="$LATEST"):
    return FunctionFacts("hello", version, "app.handler", 128, 3.0, "3.13", "stream")


def target(name="hello", query=""):
    return f"/2015-03-31/functions/{name}/invocations{query}"


def call(body=b"{}", *, name="hello", query="", version="$LATEST", **headers):
    named = {f"x-amz-{key.replace('_', '-')}": value for key, value in headers.items()}
    return call_of(Request("POST", target(name, query), named, body), function(version), "r-1")


def refused(reply):
    """Return the status, the error type and the message of a refusal."""
    assert isinstance(reply, Reply)
    headers, body = dict(reply.headers), json.loads(reply.body)
    assert headers["x-amzn-RequestId"] == "r-1"
    message = body.get("message") or body["Message"]
    return reply.status, headers["x-amzn-ErrorType"], message


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class TestARequest:
    """Says what to invoke the function with."""

    def test_is_synchronous_unless_it_says_otherwise(self):
        assert call(b'{"a": 1}') == Call("RequestResponse", b'{"a": 1}')

    def test_without_a_body_has_an_empty_event(self):
        assert call(b"").payload == b"{}"

    @pytest.mark.parametrize("body", [b"null", b" 1 ", '"ä"'.encode(), b"9" * 5000, b"1e999"])
    def test_may_carry_any_json(self, body):
        assert call(body).payload == body

    @pytest.mark.parametrize("kind", ["Event", "DryRun"])
    def test_may_wait_for_no_outcome(self, kind):
        assert call(invocation_type=kind) == Call(kind, b"{}")

    def test_may_ask_for_the_end_of_the_log(self):
        assert call(log_type="Tail").log_wanted
        assert not call(log_type="None").log_wanted

    def test_passes_its_trace_on(self):
        headers = {"x-amzn-trace-id": "Root=1-a-b;Sampled=1"}
        request = Request("POST", target(), headers, b"")

        asked = call_of(request, function(), "r-1")

        assert asked == Call("RequestResponse", b"{}", trace_header="Root=1-a-b;Sampled=1")

    def test_passes_the_clients_context_on(self):
        context = '{"custom": {\n"a": "ä"}}'

        assert call(client_context=encoded(context)).client_context == context

    def test_that_is_asynchronous_has_neither_log_nor_context(self):
        asked = call(invocation_type="Event", log_type="Tail", client_context=encoded("{}"))

        assert asked == Call("Event", b"{}")


class TestTheFunctionsName:
    """Names, partial and whole ARNs are equal; a qualifier may follow, or be in the query."""

    @pytest.mark.parametrize(
        "name",
        [
            "hello",
            "hello:$LATEST",
            "hello%3A%24LATEST",
            "hello:an-alias",
            "123456789012:function:hello",
            "function:hello",
            ARN,
            ARN.replace(":", "%3a"),
            ARN.replace("us-east-1", "us-gov-west-1").replace("aws", "aws-us-gov", 1),
            f"{ARN}:$LATEST",
        ],
    )
    def test_may_take_many_forms(self, name):
        assert isinstance(call(name=name), Call)

    @pytest.mark.parametrize("query", ["?Qualifier=3", "?a=b&Qualifier=live", "?Qualifier=", "?a"])
    def test_may_be_qualified_by_the_query(self, query):
        assert isinstance(call(query=query, version="3"), Call)

    @pytest.mark.parametrize(
        ("name", "query", "arn"),
        [
            ("other", "", ARN.replace("hello", "other")),
            ("hello:7", "", f"{ARN}:7"),
            ("hello", "?Qualifier=7", f"{ARN}:7"),
            ("other:live", "?Qualifier=live", ARN.replace("hello", "other:live")),
        ],
    )
    def test_of_what_there_is_not_is_not_found(self, name, query, arn):
        assert refused(call(name=name, query=query)) == (
            404,
            "ResourceNotFoundException",
            f"Function not found: {arn}",
        )

    def test_of_a_published_version_is_not_that_of_the_latest(self):
        assert refused(call(name="hello:$LATEST", version="3"))[0] == 404

    def test_must_not_contradict_the_query(self):
        reply = call(name="hello:a", query="?Qualifier=b")

        assert refused(reply)[:2] == (400, "InvalidParameterValueException")

    @pytest.mark.parametrize("name", ["a b", "%20", "h%C3%A4", "hello:a:b"])
    def test_has_to_be_one(self, name):
        assert refused(call(name=name))[:2] == (400, "InvalidParameterValueException")


class TestARequestThatMakesNoSense:
    """Is refused with the documented error."""

    @pytest.mark.parametrize(
        "body",
        [b"{", b"NaN", b'{"a": -Infinity}', b"\xff", '"a"'.encode("utf-16"), b"[" * 100_000],
    )
    def test_because_its_body_is_not_json(self, body):
        status, error_type, message = refused(call(body))

        assert (status, error_type) == (400, "InvalidRequestContentException")
        assert message.startswith("Could not parse request body into json: ")

    @pytest.mark.parametrize(
        "context",
        ["?", encoded("{"), encoded("[]"), encoded('{"a": NaN}'), "e30", encoded("{}") + "ä"],
    )
    def test_because_its_client_context_is_no_json_object(self, context):
        assert refused(call(client_context=context)) == (
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        )

    def test_because_its_client_context_is_too_long(self):
        longest = encoded(json.dumps({"a": "x" * 2676}))

        assert len(longest) == 3584 - 4
        assert isinstance(call(client_context=longest), Call)
        assert refused(call(client_context=encoded(json.dumps({"a": "x" * 2700}))))[0] == 400

    @pytest.mark.parametrize("kind", ["RequestResponse", "DryRun"])
    def test_because_it_is_larger_than_six_megabytes(self, kind):
        largest = b"1" * PAYLOAD_BYTES_MAX

        assert isinstance(call(largest, invocation_type=kind), Call)
        assert refused(call(largest + b"1", invocation_type=kind)) == (
            413,
            "RequestTooLargeException",
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        )

    def test_because_it_is_asynchronous_and_larger_than_one_megabyte(self):
        largest = b"1" * ASYNCHRONOUS_PAYLOAD_BYTES_MAX

        assert isinstance(call(largest, invocation_type="Event"), Call)
        assert refused(call(largest + b"1", invocation_type="Event")) == (
            413,
            "RequestTooLargeException",
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        )

    def test_because_there_is_no_such_invocation_type(self):
        assert refused(call(invocation_type="event")) == (
            400,
            "InvalidParameterValueException",
            "Value 'event' at 'invocationType' is none of RequestResponse, Event, DryRun",
        )

    @pytest.mark.parametrize(
        ("method", "path"), [("GET", target()), ("POST", "/"), ("POST", f"{target()}/x")]
    )
    def test_because_it_is_not_invoke(self, method, path):
        reply = call_of(Request(method, path), function(), "r-1")

        assert refused(reply)[:2] == (404, "UnknownOperationException")

    def test_in_the_words_of_the_documentation(self):
        body = json.loads(call(name="other").body)

        assert body == {"Type": "User", "Message": f"Function not found: {ARN[:-5]}other"}


def outcome(payload=b"1", function_error=None, status="success"):
    return Outcome("r-1", payload, function_error, status, None, 0.1)


class TestAnAnswer:
    """An error of the function is a success of the API."""

    def test_carries_the_payload(self):
        assert answer(outcome(), function("3")) == Reply(
            200,
            b"1",
            (
                ("Content-Type", "application/json"),
                ("x-amzn-RequestId", "r-1"),
                ("X-Amz-Executed-Version", "3"),
            ),
        )

    @pytest.mark.parametrize("status", ["error", "timeout"])
    def test_names_the_error(self, status):
        reply = answer(outcome(b"{}", "Unhandled", status), function())

        assert reply.status == 200
        assert ("X-Amz-Function-Error", "Unhandled") in reply.headers

    def test_carries_the_last_four_kilobytes_of_the_log(self):
        log = "first" + "ä" * 2048

        headers = dict(answer(outcome(), function(), log).headers)

        assert base64.b64decode(headers["X-Amz-Log-Result"]) == b"\xc3\xa4" * 2048

    def test_of_an_environment_that_is_gone_is_the_services_fault(self):
        gone = outcome(b'{"errorMessage": "gone"}', "Unhandled", "failure")

        reply = answer(gone, function())

        assert refused(reply) == (500, "ServiceException", "gone")
        assert json.loads(reply.body)["Type"] == "Service"

    def test_to_an_event_is_empty(self):
        reply = accepted(Call("Event", b"{}"), function(), "r-1")

        assert reply == Reply(202, b"", (("x-amzn-RequestId", "r-1"),))

    def test_to_a_dry_run_is_the_version(self):
        reply = accepted(Call("DryRun", b"{}"), function(), "r-1")

        assert (reply.status, reply.body) == (204, b"")
        assert ("X-Amz-Executed-Version", "$LATEST") in reply.headers


class TestTheLog:
    """That of one invocation goes from its START to its REPORT."""

    LINES = ("before", "START RequestId: r-1 Version: 1", "a\nb", "END", "REPORT RequestId: r-1\t")

    def test_is_cut_out_of_that_of_the_environment(self):
        other = ("START RequestId: r-0", "x", "REPORT RequestId: r-0")

        assert log_of([*other, *self.LINES, "after"], "r-1") == (
            "START RequestId: r-1 Version: 1\na\nb\nEND\nREPORT RequestId: r-1\t\n"
        )

    def test_is_cut_out_of_events_too(self):
        start = '{"type":"platform.start","record":{"requestId":"r-1"}}'
        report = '{"type":"platform.report","record":{"requestId":"r-1"}}'
        own = [
            start,
            '"platform.report"',
            '["platform.report"]',
            '{"type":"platform.report"}',
            report,
        ]

        assert log_of([start.replace("r-1", "r-0"), *own, "after"], "r-1") == "".join(
            f"{line}\n" for line in own
        )

    def test_does_not_wait_for_what_comes_after(self):
        endless = chain(self.LINES, repeat("more"))

        assert "more" not in log_of(endless, "r-1")

    def test_may_break_off(self):
        assert log_of(self.LINES[:3], "r-1").endswith("b\n")
