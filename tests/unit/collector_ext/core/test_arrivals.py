"""What there is to export of what arrives, and of what nobody ends."""

from __future__ import annotations

import pytest

from collector_ext.core.arrivals import SPINDOWN, Arrivals
from collector_ext.core.events import (
    END,
    ORDINARY,
    SNAPSHOT,
    START,
    SUCCESS,
    InitDone,
    InitStarted,
    InvokeReceived,
    PayloadReceived,
    RuntimeDone,
)
from collector_ext.core.otlp import JSON, LOGS, PROTOBUF, TRACES
from collector_ext.core.unfinished import NO_END
from tests.fakes.payloads import payload_of
from tests.fakes.trace_requests import export_request, span_id, spans_in

NOW = 9.0  # s; spans of the fake start at 1.0 s
GONE_AT = 8.5
ROOT, CALL = span_id(1), span_id(2)
OPEN_ROOT = export_request(("root", ROOT), is_open=True)
OPEN_CALL = export_request(("call", CALL), parent=ROOT, is_open=True)
ENDED_ROOT = export_request(("root", ROOT))
BOTH = export_request(("call", CALL), ("root", ROOT))
INITIALISING = InitStarted(is_part_of_invocation=True, at=5.0)


def spans(body, phase=ORDINARY, request_id="r-1"):
    """A message of the internal half."""
    return PayloadReceived(payload_of(TRACES, PROTOBUF, body), request_id, phase)


def failed(error_type="", at=NOW, status="timeout"):
    """An invocation that failed, as telemetry tells it."""
    return RuntimeDone("r-1", status, error_type, at)


def made(failure):
    """A root for an invocation that failed with its initialisation."""
    return export_request((failure.error_type, ROOT))


def arrivals(*messages, root_of=made):
    """What is known after some messages."""
    found = Arrivals(root_of)
    for message in messages:
        found.received(message, NOW)
    return found


def told(payloads):
    """Each span's name, with the words of its status, in the order of the payloads."""
    return [
        (span.name, span.status.message) for payload in payloads for span in spans_in(payload.body)
    ]


class TestWhatHasEnded:
    """It is exported."""

    @pytest.mark.parametrize("phase", [ORDINARY, END])
    def test_as_it_came(self, phase):
        message = spans(ENDED_ROOT, phase)

        (payload,) = arrivals().received(message, NOW)

        assert payload is message.payload

    @pytest.mark.parametrize(
        "payload", [payload_of(LOGS, PROTOBUF, b"\n\x01l"), payload_of(TRACES, JSON, b"{}")]
    )
    def test_what_cannot_hold_a_root_is_not_looked_into(self, payload):
        message = PayloadReceived(payload, "r-1", END)

        assert arrivals(spans(OPEN_ROOT, START)).received(message, NOW) == [payload]

    def test_but_for_spans_that_were_given_up(self):
        late = arrivals(spans(OPEN_ROOT, START))
        late.ended(failed())

        (payload,) = late.received(spans(BOTH, END), NOW)

        assert [span.name for span in spans_in(payload.body)] == ["call"]
        assert payload.item_count == 1


class TestWhatIsOpen:
    """It is held back."""

    @pytest.mark.parametrize(
        "message",
        [spans(OPEN_ROOT, START), spans(OPEN_CALL, SNAPSHOT), spans(OPEN_ROOT, START, "")],
        ids=["a root", "a snapshot", "the root of an initialisation"],
    )
    def test_until_something_is_known_of_its_end(self, message):
        assert arrivals().received(message, NOW) == []

    def test_with_the_next_invocation_it_is_given_up(self):
        held = arrivals(spans(OPEN_ROOT, START))

        given_up = held.invoked(InvokeReceived("r-2", NOW + 1), NOW)

        assert told(given_up) == [("root", NO_END)]

    def test_it_may_be_of_the_one_that_begins(self):
        held = arrivals(spans(OPEN_ROOT, START))

        assert held.invoked(InvokeReceived("r-1", NOW + 1), NOW) == []

    def test_what_a_snapshot_holds_is_forgotten_with_the_end(self):
        """Even if the beginning was lost on the way."""
        held = arrivals(spans(OPEN_ROOT + OPEN_CALL, SNAPSHOT), spans(ENDED_ROOT, END))

        assert held.invoked(InvokeReceived("r-2", NOW + 1), NOW) == []


