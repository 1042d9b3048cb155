"""What becomes of payloads, and what is said about it."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import WARN, Say
from collector_ext.core.delivery import outbox as module
from collector_ext.core.events import Delivered
from collector_ext.core.otlp import LOGS, METRICS, PROTOBUF, TRACES, ExportRequest, Payload
from tests.fakes.outcomes import failed, refused

NAMES = {TRACES: "https://a.example/v1/traces", LOGS: "https://a.example/v1/logs"}


def payload(body, signal=TRACES):
    """A payload that counts as one item."""
    return Payload(signal, PROTOBUF, body, item_count=1, is_suspect=False)


A, B, LOG = payload(b"aaaa"), payload(b"bbbb"), payload(b"log", LOGS)


def outbox_with(*payloads, **limits):
    """An outbox that has taken these."""
    outbox = outbox_to(NAMES, limits=replaced(DEFAULT_LIMITS, **limits))
    assert outbox.put(payloads) == []
    return outbox


def replaced(limits, **others):
    return Limits(**{**limits.__dict__, **others})


def taken(outbox, at=NOW):
    """What is sent in a flush that begins now."""
    outbox.start_flush(at, AWAITED)
    return outbox.take(at, at + 10)


def settle(outbox, outcomes, at=NOW):
    return outbox.settle(outcomes, at)


def export(outbox, outcome, at=NOW):
    """Export what waits, with one outcome for all; return what is said."""
    return outbox.settle([outcome(request) for request in taken(outbox, at)], at)


def counts(outbox, signal=TRACES):
    """What was exported, and what dropped."""
    return outbox.accounts[signal].exported, outbox.accounts[signal].dropped


def delivered(request):
    return Delivered(request, 0, "")


def answered(request):
    """It fails in a way that may be tried again, in another flush."""
    return failed(request, "HTTP 503", ANSWER)


def unauthorised(request):
    return refused(request, 401)


def bad(request):
    return refused(request, 400)


class TestDelivery:
    """What is delivered is done with, in silence."""

    def test_what_waits_is_taken_at_once(self):
        outbox = outbox_with(A, LOG, B)

        assert taken(outbox) == (
            ExportRequest("otlp", TRACES, (A, B)),
            ExportRequest("otlp", LOGS, (LOG,)),
        )
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

        assert first == [Say(WARN, f"{NAMES[TRACES]} rejected 3 spans: too old; they are lost")]
        assert export(outbox, lambda request: Delivered(request, 1, "too old")) == []
        assert outbox.rejected_count == 4

    def test_what_it_rejected_in_silence_is_said_in_the_end(self):
        outbox = outbox_with(A)
        for rejected in (3, 2, 0, 2):
            export(outbox, lambda request, count=rejected: Delivered(request, count, "too old"))
            outbox.put([A])
        export(outbox, delivered)

        assert outbox.discard("at shutdown") == [
            Say(WARN, "4 more spans, points or records were rejected for reasons given above")
        ]

    def test_an_endpoint_that_rejected_some_was_never_away(self):
        outbox = outbox_with(A)
        export(outbox, lambda request: Delivered(request, 3, "too old"))
        outbox.put([A])

        assert export(outbox, delivered) == []


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
        (request,) = taken(outbox)
        outbox.put([B])
        settle(outbox, [failed(request)])

        assert taken(outbox) == (ExportRequest("otlp", TRACES, (A, B)),)

    def test_the_same_failure_is_said_once(self):
        outbox = outbox_with(A)
        export(outbox, failed)

        assert export(outbox, failed) == []

    def test_another_reason_is_said(self):
        outbox = outbox_with(A)
        export(outbox, failed)

        (said,) = export(outbox, lambda request: failed(request, "Connection refused"))
        assert "Connection refused" in said.text

    def test_reasons_that_take_turns_are_said_once_each(self):
        outbox = outbox_with(A)
        reasons = ["HTTP 503", "no answer in time"] * 3

        said = [export(outbox, lambda r, why=why: failed(r, why)) for why in reasons]

        assert [len(lines) for lines in said] == [1, 1, 0, 0, 0, 0]


class TestRefusal:
    """What must not be sent again is lost, counted and said."""

    def test_it_is_said_what_follows(self):
        outbox = outbox_with(A)

        (said,) = export(outbox, unauthorised)

        assert said.text == (
            "cannot export 1 payloads (4 bytes) to https://a.example/v1/traces: HTTP 401; dropped"
        )
        assert (outbox.lost_count, outbox.has_waiting) == (1, False)

    @pytest.mark.parametrize("status", [400, 413])
    def test_of_one_payload_is_not_an_endpoint_that_is_away(self, status):
        outbox = outbox_with()
        said = []
        for _ in range(3):
            outbox.put([A])
            said += export(outbox, lambda request: refused(request, status))
            outbox.put([B])
            said += export(outbox, delivered)

        assert [line.text for line in said] == [
            f"cannot export 1 payloads (4 bytes) to {NAMES[TRACES]}: HTTP {status}; dropped"
        ]
        assert outbox.lost_count == 3

    def test_what_was_not_said_at_once_is_said_in_the_end(self):
        outbox = outbox_with(A)
        export(outbox, unauthorised)
        outbox.put([A, B])
        export(outbox, unauthorised)
        outbox.put([A])

        (said,) = export(outbox, delivered)

        assert said.text.endswith("2 more payloads were lost until then")


class TestARefusalOfSeveral:
    """One may be to blame for all: they are sent in halves, down to the one that is."""

    @pytest.mark.parametrize("status", [400, 413])
    def test_each_is_sent_alone(self, status):
        outbox = outbox_with(A, B)

        said = export(outbox, lambda request: refused(request, status))

        assert said == []
        assert [request.merged() for request in taken(outbox)] == [b"aaaa", b"bbbb"]

    def test_only_the_guilty_one_is_lost(self):
        outbox = outbox_with(A, B)
        export(outbox, bad)
        good, guilty = taken(outbox)

        settle(outbox, [delivered(good), bad(guilty)])

        assert (outbox.delivered_count, outbox.lost_count, outbox.has_waiting) == (1, 1, False)

    def test_it_is_found_in_few_requests(self):
        payloads = [payload(b"%d" % number) for number in range(128)]
        outbox = outbox_with(*payloads)
        request_count = 0
        while outbox.has_waiting:
            requests = taken(outbox)
            request_count += len(requests)
            outbox.settle(
                [(bad if b"77" in [p.body for p in r.payloads] else delivered)(r) for r in requests]
            )

        assert (outbox.delivered_count, outbox.lost_count) == (127, 1)
        assert request_count == 1 + 2 * 7

    def test_new_payloads_are_not_judged_with_them(self):
        outbox = outbox_with(A, B)
        export(outbox, bad)
        outbox.put([A, B])

        assert [len(request.payloads) for request in taken(outbox)] == [1, 1, 2]

    def test_other_refusals_are_of_all(self):
        outbox = outbox_with(A, B)
        export(outbox, unauthorised)

        assert outbox.lost_count == 2


class TestTheBound:
    """The oldest makes room; that is said once and counted."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch):
        monkeypatch.setattr(module, "BUFFER_BYTES_MAX", 8)

    def test_it_is_said_once(self):
        outbox = outbox_with(A, B)

        assert outbox.put([A]) == [
            Say(WARN, "more than 8 bytes wait for export; the 1 oldest payloads are dropped")
        ]
        assert outbox.put([A]) == []
        assert outbox.lost_count == 2

    def test_it_is_said_again_after_the_endpoint_came_back(self):
        outbox = outbox_with(A)
        export(outbox, failed)
        outbox.put([A, B])
        (said,) = export(outbox, delivered)

        assert "0 more payloads were lost" in said.text
        assert outbox.put([A, B, A]) != []

    def test_what_is_put_back_counts_too(self):
        outbox = outbox_with(A, B)
        requests = taken(outbox)
        outbox.put([A])

        settle(outbox, [failed(request) for request in requests])

        assert outbox.lost_count == 1


class TestTheEnd:
    """What is left is given up, aloud."""

    def test_it_is_counted(self):
        outbox = outbox_with(A)
        taken(outbox)
        outbox.put([B])

        assert outbox.discard("at shutdown") == [
            Say(WARN, "discarded 2 payloads (8 bytes waiting) at shutdown")
        ]
        assert (outbox.lost_count, outbox.is_in_flight, outbox.has_waiting) == (2, False, False)

    def test_with_what_was_lost_in_silence(self):
        outbox = outbox_with(A)
        export(outbox, unauthorised)
        outbox.put([A])
        export(outbox, unauthorised)

        assert outbox.discard("at shutdown") == [
            Say(WARN, "1 more payloads were lost for reasons given above")
        ]

    def test_nothing_is_said_of_nothing(self):
        assert outbox_with().discard("at shutdown") == []
