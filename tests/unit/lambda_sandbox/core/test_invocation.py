"""Outcomes, and the bodies of failures."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.invocation import (
    Failure,
    Invocation,
    Outcome,
    Run,
    SandboxError,
    error_payload,
    invocation_of,
    timeout_payload,
)

RUN_AT = 10.0


def run():
    return Run(Invocation("r-1", b"{}", ""), RUN_AT, RUN_AT + 3, RUN_AT)


class TestWhatACallerAsksFor:
    """Is fit for the headers of the Runtime API, or refused."""

    def test_has_its_client_context_on_one_line_and_in_ascii(self):
        asked = invocation_of("r-1", b"{}", "Root=1", '{\n "custom": {"a": "€"}\n}')

        assert asked == Invocation("r-1", b"{}", "Root=1", '{"custom": {"a": "\\u20ac"}}')

    def test_may_have_no_trace_and_no_client_context(self):
        assert invocation_of("r-1", b"{}", "", None) == Invocation("r-1", b"{}", "")

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"request_id": "r/1"}, "request id 'r/1' has other characters than letters, digits"),
            ({"request_id": "ä"}, "request id 'ä' has other characters than letters, digits"),
            ({"trace_header": "Root=1\n"}, r"trace header 'Root=1\\n' has line breaks"),
            ({"trace_header": "€"}, "trace header '€' has line breaks, or characters beyond"),
            ({"client_context": "{"}, "the client context is not JSON: "),
            ({"client_context": '{"a": NaN}'}, "the client context is not JSON: NaN is none"),
            ({"client_context": "[]"}, r"the client context is not a JSON object, but '\[\]'"),
            ({"client_context": "[" * 200_000}, "the client context is nested too deeply"),
        ],
    )
    def test_is_refused_in_one_sentence(self, wrong, sentence):
        asked = {"request_id": "r-1", "trace_header": "", "client_context": None, **wrong}

        with pytest.raises(SandboxError, match=sentence):
            invocation_of(payload=b"{}", **asked)


class TestARun:
    """Its outcome counts from INVOKE."""

    def test_succeeds(self):
        outcome = run().succeed(b"1", RUN_AT + 0.5)

        assert outcome == Outcome("r-1", b"1", None, "success", None, 0.5)

    def test_fails(self):
        outcome = run().fail(b"{}", "error", "ValueError", RUN_AT + 0.5)

        assert outcome == Outcome("r-1", b"{}", "Unhandled", "error", "ValueError", 0.5)


class TestAFailure:
    """What telemetry and the extensions are told of it."""

    @pytest.mark.parametrize(
        ("status", "reported", "reason"),
        [("timeout", None, "timeout"), ("error", "A.B", "failure")],
    )
    def test_follows_its_status(self, status, reported, reason):
        failure = Failure(status, "A.B", "text")

        assert (failure.reported_type, failure.shutdown_reason) == (reported, reason)


class TestThePlatformsBodies:
    """What the caller gets instead of the function's response."""

    def test_of_an_error(self):
        assert error_payload("Extension.Crash", "r-1", "exit status 7") == (
            b'{"errorType":"Extension.Crash","errorMessage":"RequestId: r-1 Error: exit status 7"}'
        )

    def test_of_a_timeout(self):
        assert timeout_payload("r-1", 3, 0.0) == (
            b'{"errorMessage":"1970-01-01T00:00:00.000Z r-1 Task timed out after 3.00 seconds"}'
        )