class TestTheEndThatTelemetryTells:
    """A success says nothing of what is held: its root is on the way."""

    def test_of_a_success(self):
        held = arrivals(spans(OPEN_ROOT, START))

        assert held.ended(failed(status=SUCCESS)) == []

    @pytest.mark.parametrize(("error_type", "why"), [("", "timeout"), ("Runtime.X", "Runtime.X")])
    def test_of_a_failure(self, error_type, why):
        held = arrivals(spans(OPEN_ROOT, START), spans(OPEN_CALL, SNAPSHOT))

        assert told(held.ended(failed(error_type))) == [("root", why), ("call", why)]

    def test_of_an_earlier_try_of_the_same_request(self):
        held = arrivals(spans(OPEN_ROOT, START))

        assert held.ended(failed(at=0.5)) == []

    def test_of_an_initialisation_that_failed_with_it(self):
        known = arrivals()
        known.initialised(INITIALISING)

        (payload,) = known.ended(failed("Runtime.ImportModuleError"))

        assert told([payload]) == [("Runtime.ImportModuleError", "")]
        assert payload.item_count == 1

    def test_where_no_root_is_wanted_there_is_none(self):
        known = arrivals(root_of=None)
        known.initialised(INITIALISING)

        assert known.ended(failed()) == []

    def test_after_an_initialisation_that_succeeded(self):
        known = arrivals()
        known.initialised(INITIALISING)
        known.initialised(InitDone(SUCCESS, at=5.5))

        assert known.ended(failed()) == []

    @pytest.mark.parametrize("is_late", [False, True], ids=["told before", "told after"])
    def test_of_a_handler_that_was_called_whatever_is_told_of_the_initialisation(self, is_late):
        known = arrivals()
        if not is_late:
            known.initialised(INITIALISING)
        known.invoked(InvokeReceived("r-1", NOW + 1), NOW)
        if is_late:
            known.initialised(INITIALISING)

        assert known.ended(failed()) == []

    def test_of_one_that_has_sent_something_and_whose_invoke_is_read_later(self):
        """Or never: Managed Instances tell it to nobody."""
        known = arrivals(spans(OPEN_ROOT, START))
        known.initialised(INITIALISING)

        assert told(known.ended(failed())) == [("root", "timeout")]


class TestShutdown:
    """Nothing comes after it, so everything that is held is given up."""

    @pytest.mark.parametrize(("reason", "why"), [(SPINDOWN, NO_END), ("timeout", "timeout")])
    def test_for_its_reason(self, reason, why):
        held = arrivals(spans(OPEN_ROOT, START))

        assert told(held.shut_down(reason, "r-1", None, NOW)) == [("root", why)]

    def test_when_its_process_was_gone(self):
        held = arrivals(spans(OPEN_ROOT, START))

        (payload,) = held.shut_down("failure", "r-1", GONE_AT, NOW)

        (root,) = spans_in(payload.body)
        assert root.end_time_unix_nano == GONE_AT * 1e9

    def test_of_others_nobody_knows_when(self):
        held = arrivals(spans(OPEN_ROOT, START))

        (payload,) = held.shut_down("failure", "r-2", GONE_AT, NOW)

        (root,) = spans_in(payload.body)
        assert root.end_time_unix_nano == NOW * 1e9

    def test_what_is_read_after_it_is_given_up_at_once(self):
        known = arrivals()
        known.shut_down("timeout", "", None, NOW)

        assert told(known.received(spans(OPEN_ROOT, START), NOW)) == [("root", "timeout")]
