"""What becomes of payloads, and what is said about it."""

from __future__ import annotations

import pytest

from collector_ext.core import outbox as module
from collector_ext.core.actions import INFO, WARN, Say
from collector_ext.core.events import Delivered, Failed, Refused
from collector_ext.core.otlp import LOGS, METRICS, PROTOBUF, TRACES, ExportRequest, Payload
from collector_ext.core.outbox import Outbox

NAMES = {TRACES: "https://a.example/v1/traces", LOGS: "https://a.example/v1/logs"}


def payload(body, signal=TRACES, *, is_alone=False):
    return Payload(signal, PROTOBUF, body, is_alone)


A, B, LOG = payload(b"aaaa"), payload(b"bbbb"), payload(b"log", LOGS)


def outbox_with(*payloads):
    """An outbox that has taken these."""
    outbox = Outbox(NAMES)
    assert outbox.put(payloads) == []
    return outbox


def export(outbox, outcome):
    """Export what waits, with one outcome for all; return what is said."""
    return outbox.settle([outcome(request) for request in outbox.take()])


def delivered(request):
    return Delivered(request, 0, "")


def failed(request):
    return Failed(request, "HTTP 503")


def refused(request):
    return Refused(request, 401, "HTTP 401")


def bad(request):
    return Refused(request, 400, "HTTP 400")


class TestDelivery:
    """What is delivered is done with, in silence."""

    def test_what_waits_is_taken_at_once(self):
        outbox = outbox_with(A, LOG, B)

        assert outbox.take() == (ExportRequest(TRACES, (A, B)), ExportRequest(LOGS, (LOG,)))
        assert (outbox.is_in_flight, outbox.has_waiting) == (True, False)

    def test_nothing_is_said(self):
        outbox = outbox_with(A, B)

        assert export(outbox, delivered) == []
        assert (outbox.delivered_count, outbox.lost_count, outbox.is_in_flight) == (2, 0, False)

    def test_a_signal_without_an_endpoint_is_let_go(self):
        assert not outbox_with(payload(b"m", METRICS)).has_waiting

    def test_so_is_an_empty_body(self):
        assert not outbox_with(payload(b"")).has_waiting

    def test_what_the_endpoint_rejected_is_said_once(self):
        outbox = outbox_with(A)
        first = export(outbox, lambda request: Delivered(request, 3, "too old"))
        outbox.put([B])

        assert first == [Say(WARN, f"{NAMES[TRACES]} rejected 3 traces: too old; they are lost")]
        assert export(outbox, lambda request: Delivered(request, 1, "too old")) == []


class TestFailure:
    """What may be sent again is kept."""

    def test_it_is_said_what_follows(self):
        assert export(outbox_with(A, B), failed) == [
            Say(
                WARN,
                "cannot export 2 payloads (8 bytes) to https://a.example/v1/traces: HTTP 503; "
                "kept for the next export",
            )
        ]

    def test_it_waits_in_its_old_place(self):
        outbox = outbox_with(A)
        (request,) = outbox.take()
        outbox.put([B])
        outbox.settle([failed(request)])

        assert outbox.take() == (ExportRequest(TRACES, (A, B)),)

    def test_the_same_failure_is_said_once(self):
        outbox = outbox_with(A)
        export(outbox, failed)

        assert export(outbox, failed) == []

    def test_another_reason_is_said(self):
        outbox = outbox_with(A)
        export(outbox, failed)

        (said,) = export(outbox, lambda request: Failed(request, "Connection refused"))
        assert "Connection refused" in said.text

    def test_its_end_is_said(self):
        outbox = outbox_with(A)
        export(outbox, failed)

        assert export(outbox, delivered) == [
            Say(
                INFO,
                f"{NAMES[TRACES]} accepts exports again; 0 more payloads were lost until then",
            )
        ]


class TestRefusal:
    """What must not be sent again is lost, counted and said."""

    def test_it_is_said_what_follows(self):
        outbox = outbox_with(A)

        (said,) = export(outbox, refused)

        assert said.text == (
            "cannot export 1 payloads (4 bytes) to https://a.example/v1/traces: HTTP 401; dropped"
        )
        assert (outbox.lost_count, outbox.has_waiting) == (1, False)

    def test_what_was_not_said_at_once_is_said_in_the_end(self):
        outbox = outbox_with(A)
        export(outbox, refused)
        outbox.put([A, B])
        export(outbox, refused)
        outbox.put([A])

        (said,) = export(outbox, delivered)

        assert said.text.endswith("2 more payloads were lost until then")


class TestARefusalOfSeveral:
    """One may be to blame for all: each is sent on its own, once."""

    @pytest.mark.parametrize("status", [400, 413])
    def test_each_is_sent_alone(self, status):
        outbox = outbox_with(A, B)

        said = export(outbox, lambda request: Refused(request, status, f"HTTP {status}"))

        assert said == []
        assert [request.merged() for request in outbox.take()] == [b"aaaa", b"bbbb"]

    def test_only_the_guilty_one_is_lost(self):
        outbox = outbox_with(A, B)
        export(outbox, bad)
        good, guilty = outbox.take()

        outbox.settle([delivered(good), bad(guilty)])

        assert (outbox.delivered_count, outbox.lost_count, outbox.has_waiting) == (1, 1, False)

    def test_other_refusals_are_of_all(self):
        outbox = outbox_with(A, B)
        export(outbox, refused)

        assert outbox.lost_count == 2


class TestTheBound:
    """The oldest makes room; that is said once and counted."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch):
        monkeypatch.setattr(module, "BUFFER_BYTES_MAX", 8)

    def test_it_is_said_once(self):
        outbox = outbox_with(A, B)

        assert outbox.put([A]) == [
            Say(WARN, "more than 8 bytes wait for export; the oldest payloads are dropped")
        ]
        assert outbox.put([A]) == []
        assert outbox.lost_count == 2

    def test_what_is_put_back_counts_too(self):
        outbox = outbox_with(A, B)
        requests = outbox.take()
        outbox.put([A])

        outbox.settle([failed(request) for request in requests])

        assert outbox.lost_count == 1


class TestTheEnd:
    """What is left is given up, aloud."""

    def test_it_is_counted(self):
        outbox = outbox_with(A)
        outbox.take()
        outbox.put([B])

        assert outbox.discard("at shutdown") == [
            Say(WARN, "discarded 2 payloads (8 bytes waiting) at shutdown")
        ]
        assert (outbox.lost_count, outbox.is_in_flight, outbox.has_waiting) == (2, False, False)

    def test_with_what_was_lost_in_silence(self):
        outbox = outbox_with(A)
        export(outbox, refused)
        outbox.put([A])
        export(outbox, refused)

        (said,) = outbox.discard("at shutdown")

        assert said.text == "discarded 1 payloads (0 bytes waiting) at shutdown"

    def test_nothing_is_said_of_nothing(self):
        assert outbox_with().discard("at shutdown") == []
