"""Requests become calls, or what Lambda answers to those that cannot."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.api import (
    Credentials,
    ExtensionFailed,
    ExtensionNext,
    InvocationError,
    InvocationResponse,
    Ping,
    Register,
    Reply,
    RestoreError,
    RestoreNext,
    RuntimeInitError,
    RuntimeNext,
    Subscribe,
    read_call,
    refusal,
)
from lambda_sandbox.core.http1 import Request

UUID = "6f5b5f0a-4a6e-4a52-9d0e-5a1d7f5a0b11"
ME = {"lambda-extension-identifier": UUID}
REGISTER = "/2020-01-01/extension/register"
NAME = {"lambda-extension-name": "listener"}
ERROR_TYPE = {"lambda-runtime-function-error-type": "Runtime.ImportModuleError"}


def refused(reply):
    """Status and error type of a refusal."""
    assert isinstance(reply, Reply)
    return reply.status, json.loads(reply.body)["errorType"]


class TestACall:
    """Each endpoint has its call."""

    @pytest.mark.parametrize(
        ("request_", "call"),
        [
            (Request("GET", "/2018-06-01/runtime/invocation/next"), RuntimeNext()),
            (
                Request("POST", "/2018-06-01/runtime/invocation/r-1/response", body=b"1"),
                InvocationResponse("r-1", b"1"),
            ),
            (
                Request("POST", "/2018-06-01/runtime/invocation/r-1/error", ERROR_TYPE, b"{}"),
                InvocationError("r-1", b"{}", "Runtime.ImportModuleError"),
            ),
            (
                Request("POST", "/2018-06-01/runtime/init/error", ERROR_TYPE, b"{}"),
                RuntimeInitError(b"{}", "Runtime.ImportModuleError"),
            ),
            (Request("GET", "/2018-06-01/runtime/restore/next"), RestoreNext()),
            (
                Request("POST", "/2018-06-01/runtime/restore/error", ERROR_TYPE, b"{}"),
                RestoreError(b"{}", "Runtime.ImportModuleError"),
            ),
            (
                Request("GET", "/2021-04-23/credentials", {"authorization": "token"}),
                Credentials("token"),
            ),
            (Request("GET", "/2021-04-23/credentials"), Credentials("")),
            (Request("GET", "/2018-06-01/ping?x"), Ping()),
            (Request("GET", "/2020-01-01/extension/event/next", ME), ExtensionNext(UUID)),
            (Request("PUT", "/2022-07-01/telemetry", ME, b"{}"), Subscribe(UUID, b"{}")),
            (
                Request("POST", REGISTER, NAME, b'{"events": ["INVOKE"]}'),
                Register("listener", ("INVOKE",)),
            ),
            (Request("POST", REGISTER, NAME, b"{}"), Register("listener", ())),
            (
                Request(
                    "POST",
                    REGISTER,
                    {**NAME, "lambda-extension-accept-feature": "x, accountId"},
                    b"{}",
                ),
                Register("listener", (), wants_account_id=True),
            ),
        ],
    )
    def test_is_read(self, request_, call):
        assert read_call(request_) == call

    @pytest.mark.parametrize(("stage", "initialising"), [("init", True), ("exit", False)])
    def test_of_a_failed_extension_says_when(self, stage, initialising):
        headers = {**ME, "lambda-extension-function-error-type": "Extension.Tired"}

        call = read_call(Request("POST", f"/2020-01-01/extension/{stage}/error", headers))

        assert call == ExtensionFailed(UUID, initialising, "Extension.Tired")


class TestWhatIsRefused:
    """The rows of the error tables that need no state."""

    @pytest.mark.parametrize(
        ("request_", "status", "error_type"),
        [
            (Request("POST", REGISTER, {}, b"{}"), 403, "Extension.InvalidExtensionName"),
            (Request("POST", REGISTER, NAME, b"{"), 403, "InvalidRequestFormat"),
            (Request("POST", REGISTER, NAME, b"[]"), 403, "InvalidRequestFormat"),
            (Request("POST", REGISTER, NAME, b'{"events": [1]}'), 403, "InvalidRequestFormat"),
            (
                Request("POST", REGISTER, NAME, b'{"configurationKeys": []}'),
                403,
                "InvalidRequestFormat",
            ),
            (
                Request("GET", "/2020-01-01/extension/event/next"),
                403,
                "Extension.MissingExtensionIdentifier",
            ),
            (
                Request(
                    "GET", "/2020-01-01/extension/event/next", {"lambda-extension-identifier": "me"}
                ),
                403,
                "Extension.InvalidExtensionIdentifier",
            ),
            (
                Request("PUT", "/2022-07-01/telemetry"),
                403,
                "Extension.MissingExtensionIdentifier",
            ),
            (
                Request("POST", "/2020-01-01/extension/init/error"),
                403,
                "Extension.MissingExtensionIdentifier",
            ),
            (
                Request("POST", "/2020-01-01/extension/exit/error", ME),
                403,
                "Extension.MissingHeader",
            ),
        ],
    )
    def test_says_so_in_the_platforms_words(self, request_, status, error_type):
        assert refused(read_call(request_)) == (status, error_type)

    @pytest.mark.parametrize(
        ("method", "target", "status"),
        [("GET", "/", 404), ("GET", REGISTER, 405), ("GET", REGISTER + "/more", 404)],
    )
    def test_what_has_no_route_is_not_found(self, method, target, status):
        reply = read_call(Request(method, target))

        assert isinstance(reply, Reply)
        assert reply.status == status

    def test_the_body_has_two_fields(self):
        assert refusal(400, "A.B", "c").body == b'{"errorMessage":"c","errorType":"A.B"}'
