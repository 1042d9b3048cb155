"""The answers of the three APIs."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.actions import Action, Answer, Note, ReleaseResponse
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import Input
from lambda_sandbox.core.events import RequestReceived
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Invocation, Run
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
UUID = "6f5b5f0a-4a6e-4a52-9d0e-5a1d7f5a0b11"
OTHER_UUID = "6f5b5f0a-4a6e-4a52-9d0e-5a1d7f5a0b12"
EXTENSION_API = "/2020-01-01/extension"
RUNTIME_API = "/2018-06-01/runtime"
TRACE = "Root=1-a;Parent=b;Sampled=1"


class Desk:
    """A control with the extension file ``listener``."""

    def __init__(self):
        self.out: list[Action] = []
        self.journal = Journal(FUNCTION, supported=True, epoch_s=0.0, out=self.out)
        self.control = Control(FUNCTION, ("listener",), self.journal, self.out)

    def call(self, method, target, body=b"", fresh_uuid=UUID, **headers):
        """Make a call; return the reply, None if it waits."""
        lower = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method, target, lower, body)
        self.control.take(RequestReceived(7, request, fresh_uuid), NOW)
        answers = [action for action in self.out if isinstance(action, Answer)]
        self.out[:] = [action for action in self.out if not isinstance(action, Answer)]
        return answers[0].reply if answers else None

    def registers(self, *events, name="listener", **headers):
        body = json.dumps({"events": events}).encode()
        target = f"{EXTENSION_API}/register"
        return self.call("POST", target, body, lambda_extension_name=name, **headers)

    def asks_next(self):
        target = f"{EXTENSION_API}/event/next"
        return self.call("GET", target, fresh_uuid=OTHER_UUID, lambda_extension_identifier=UUID)

    def runtime_asks_next(self):
        return self.call("GET", f"{RUNTIME_API}/invocation/next")

    def invoked(self, trace_header=TRACE, client_context='{"client": 1}'):
        """Everybody is ready, and ``r-1`` is invoked; return the answers."""
        self.registers("INVOKE", "SHUTDOWN")
        self.asks_next()
        self.runtime_asks_next()
        self.out.clear()
        invocation = Invocation("r-1", b"{}", trace_header, client_context)
        self.control.invoke(Run(invocation, NOW, NOW + 3, NOW), NOW)
        return [action for action in self.out if isinstance(action, Answer)]

    def notes(self):
        return [(action.what, action.who) for action in self.out if isinstance(action, Note)]


def error_type(reply):
    return json.loads(reply.body)["errorType"]


class TestRegistration:
    """Answered with the function's facts and an identifier."""

    def test_names_the_function(self):
        desk = Desk()

        reply = desk.registers("INVOKE")

        assert json.loads(reply.body) == {
            "functionName": "hello",
            "functionVersion": "$LATEST",
            "handler": "app.handler",
        }
        assert ("Lambda-Extension-Identifier", UUID) in reply.headers
        assert desk.notes() == [("registered", "listener")]

    def test_tells_the_account_to_whoever_accepts_it(self):
        reply = Desk().registers("INVOKE", lambda_extension_accept_feature="accountId")

        assert json.loads(reply.body)["accountId"] == "123456789012"

    def test_may_be_refused(self):
        assert error_type(Desk().registers("BOGUS")) == "Extension.InvalidEventType"

    def test_ends_with_the_runtimes_first_next(self):
        desk = Desk()
        desk.runtime_asks_next()

        assert error_type(desk.registers("INVOKE")) == "Extension.RegistrationClosed"


class TestAnExtension:
    """Asks next, fails, subscribes: if the platform knows it."""

    def test_waits_for_an_event(self):
        desk = Desk()
        desk.registers("INVOKE")

        assert desk.asks_next() is None
        assert error_type(desk.asks_next()) == "Extension.InvalidExtensionState"

    def test_that_is_unknown_is_refused(self):
        assert error_type(Desk().asks_next()) == "Extension.UnknownExtensionIdentifier"

    @pytest.mark.parametrize(
        ("stage", "fatal"), [("init", "Extension.InitError"), ("exit", "Extension.ExitError")]
    )
    def test_reports_that_it_fails_and_the_first_report_counts(self, stage, fatal):
        desk = Desk()
        desk.registers("INVOKE")
        headers = {
            "lambda_extension_identifier": UUID,
            "lambda_extension_function_error_type": "Extension.Tired",
        }

        assert desk.call("POST", f"{EXTENSION_API}/{stage}/error", **headers).status == 202
        assert desk.control.fatal_error_type == fatal
        listener = desk.control.extensions.of_process("extensions/listener")
        assert listener.error_type == "Extension.Tired"
        desk.call("POST", f"{EXTENSION_API}/exit/error", **headers)
        assert desk.control.fatal_error_type == fatal

    def test_cannot_report_what_its_state_does_not_allow(self):
        desk = Desk()
        desk.registers("INVOKE")
        desk.asks_next()

        reply = desk.call(
            "POST",
            f"{EXTENSION_API}/init/error",
            lambda_extension_identifier=UUID,
            lambda_extension_function_error_type="Extension.Tired",
        )

        assert error_type(reply) == "Extension.InvalidExtensionState"

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (
                (
                    b'{"schemaVersion": "2022-12-13", "types": ["platform"],'
                    b' "destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"}}'
                ),
                200,
            ),
            (b"{}", 400),
        ],
    )
    def test_subscribes(self, body, status):
        desk = Desk()
        desk.registers("INVOKE")

        reply = desk.call("PUT", "/2022-07-01/telemetry", body, lambda_extension_identifier=UUID)

        assert reply.status == status
        assert (("subscribed", "listener") in desk.notes()) is (status == 200)


