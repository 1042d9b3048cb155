"""Which of the three APIs a call belongs to, and what they have in common."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lambda_sandbox.core.actions import Action, Answer, Record, ReleaseResponse
from lambda_sandbox.core.api import Reply
from lambda_sandbox.core.apis.control import Control
from lambda_sandbox.core.apis.extension import Input
from lambda_sandbox.core.apis.extension import State as ExtensionState
from lambda_sandbox.core.apis.first_fault import FirstFault
from lambda_sandbox.core.apis.runtime import State
from lambda_sandbox.core.events import RequestReceived
from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START, FunctionFacts
from lambda_sandbox.core.http1 import Request
from lambda_sandbox.core.invocation import Invocation, Run
from lambda_sandbox.core.process_environment import AUTHORIZATION_TOKEN, CREDENTIALS
from lambda_sandbox.core.telemetry.journal import Journal

NOW = 100.0
FUNCTION = FunctionFacts("hello", "$LATEST", "app.handler", 128, 3.0, "3.13", "stream")
SNAP_STARTED = replace(FUNCTION, initialization_type=SNAP_START)
MANAGED = replace(FUNCTION, initialization_type=MANAGED_INSTANCES)
UUID = "6f5b5f0a-4a6e-4a52-9d0e-5a1d7f5a0b11"
EXTENSION_API = "/2020-01-01/extension"
RUNTIME_API = "/2018-06-01/runtime"
CLIENT = 7


class Desk:
    """A control with the extension file ``listener``."""

    def __init__(self, function=FUNCTION):
        self.out: list[Action] = []
        self.journal = Journal(function, supported=True, epoch_s=0.0, out=self.out)
        self.control = Control(function, ("listener",), self.journal, self.out)

    def call(self, method, target, body=b"", **headers):
        """Make a call; return the reply, None if it waits."""
        lower = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method, target, lower, body)
        self.control.take(RequestReceived(CLIENT, request, UUID), NOW)
        answers = [action for action in self.out if isinstance(action, Answer)]
        self.out[:] = [action for action in self.out if not isinstance(action, Answer)]
        assert all(answer.client_id == CLIENT for answer in answers)
        return answers[0].reply if answers else None

    def registers(self, *events):
        body = json.dumps({"events": events}).encode()
        return self.call(
            "POST", f"{EXTENSION_API}/register", body, lambda_extension_name="listener"
        )

    def asks_next(self):
        return self.call("GET", f"{EXTENSION_API}/event/next", lambda_extension_identifier=UUID)

    def runtime_asks_next(self):
        return self.call("GET", f"{RUNTIME_API}/invocation/next")

    def invoked(self):
        """Everybody is ready, and ``r-1`` is invoked; return what happens."""
        self.registers("INVOKE", "SHUTDOWN")
        self.asks_next()
        self.runtime_asks_next()
        self.out.clear()
        self.control.invoke(Run(Invocation("r-1", b"{}", ""), NOW, NOW + 3, NOW), NOW)
        happened, self.out[:] = list(self.out), []
        return happened

    @property
    def listener(self):
        return self.control.extensions.of_process("extensions/listener")


def refused(reply):
    """Status and error type of a refusal."""
    return reply.status, json.loads(reply.body)["errorType"]


class TestACall:
    """It is answered, or it waits."""

    def test_that_belongs_to_no_api_is_not_found(self):
        assert Desk().call("GET", "/").status == 404

    def test_of_ping_is_answered_with_pong(self):
        assert Desk().call("GET", "/2018-06-01/ping") == Reply(
            200, b"pong", (("Content-Type", "text/plain"),)
        )

    def test_of_an_extension_is_answered_by_the_extensions_api(self):
        desk = Desk()

        assert desk.registers("INVOKE").status == 200
        assert desk.asks_next() is None
        assert desk.listener.state is ExtensionState.READY

    def test_of_the_runtime_is_answered_by_the_runtime_api(self):
        desk = Desk()

        assert desk.runtime_asks_next() is None
        assert desk.control.runtime.state is State.READY

    def test_of_the_runtime_ends_the_time_for_registrations(self):
        desk = Desk()
        desk.runtime_asks_next()

        assert refused(desk.registers("INVOKE")) == (403, "Extension.RegistrationClosed")


class TestTheFirstFault:
    """Whoever reports it: extensions and the runtime share one."""

    def test_is_the_extensions_if_the_runtimes_comes_second(self):
        desk = Desk()
        desk.registers("INVOKE")

        desk.call(
            "POST",
            f"{EXTENSION_API}/init/error",
            lambda_extension_identifier=UUID,
            lambda_extension_function_error_type="Extension.Tired",
        )
        desk.call("POST", f"{RUNTIME_API}/init/error", b"{}")

        assert desk.control.first_fault == FirstFault("Extension.InitError", b"{}")


class TestCredentials:
    """Asked for by a function whose variables are in a snapshot."""

    TARGET = "/2021-04-23/credentials"

    def test_are_told_to_whoever_has_the_token(self):
        reply = Desk(SNAP_STARTED).call("GET", self.TARGET, authorization=AUTHORIZATION_TOKEN)

        assert reply.status == 200
        assert json.loads(reply.body) == {
            "AccessKeyId": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            "Token": CREDENTIALS["AWS_SESSION_TOKEN"],
            "Expiration": "2099-12-31T23:59:59Z",
        }

    def test_are_told_to_nobody_else(self):
        reply = Desk(SNAP_STARTED).call("GET", self.TARGET, authorization="a guess")

        assert refused(reply) == (403, "InvalidAuthorizationToken")

    @pytest.mark.parametrize("function", [FUNCTION, MANAGED])
    def test_are_in_the_variables_of_any_other_function(self, function):
        reply = Desk(function).call("GET", self.TARGET, authorization=AUTHORIZATION_TOKEN)

        assert reply.status == 404


class TestAnInvocation:
    """Told to those who watch, then to the extensions, then to the runtime."""

    def test_is_handed_to_the_extensions_first(self):
        happened = Desk().invoked()

        answers = [action.reply for action in happened if isinstance(action, Answer)]
        assert isinstance(next(a for a in happened if isinstance(a, Answer | Record)), Record)
        assert [b"eventType" in reply.body for reply in answers] == [True, False]

    def test_is_answered_by_the_runtime(self):
        desk = Desk()
        desk.invoked()

        desk.call("POST", f"{RUNTIME_API}/invocation/r-1/response", b"1")

        assert isinstance(desk.out[0], ReleaseResponse)

    def test_that_was_forgotten_is_answered_to_nobody(self):
        desk = Desk()
        desk.invoked()
        desk.control.forget("r-1")

        desk.call("POST", f"{RUNTIME_API}/invocation/r-1/response", b"1")

        assert desk.out == []


class TestTheEnd:
    """Of one extension, and of all."""

    def test_is_an_event(self):
        desk = Desk()
        desk.registers("SHUTDOWN")
        desk.asks_next()
        desk.out.clear()

        desk.control.shut_down(desk.listener, "timeout", NOW + 2)

        (answer, _) = desk.out
        assert isinstance(answer, Answer)
        assert b"SHUTDOWN" in answer.reply.body

    def test_leaves_nothing_that_is_known(self):
        desk = Desk()
        desk.registers("INVOKE")
        desk.control.first_fault.report("A.B")
        desk.control.memory_exhausted = True
        desk.runtime_asks_next()

        desk.control.renew(("listener",))

        assert refused(desk.asks_next()) == (403, "Extension.UnknownExtensionIdentifier")
        assert desk.listener.take(Input.REGISTER) is None
        assert desk.control.first_fault == FirstFault()
        assert not desk.control.memory_exhausted
        assert desk.control.runtime.state is State.STARTED


class TestTheModes:
    """What differs is known from the function."""

    def test_a_snapshot_is_where_clones_of_the_runtime_begin(self):
        desk = Desk(SNAP_STARTED)

        desk.control.snapshot_taken()

        assert desk.control.runtime.state is State.RESTORE_READY
        assert desk.call("GET", f"{RUNTIME_API}/restore/next").status == 200

    def test_a_worker_that_hangs_up_is_given_nothing(self):
        desk = Desk(MANAGED)
        desk.runtime_asks_next()
        assert desk.control.runtime.is_ready

        desk.control.hang_up(CLIENT)

        assert not desk.control.runtime.is_ready

    def test_no_extension_of_a_managed_instance_hears_of_invocations(self):
        assert refused(Desk(MANAGED).registers("INVOKE")) == (403, "Extension.InvalidEventType")
