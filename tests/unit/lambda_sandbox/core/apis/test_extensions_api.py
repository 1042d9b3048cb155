"""What extensions are answered, and what they are told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lambda_sandbox.core.actions import Action, Answer, Note
from lambda_sandbox.core.api import ExtensionFailed, ExtensionNext, Register, Subscribe
from lambda_sandbox.core.apis.extension import Extensions, State
from lambda_sandbox.core.apis.extensions_api import ExtensionsApi
from lambda_sandbox.core.apis.first_fault import FirstFault
from lambda_sandbox.core.events import RequestReceived
from lambda_sandbox.core.function import FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Invocation, Run
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
UUID = "6f5b5f0a-4a6e-4a52-9d0e-5a1d7f5a0b11"
EVENT_UUID = "6f5b5f0a-4a6e-4a52-9d0e-5a1d7f5a0b12"
CLIENT = 7
TRACE = "Root=1-a;Parent=b;Sampled=1"
SUBSCRIPTION = (
    b'{"schemaVersion": "2022-12-13", "types": ["platform"],'
    b' "destination": {"protocol": "HTTP", "URI": "http://sandbox:1/"}}'
)


class Desk:
    """The API of an environment with the extension file ``listener``."""

    def __init__(self, function=FUNCTION):
        self.out: list[Action] = []
        self.extensions = Extensions(("listener",))
        self.first_fault = FirstFault()
        journal = Journal(function, supported=True, epoch_s=0.0, out=self.out)
        self.api = ExtensionsApi(function, self.extensions, self.first_fault, journal, self.out)

    def registers(self, *events, name="listener", wants_account_id=False):
        return self.api.register(Register(name, events, wants_account_id), UUID)

    def asks(self, call):
        request = Request("GET", "/", {})  # it has been read: nobody looks at it again
        return self.api.reply(call, RequestReceived(CLIENT, request, EVENT_UUID), NOW)

    def asks_next(self):
        return self.asks(ExtensionNext(UUID))

    @property
    def listener(self):
        return self.extensions.of_process("extensions/listener")

    def answers(self):
        return [action for action in self.out if isinstance(action, Answer)]

    def notes(self):
        return [(action.what, action.who) for action in self.out if isinstance(action, Note)]


def run(trace_header=TRACE):
    return Run(Invocation("r-1", b"{}", trace_header), NOW, NOW + 3, NOW)


def error_type(reply):
    return json.loads(reply.body)["errorType"]


class TestRegistration:
    """Answered with the function's facts and an identifier."""

    def test_names_the_function(self):
        desk = Desk()

        reply = desk.registers("INVOKE")

        assert reply.body == (
            b'{"functionName":"hello","functionVersion":"$LATEST","handler":"app.handler"}'
        )
        assert reply.headers == (
            ("Content-Type", "application/json"),
            ("Lambda-Extension-Identifier", UUID),
        )
        assert desk.notes() == [("registered", "listener")]

    def test_tells_the_account_to_whoever_accepts_it(self):
        reply = Desk(replace(FUNCTION, account_id="1")).registers(wants_account_id=True)

        assert json.loads(reply.body)["accountId"] == "1"

    def test_may_be_refused(self):
        desk = Desk()

        assert error_type(desk.registers("BOGUS")) == "Extension.InvalidEventType"
        assert desk.notes() == []


class TestNext:
    """Answered when there is an event."""

    def test_waits_for_one(self):
        desk = Desk()
        desk.registers("INVOKE")

        assert desk.asks_next() is None
        assert desk.notes()[-1] == ("asked next", "listener")

    def test_is_refused_while_another_is_pending_and_the_first_one_stays(self):
        desk = Desk()
        desk.registers("INVOKE")
        desk.asks_next()
        desk.out.clear()
        request = Request("GET", "/", {})

        reply = desk.api.reply(ExtensionNext(UUID), RequestReceived(8, request, "other"), NOW)

        assert error_type(reply) == "Extension.InvalidExtensionState"
        assert (desk.listener.client_id, desk.listener.event_id) == (CLIENT, EVENT_UUID)
        assert desk.notes() == []

    @pytest.mark.parametrize(
        "call",
        [ExtensionNext(UUID), ExtensionFailed(UUID, True, "A.B"), Subscribe(UUID, SUBSCRIPTION)],  # noqa: FBT003  # positional in the call
    )
    def test_is_for_those_who_have_registered_like_everything_else(self, call):
        assert error_type(Desk().asks(call)) == "Extension.UnknownExtensionIdentifier"