class TestAnInvocation:
    """The same facts for the extensions and the runtime."""

    def test_is_an_event_for_the_extension(self):
        extension, _ = Desk().invoked()

        assert json.loads(extension.reply.body) == {
            "eventType": "INVOKE",
            "deadlineMs": 103_000,
            "requestId": "r-1",
            "invokedFunctionArn": FUNCTION.arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": TRACE},
        }
        assert ("Lambda-Extension-Event-Identifier", OTHER_UUID) in extension.reply.headers

    def test_is_the_payload_with_headers_for_the_runtime(self):
        _, runtime = Desk().invoked()

        assert runtime.reply.body == b"{}"
        assert runtime.reply.headers == (
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", "r-1"),
            ("Lambda-Runtime-Deadline-Ms", "103000"),
            ("Lambda-Runtime-Invoked-Function-Arn", FUNCTION.arn),
            ("Lambda-Runtime-Trace-Id", TRACE),
            ("Lambda-Runtime-Client-Context", '{"client": 1}'),
        )

    def test_is_none_of_the_business_of_an_extension_that_did_not_subscribe(self):
        desk = Desk()
        desk.registers(name="thread", fresh_uuid=OTHER_UUID)

        assert len(desk.invoked()) == 2

    def test_without_a_trace_says_nothing_of_one(self):
        extension, runtime = Desk().invoked(trace_header="", client_context=None)

        assert "tracing" not in json.loads(extension.reply.body)
        assert len(runtime.reply.headers) == 4

    def test_is_given_again_to_a_runtime_that_asks_again(self):
        desk = Desk()
        _, runtime = desk.invoked()
        desk.out.clear()

        assert desk.runtime_asks_next() == runtime.reply


class TestTheRuntimesResponse:
    """Released to the caller at once."""

    def test_is_the_outcome(self):
        desk = Desk()
        desk.invoked()
        desk.out.clear()

        reply = desk.call("POST", f"{RUNTIME_API}/invocation/r-1/response", b"1")

        (release, _) = desk.out
        assert reply.status == 202
        assert isinstance(release, ReleaseResponse)
        assert release.outcome.payload == b"1"

    @pytest.mark.parametrize(
        ("body", "headers", "expected"),
        [
            (b'{"errorType": "ValueError"}', {}, "ValueError"),
            (b"{}", {"lambda_runtime_function_error_type": "A.B"}, "A.B"),
            (b'{"errorType": 1}', {}, "Runtime.Unknown"),
            (b"nonsense", {}, "Runtime.Unknown"),
        ],
    )
    def test_may_be_an_error_of_a_type(self, body, headers, expected):
        desk = Desk()
        desk.invoked()
        desk.out.clear()

        desk.call("POST", f"{RUNTIME_API}/invocation/r-1/error", body, **headers)

        (release, _) = desk.out
        assert isinstance(release, ReleaseResponse)
        assert release.outcome.error_type == expected
        assert release.outcome.payload == body

    def test_may_be_refused(self):
        desk = Desk()
        desk.invoked()
        desk.out.clear()

        reply = desk.call("POST", f"{RUNTIME_API}/invocation/r-0/response", b"1")

        assert error_type(reply) == "InvalidRequestID"

    def test_that_comes_when_the_invocation_has_failed_goes_nowhere(self):
        desk = Desk()
        desk.invoked()
        desk.control.forget()
        desk.out.clear()

        reply = desk.call("POST", f"{RUNTIME_API}/invocation/r-1/response", b"1")

        assert reply.status == 202
        assert desk.out == []


class TestTheRuntimesInitError:
    """Kept, to be told when the process has exited."""

    @pytest.mark.parametrize(
        ("headers", "fatal"),
        [({"lambda_runtime_function_error_type": "A.B"}, "A.B"), ({}, "Runtime.Unknown")],
    )
    def test_is_kept(self, headers, fatal):
        desk = Desk()

        reply = desk.call("POST", f"{RUNTIME_API}/init/error", b"{}", **headers)

        assert reply.status == 202
        assert (desk.control.fatal_error_type, desk.control.init_error) == (fatal, b"{}")

    def test_after_next_is_refused(self):
        desk = Desk()
        desk.runtime_asks_next()

        reply = desk.call("POST", f"{RUNTIME_API}/init/error", b"{}")

        assert error_type(reply) == "InvalidStateTransition"


class TestTheRest:
    """Small things."""

    def test_ping_pongs(self):
        assert Desk().call("GET", "/2018-06-01/ping").body == b"pong"

    def test_what_cannot_be_read_is_refused(self):
        assert Desk().call("GET", "/").status == 404

    def test_shutdown_is_an_event(self):
        desk = Desk()
        desk.registers("SHUTDOWN")
        desk.asks_next()
        desk.out.clear()
        listener = desk.control.extensions.of_process("extensions/listener")

        desk.control.shut_down(listener, "timeout", NOW + 2)

        (answer, _) = desk.out
        assert isinstance(answer, Answer)
        assert json.loads(answer.reply.body) == {
            "eventType": "SHUTDOWN",
            "shutdownReason": "timeout",
            "deadlineMs": 102_000,
        }

    def test_after_a_reset_nobody_is_known(self):
        desk = Desk()
        desk.registers("INVOKE")

        desk.control.renew(("listener",))

        assert error_type(desk.asks_next()) == "Extension.UnknownExtensionIdentifier"
        assert (
            desk.control.extensions.of_process("extensions/listener").take(Input.REGISTER) is None
        )
