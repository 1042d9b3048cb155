"""What Lambda answers to next."""

from __future__ import annotations

import json

import pytest

from collector_ext.core.events import InvokeReceived, NextFailed, ShutdownReceived
from collector_ext.core.extension_event import event_in

NOW = 100.0
INVOKE = {"eventType": "INVOKE", "requestId": "r-1", "deadlineMs": 123_456}
SHUTDOWN = {"eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": 123_456}


def event(fields, status=200):
    """The event of an answer with these fields."""
    return event_in(status, json.dumps(fields).encode(), NOW)


class TestAnEvent:
    """There are two."""

    def test_an_invoke(self):
        assert event(INVOKE) == InvokeReceived("r-1", 123.456)

    def test_a_shutdown(self):
        assert event(SHUTDOWN) == ShutdownReceived("spindown", 123.456)

    def test_its_reason_may_be_in_capitals(self):
        assert event({**SHUTDOWN, "shutdownReason": "TIMEOUT"}).reason == "timeout"

    @pytest.mark.parametrize("deadline", ["null", "1e999", "-1e999", "-1", "1" + "0" * 400])
    def test_without_a_deadline_it_has_the_time_of_a_shutdown(self, deadline):
        body = b'{"eventType": "INVOKE", "deadlineMs": %s}' % deadline.encode()

        assert event_in(200, body, NOW) == InvokeReceived("", NOW + 2)


class TestNoEvent:
    """It is asked for again."""

    def test_an_error(self):
        failed = event({"errorType": "Extension.InvalidExtensionState"}, 403)

        assert failed == NextFailed('HTTP 403 {"errorType": "Extension.InvalidExtensionState"}')

    @pytest.mark.parametrize("body", [b"", b"[]", b"nonsense"])
    def test_an_answer_without_one(self, body):
        assert event_in(200, body, NOW) == NextFailed(f"no event: {body.decode()}")

    def test_one_that_is_not_known(self):
        assert event({"eventType": "RESTORE"}) == NextFailed(
            'an unknown event: {"eventType": "RESTORE"}'
        )