class TestAReportOfAFailure:
    """Accepted if the state allows it; the extension is expected to exit."""

    @pytest.mark.parametrize(
        ("initialising", "fatal", "state"),
        [
            (True, "Extension.InitError", State.INIT_ERROR),
            (False, "Extension.ExitError", State.EXIT_ERROR),
        ],
    )
    def test_names_the_fault(self, initialising, fatal, state):
        desk = Desk()
        desk.registers("INVOKE")

        reply = desk.asks(ExtensionFailed(UUID, initialising, "Extension.Tired"))

        assert (reply.status, reply.body) == (202, b'{"status":"OK"}\n')
        assert desk.first_fault == FirstFault(fatal)
        assert (desk.listener.state, desk.listener.error_type) == (state, "Extension.Tired")
        assert desk.notes()[-1] == ("reported Extension.Tired", "listener")

    def test_that_is_repeated_changes_nothing(self):
        desk = Desk()
        desk.registers("INVOKE")
        desk.asks(ExtensionFailed(UUID, True, "Extension.Tired"))  # noqa: FBT003  # positional in the call

        assert desk.asks(ExtensionFailed(UUID, True, "Extension.Bored")).status == 202  # noqa: FBT003  # as above
        assert desk.listener.error_type == "Extension.Tired"

    def test_that_the_state_does_not_allow_is_refused(self):
        desk = Desk()
        desk.registers("INVOKE")
        desk.asks_next()

        reply = desk.asks(ExtensionFailed(UUID, True, "Extension.Tired"))  # noqa: FBT003  # positional in the call

        assert error_type(reply) == "Extension.InvalidExtensionState"
        assert desk.first_fault == FirstFault()


class TestASubscription:
    """Answered as the Telemetry API has it."""

    def test_is_taken(self):
        desk = Desk()
        desk.registers("INVOKE")

        reply = desk.asks(Subscribe(UUID, SUBSCRIPTION))

        assert (reply.status, reply.body) == (200, b'"OK"')
        assert desk.notes()[-1] == ("subscribed", "listener")

    def test_may_be_refused(self):
        desk = Desk()
        desk.registers("INVOKE")

        assert error_type(desk.asks(Subscribe(UUID, b"{}"))) == "ValidationError"
        assert desk.notes() == [("registered", "listener")]


class TestAnInvocation:
    """An event without the payload."""

    def test_is_handed_to_those_that_subscribed(self):
        desk = Desk()
        desk.registers("INVOKE")
        desk.asks_next()

        desk.api.invoke(run())

        (answer,) = desk.answers()
        assert answer.client_id == CLIENT
        assert json.loads(answer.reply.body) == {
            "eventType": "INVOKE",
            "deadlineMs": 103_000,
            "requestId": "r-1",
            "invokedFunctionArn": FUNCTION.arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": TRACE},
        }
        assert answer.reply.headers == (
            ("Content-Type", "application/json"),
            ("Lambda-Extension-Event-Identifier", EVENT_UUID),
        )
        assert desk.listener.state is State.RUNNING

    def test_is_none_of_the_business_of_the_others(self):
        desk = Desk()
        desk.registers("SHUTDOWN")
        desk.asks_next()

        desk.api.invoke(run())

        assert desk.answers() == []
        assert desk.listener.state is State.READY

    def test_without_a_trace_says_nothing_of_one(self):
        desk = Desk()
        desk.registers("INVOKE")
        desk.asks_next()

        desk.api.invoke(run(trace_header=""))

        assert "tracing" not in json.loads(desk.answers()[0].reply.body)


class TestTheEnd:
    """An event with a reason, and with the time that is left."""

    def test_is_handed_to_an_extension_that_waits(self):
        desk = Desk()
        desk.registers("SHUTDOWN")
        desk.asks_next()

        desk.api.shut_down(desk.listener, "timeout", NOW + 2)

        assert json.loads(desk.answers()[0].reply.body) == {
            "eventType": "SHUTDOWN",
            "shutdownReason": "timeout",
            "deadlineMs": 102_000,
        }
        assert desk.notes()[-1] == ("told to shut down", "listener")

    def test_is_for_one_that_waits(self):
        desk = Desk()
        desk.registers("SHUTDOWN")

        with pytest.raises(AssertionError, match="extensions that are Ready"):
            desk.api.shut_down(desk.listener, "timeout", NOW + 2)
