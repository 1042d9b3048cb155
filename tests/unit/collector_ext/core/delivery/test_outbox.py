"""What becomes of payloads, and what is said about it."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import INFO, WARN, Keep, Say
from collector_ext.core.delivery.breaker import Patience
from collector_ext.core.delivery.division import REFUSED_IN_A_ROW_MAX
from collector_ext.core.delivery.failures import (
    ANSWER,
    CONNECTION,
    CONTENT,
    KINDS,
    THROTTLED,
    TIMEOUT,
    TOO_LARGE,
)
from collector_ext.core.delivery.outbox import (
    ALONE,
    AWAITED,
    FREEZE_S,
    LAST,
    Limits,
)
from collector_ext.core.delivery.spill import encode
from collector_ext.core.events import Delivered, Refused
from collector_ext.core.otlp import JSON, LOGS, METRICS, PROTOBUF, TRACES, ExportRequest, Payload
from tests.fakes.outcomes import failed, refused
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import DEFAULT_LIMITS, outbox_to
from tests.fakes.trace_requests import export_request, span_id

NOW = 1_000.0
NAMES = {TRACES: "https://a.example/v1/traces", LOGS: "https://a.example/v1/logs"}


def payload(body, signal=TRACES, item_count=1, content_type=PROTOBUF):
    """A payload that counts as one item."""
    return Payload(signal, content_type, body, item_count, is_suspect=False)


A, B, LOG = payload(b"aaaa"), payload(b"bbbb"), payload(b"log", LOGS)


AT_ONCE = Patience(**{**DEFAULT_LIMITS.patience.__dict__, "retry_count": 0})
"""With an endpoint that is tried once in a flush."""


def outbox_with(*payloads, **limits):
    """An outbox that has taken these."""
    outbox = outbox_to(NAMES, limits=Limits(**{**DEFAULT_LIMITS.__dict__, **limits}))
    assert outbox.put(payloads) == []
    return outbox


def taken(outbox, at=NOW, urgency=AWAITED):
    """What is sent in a flush that begins now."""
    outbox.start_flush(at, urgency)
    return outbox.take(at, at + 10)


def again(outbox, at=NOW):
    """What is sent now in the flush that goes on."""
    return outbox.take(at, at + 10)


def export(outbox, outcome, at=NOW):
    """Export what waits, with one outcome for all; return what is said."""
    return outbox.settle([outcome(request) for request in taken(outbox, at)], at)


def counts(outbox, signal=TRACES):
    """What was exported, what dropped, and what is still to come to an end."""
    account = outbox.accounts[signal]
    return account.exported, account.dropped, account.carried


def bodies(requests):
    return [request.merged() for request in requests]


def delivered(request):
    return Delivered(request, 0, "")


def unavailable(request):
    """It fails in a way that is tried again in the same flush."""
    return failed(request, "HTTP 503")


def answered(request):
    """It fails in a way that may be tried again, in another flush."""
    return failed(request, "HTTP 500", ANSWER)


def silent(request):
    """It has cost a whole budget: the endpoint is left alone."""
    return failed(request, "no answer in time", TIMEOUT)


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
        assert (outbox.in_flight_until, outbox.has_waiting) == (NOW + 10, False)

    def test_nothing_is_said(self):
        outbox = outbox_with(A, B)

        assert export(outbox, delivered) == []
        assert (counts(outbox), outbox.in_flight_until) == ((2, {}, 0), None)

    def test_what_was_put_in_is_counted_by_its_items(self):
        outbox = outbox_with(payload(b"many", item_count=100), A, LOG)
        export(outbox, delivered)

        assert (counts(outbox), counts(outbox, LOGS)) == ((101, {}, 0), (1, {}, 0))

    def test_a_request_is_no_larger_than_it_may_be(self):
        assert bodies(taken(outbox_with(A, B, request_bytes_max=7))) == [b"aaaa", b"bbbb"]

    def test_a_signal_without_an_endpoint_is_let_go(self):
        assert not outbox_with(payload(b"m", METRICS)).has_waiting

    def test_so_is_an_empty_body(self):
        assert not outbox_with(payload(b"")).has_waiting

    def test_what_the_endpoint_rejected_is_said_once(self):
        outbox = outbox_with(payload(b"many", item_count=100))
        first = export(outbox, lambda request: Delivered(request, 3, "too old"))
        outbox.put([A])

        assert first == [Say(WARN, f"{NAMES[TRACES]} rejected 3 spans: too old; dropped")]
        assert export(outbox, lambda request: Delivered(request, 1, "too old")) == []
        assert counts(outbox) == (97, {"rejected": 4}, 0)

    def test_it_cannot_reject_more_than_it_was_sent(self):
        outbox = outbox_with(A)
        export(outbox, lambda request: Delivered(request, 7, "too old"))

        outbox.put([A])
        export(outbox, lambda request: Delivered(request, 7, "too old"))

        assert counts(outbox) == (0, {"rejected": 2}, 0)
        assert outbox.leave("at shutdown", is_reset=False) == [
            Say(WARN, "1 more items were dropped for reasons given above")
        ]

    def test_what_it_rejected_in_silence_is_said_in_the_end(self):
        outbox = outbox_with(payload(b"many", item_count=100))
        for rejected in (3, 2, 0, 2):
            export(outbox, lambda request, count=rejected: Delivered(request, count, "too old"))
            outbox.put([payload(b"many", item_count=100)])
        export(outbox, delivered)

        assert outbox.leave("at shutdown", is_reset=False) == [
            Say(WARN, "4 more items were dropped for reasons given above")
        ]

    def test_an_endpoint_that_rejected_some_was_never_away(self):
        outbox = outbox_with(A)
        export(outbox, lambda request: Delivered(request, 1, "too old"))
        outbox.put([A])

        assert export(outbox, delivered) == []


class TestAFlush:
    """It orders as many exports as its urgency says, one after the other."""

    def test_nothing_is_taken_without_one(self):
        outbox = outbox_with(A)

        assert (again(outbox), outbox.try_at(NOW)) == ((), None)

    def test_nothing_is_taken_while_an_export_is_in_flight(self):
        outbox = outbox_with(A)
        taken(outbox)
        outbox.put([B])

        assert (again(outbox), outbox.try_at(NOW)) == ((), None)
        assert outbox.rests_until(NOW) is None

    @pytest.mark.parametrize(("urgency", "count"), [(ALONE, 1), (AWAITED, 2), (LAST, 10)])
    def test_takes_what_comes_meanwhile_as_often_as_it_may(self, urgency, count):
        outbox = outbox_with(A)
        requests, taken_count = taken(outbox, urgency=urgency), 0
        while requests and taken_count < 10:
            taken_count += 1
            outbox.put([B])
            outbox.settle([delivered(request) for request in requests], NOW)
            requests = again(outbox)

        assert taken_count == count

    def test_takes_no_more_once_it_is_closed(self):
        outbox = outbox_with(A)
        (request,) = taken(outbox, urgency=LAST)
        outbox.close_flush()
        outbox.put([B])
        outbox.settle([delivered(request)], NOW)

        assert (again(outbox), outbox.try_at(NOW)) == ((), None)
        assert outbox.rests_until(NOW) == NOW

    def test_wants_nothing_when_nothing_waits(self):
        outbox = outbox_with()
        outbox.start_flush(NOW, AWAITED)

        assert (outbox.try_at(NOW), outbox.rests_until(NOW)) == (None, None)


class TestFailure:
    """What may be sent again is kept."""

    def test_it_is_said_what_follows(self):
        assert export(outbox_with(A, B, patience=AT_ONCE), failed) == [
            Say(
                WARN,
                "cannot export 2 spans (8 bytes) to https://a.example/v1/traces: HTTP 503; "
                "kept for the next export",
            )
        ]

    @pytest.mark.parametrize("kind", [k for k in KINDS if k.advice], ids=lambda kind: kind.name)
    def test_the_operator_is_told_what_to_check(self, kind):
        outbox = outbox_with(A, patience=AT_ONCE)

        (said,) = export(outbox, lambda request: failed(request, "why", kind))

        assert said.text.endswith(f"/v1/traces: why; kept for the next export; {kind.advice}")

    def test_it_waits_in_its_old_place(self):
        outbox = outbox_with(A)
        (request,) = taken(outbox)
        outbox.put([B])
        outbox.settle([answered(request)], NOW)

        assert taken(outbox) == (ExportRequest("otlp", TRACES, (A, B)),)
        assert counts(outbox) == (0, {}, 2)

    def test_the_same_failure_is_said_once(self):
        outbox = outbox_with(A)
        export(outbox, answered)

        assert export(outbox, answered) == []

    def test_another_reason_is_said(self):
        outbox = outbox_with(A, patience=AT_ONCE)
        export(outbox, answered)

        (said,) = export(outbox, lambda request: failed(request, "refused", CONNECTION))
        assert "refused" in said.text

    def test_reasons_that_take_turns_are_said_once_each(self):
        outbox = outbox_with(A)
        reasons = ["HTTP 500", "no HTTP"] * 3

        said = [
            export(outbox, lambda r, why=why: failed(r, why, ANSWER), NOW + 1_000 * number)
            for number, why in enumerate(reasons)
        ]

        assert [len(lines) for lines in said] == [1, 1, 0, 0, 0, 0]

    def test_one_that_is_tried_again_in_time_is_not_said(self):
        outbox = outbox_with(A)

        assert export(outbox, unavailable) == []
        assert outbox.settle([unavailable(r) for r in again(outbox, NOW + 1)], NOW + 1) == []
        (said,) = outbox.settle([unavailable(r) for r in again(outbox, NOW + 2)], NOW + 2)
        assert "HTTP 503; kept for the next export" in said.text

    def test_one_whose_pause_is_longer_than_the_flush_is(self):
        asks = lambda request: failed(request, "HTTP 429", THROTTLED, retry_after_s=11.0)  # noqa: E731 - a name for it

        (said,) = export(outbox_with(A), asks)

        assert "HTTP 429; kept for the next export" in said.text


class TestAnExportThatAFreezeInterrupted:
    """That no answer came in its time says nothing about the endpoint."""

    @staticmethod
    def interrupted(after_s):
        """An outbox whose export, which had 10 s, ends so long after it began; and what is said."""
        outbox = outbox_with(A)
        (request,) = taken(outbox)
        return outbox, outbox.settle([failed(request, "no answer", TIMEOUT)], NOW + after_s)

    def test_it_is_sent_again_by_the_next_flush(self):
        outbox, said = self.interrupted(after_s=10 + FREEZE_S + 1)

        assert said == []
        assert bodies(taken(outbox, NOW + 13)) == [b"aaaa"]

    def test_one_that_ended_in_its_time_leaves_the_endpoint_alone(self):
        outbox, said = self.interrupted(after_s=10 + FREEZE_S)

        assert len(said) == 1
        assert taken(outbox, NOW + 13) == ()


class TestAFailureThatMayPass:
    """It is tried again in the same flush, after a pause, whatever its urgency."""

    @pytest.mark.parametrize("urgency", [ALONE, AWAITED, LAST])
    def test_twice(self, urgency):
        outbox = outbox_with(A)
        requests, at = taken(outbox, urgency=urgency), NOW
        for pause_s in (0.1, 0.2):
            outbox.settle([unavailable(request) for request in requests], at)
            assert outbox.try_at(at) == at + pause_s
            at += pause_s
            requests = again(outbox, at)
            assert bodies(requests) == [b"aaaa"]
        outbox.settle([unavailable(request) for request in requests], at)

        assert (outbox.try_at(at), again(outbox, at + 5)) == (None, ())

    def test_not_before_its_pause_is_over(self):
        outbox = outbox_with(A)
        export(outbox, unavailable)

        assert again(outbox, NOW + 0.05) == ()

    def test_even_in_a_flush_that_is_closed(self):
        outbox = outbox_with(A)
        (request,) = taken(outbox, urgency=ALONE)
        outbox.close_flush()
        outbox.settle([unavailable(request)], NOW)

        assert bodies(again(outbox, NOW + 0.1)) == [b"aaaa"]

    def test_what_comes_after_it_is_not_tried_again(self):
        outbox = outbox_with(A)
        outbox.settle([unavailable(r) for r in taken(outbox, urgency=ALONE)], NOW)
        retried = again(outbox, NOW + 0.1)
        outbox.put([B])
        outbox.settle([delivered(request) for request in retried], NOW + 0.1)

        assert again(outbox, NOW + 0.1) == ()

    def test_it_takes_nothing_of_what_the_flush_may_order(self):
        outbox = outbox_with(A)
        outbox.settle([unavailable(r) for r in taken(outbox, urgency=AWAITED)], NOW)
        retried = again(outbox, NOW + 0.1)
        outbox.put([B])
        outbox.settle([delivered(request) for request in retried], NOW + 0.1)

        assert bodies(again(outbox, NOW + 0.1)) == [b"bbbb"]

    def test_in_another_flush_too_that_begins_within_the_pause(self):
        outbox = outbox_with(A)
        export(outbox, unavailable)
        assert taken(outbox, NOW + 0.05, urgency=ALONE) == ()
        outbox.close_flush()

        assert outbox.try_at(NOW + 0.05) == NOW + 0.1
        assert bodies(again(outbox, NOW + 0.1)) == [b"aaaa"]

    def test_whatever_else_comes_meanwhile(self):
        outbox = outbox_with(A)
        (request,) = taken(outbox, urgency=ALONE)
        outbox.settle([unavailable(request)], NOW)
        outbox.put([LOG])

        assert (again(outbox), outbox.try_at(NOW)) == ((), NOW + 0.1)
        assert bodies(again(outbox, NOW + 0.1)) == [b"aaaa"]

    def test_beside_what_else_the_flush_may_order(self):
        outbox = outbox_with(A)
        (request,) = taken(outbox, urgency=AWAITED)
        outbox.settle([unavailable(request)], NOW)
        outbox.put([LOG])
        outbox.settle([delivered(log) for log in again(outbox)], NOW)
        outbox.put([LOG])

        assert again(outbox) == ()
        assert bodies(again(outbox, NOW + 0.1)) == [b"aaaa"]

    def test_not_if_it_was_refused_for_good(self):
        outbox = outbox_with(A)
        (request,) = taken(outbox, urgency=ALONE)
        outbox.put([B])
        outbox.settle([Refused(request, unavailable(request).failure)], NOW)

        assert again(outbox, NOW + 0.1) == ()
        assert counts(outbox) == (0, {"unavailable": 1}, 1)


class TestAnEndpointThatIsAway:
    """It gets nothing for a while, then one request; all that waits is kept."""

    def test_nothing_is_taken(self):
        outbox = outbox_with(A)
        export(outbox, silent)

        assert taken(outbox, NOW + 9) == ()
        assert outbox.rests_until(NOW + 9) == NOW + 10

    def test_another_signal_is_none_of_its_business(self):
        outbox = outbox_with(A)
        export(outbox, silent)
        outbox.put([LOG])

        assert bodies(taken(outbox)) == [b"log"]
        assert outbox.has_waiting

    def test_then_it_gets_one_request(self):
        outbox = outbox_with(A, B, LOG, request_bytes_max=4)
        traces, more, log = taken(outbox)
        outbox.settle([silent(traces), silent(more), delivered(log)], NOW)
        outbox.put([LOG])

        assert bodies(taken(outbox, NOW + 10)) == [b"aaaa", b"log"]
        assert outbox.has_waiting

    def test_once_that_is_delivered_it_gets_the_others(self):
        outbox = outbox_with(A, B, request_bytes_max=4)
        export(outbox, silent)
        outbox.start_flush(NOW + 10, ALONE)
        (probe,) = again(outbox, NOW + 10)

        outbox.settle([delivered(probe)], NOW + 10)

        assert bodies(again(outbox, NOW + 10)) == [b"bbbb"]

    def test_or_refused_for_its_content(self):
        outbox = outbox_with(A, B, request_bytes_max=4)
        export(outbox, silent)
        (probe,) = taken(outbox, NOW + 10)

        outbox.settle([bad(probe)], NOW + 10)

        assert bodies(again(outbox, NOW + 10)) == [b"bbbb"]
        assert counts(outbox) == (0, {"content": 1}, 1)

    def test_a_probe_that_is_refused_as_one_of_several_is_sent_in_halves(self):
        outbox = outbox_with(A, B)
        export(outbox, silent)
        (probe,) = taken(outbox, NOW + 10)

        outbox.settle([bad(probe)], NOW + 10)

        assert bodies(again(outbox, NOW + 10)) == [b"aaaa", b"bbbb"]

    def test_a_half_that_finds_it_away_again_waits_as_a_half(self):
        outbox = outbox_with(A, B)
        export(outbox, bad)
        halves = again(outbox)
        outbox.settle([silent(half) for half in halves], NOW)

        assert bodies(taken(outbox, NOW + 10)) == [b"aaaa"]
        assert counts(outbox) == (0, {}, 2)

    def test_the_last_flush_tries_it_all_the_same(self):
        outbox = outbox_with(A)
        export(outbox, silent)

        assert bodies(taken(outbox, NOW + 1, LAST)) == [b"aaaa"]

    def test_of_several_outcomes_the_last_one_counts(self):
        outbox = outbox_with(A, B, request_bytes_max=4)
        first, second = taken(outbox)
        outbox.settle([silent(first), delivered(second)], NOW)

        assert bodies(again(outbox)) == [b"aaaa"]


class TestRefusal:
    """What must not be sent again is dropped, counted and said."""

    def test_it_is_said_what_follows(self):
        outbox = outbox_with(A)

        (said,) = export(outbox, unauthorised)

        assert said.text == (
            "cannot export 1 span (4 bytes) to https://a.example/v1/traces: HTTP 401; dropped; "
            "check the key in OTEL_EXPORTER_OTLP_HEADERS or in the exporter's headers"
        )
        assert (counts(outbox), outbox.has_waiting) == ((0, {"unauthorised": 1}, 0), False)

    @pytest.mark.parametrize(("status", "kind"), [(400, CONTENT), (413, TOO_LARGE)])
    def test_of_one_payload_is_not_an_endpoint_that_is_away(self, status, kind):
        outbox = outbox_with()
        said = []
        for _ in range(3):
            outbox.put([A])
            said += export(outbox, lambda request: refused(request, status))
            outbox.put([B])
            said += export(outbox, delivered)

        (line,) = said
        found = f"cannot export 1 span (4 bytes) to {NAMES[TRACES]}: HTTP {status}; dropped"
        assert line.text == (f"{found}; {kind.advice}" if kind.advice else found)
        assert counts(outbox) == (3, {kind.name: 3}, 0)

    def test_what_was_not_said_at_once_is_said_when_it_is_back(self):
        outbox = outbox_with(A)
        export(outbox, unauthorised)
        outbox.put([A, B])
        export(outbox, unauthorised, NOW + 10)
        outbox.put([A])

        (said,) = export(outbox, delivered, NOW + 60)

        assert said == Say(
            INFO, f"{NAMES[TRACES]} accepts exports again; 2 more items were dropped until then"
        )


class TestARefusalOfSeveral:
    """One may be to blame for all: they are sent in halves, down to the one that is."""

    @pytest.mark.parametrize("status", [400, 413])
    def test_each_is_sent_alone(self, status):
        outbox = outbox_with(A, B)

        said = export(outbox, lambda request: refused(request, status))

        assert said == []
        assert bodies(taken(outbox)) == [b"aaaa", b"bbbb"]

    @pytest.mark.parametrize("urgency", [ALONE, AWAITED, LAST])
    def test_in_the_same_flush(self, urgency):
        outbox = outbox_with(A, B)
        outbox.settle([bad(request) for request in taken(outbox, urgency=urgency)], NOW)

        assert bodies(again(outbox)) == [b"aaaa", b"bbbb"]

    def test_only_the_guilty_one_is_dropped(self):
        outbox = outbox_with(A, B)
        export(outbox, bad)
        good, guilty = again(outbox)

        outbox.settle([delivered(good), bad(guilty)], NOW)

        assert (counts(outbox), outbox.has_waiting) == ((1, {"content": 1}, 0), False)

    def test_it_is_found_in_few_requests_of_one_flush(self):
        payloads = [payload(b"%d" % number) for number in range(128)]
        outbox = outbox_with(*payloads)
        requests, request_count = taken(outbox, urgency=ALONE), 0
        while requests:
            request_count += len(requests)
            outbox.settle(
                [
                    (bad if b"77" in [p.body for p in r.payloads] else delivered)(r)
                    for r in requests
                ],
                NOW,
            )
            requests = again(outbox)

        assert counts(outbox) == (127, {"content": 1}, 0)
        assert request_count == 1 + 2 * 7

    def test_new_payloads_are_not_judged_with_them(self):
        outbox = outbox_with(A, B)
        export(outbox, bad)
        outbox.put([A, B])

        assert [len(request.payloads) for request in again(outbox)] == [1, 1, 2]

    def test_a_half_that_could_not_be_judged_is_kept_as_one(self):
        outbox = outbox_with(A, B)
        export(outbox, bad)
        first, second = again(outbox)
        outbox.settle([delivered(first), answered(second)], NOW)
        outbox.put([A])

        assert [r.payloads for r in taken(outbox)] == [(B.as_suspect(),), (A,)]

    def test_other_refusals_are_of_all(self):
        outbox = outbox_with(A, B)
        export(outbox, unauthorised)

        assert counts(outbox) == (0, {"unauthorised": 2}, 0)

    def test_json_was_never_merged(self):
        text = payload(b"{}", content_type=JSON)
        outbox = outbox_with(text, text)
        export(outbox, bad)

        assert counts(outbox) == (0, {"content": 2}, 0)


class TestTheBound:
    """The oldest makes room; that is said once and counted."""

    def test_it_is_said_once(self):
        outbox = outbox_with(A, B, buffer_bytes_max=8)

        assert outbox.put([A]) == [
            Say(WARN, "more than 8 bytes wait for otlp; dropped the oldest: 1 span (4 bytes)")
        ]
        assert outbox.put([A]) == []
        assert counts(outbox) == (0, {"buffer_full": 2}, 2)

    def test_it_is_said_of_what_it_is(self):
        outbox = outbox_with(A, LOG, payload(b"l", LOGS, item_count=4), buffer_bytes_max=8)

        (said,) = outbox.put([payload(b"12345678")])

        assert said.text.endswith("dropped the oldest: 1 span, 5 log records (8 bytes)")
        assert counts(outbox, LOGS) == (0, {"buffer_full": 5}, 0)

    def test_it_is_said_again_after_the_endpoint_came_back(self):
        outbox = outbox_with(A, buffer_bytes_max=8)
        export(outbox, answered)
        outbox.put([A, B])
        (said,) = export(outbox, delivered)

        assert said == Say(INFO, f"{NAMES[TRACES]} accepts exports again")
        assert outbox.put([A, B, A]) != []

    def test_what_is_put_back_counts_too(self):
        outbox = outbox_with(A, B, buffer_bytes_max=8)
        requests = taken(outbox)
        outbox.put([A])

        outbox.settle([failed(request) for request in requests], NOW)

        assert counts(outbox) == (0, {"buffer_full": 1}, 2)


class TestTheEnd:
    """What is left is given up, aloud."""

    def test_it_is_counted(self):
        outbox = outbox_with(A)
        taken(outbox)
        outbox.put([B, LOG])

        assert outbox.leave("at shutdown", is_reset=False) == [
            Say(WARN, "discarded 2 spans, 1 log record (11 bytes) for otlp at shutdown")
        ]
        assert (counts(outbox), counts(outbox, LOGS)) == (
            (0, {"shutdown": 2}, 0),
            (0, {"shutdown": 1}, 0),
        )
        assert (outbox.in_flight_until, outbox.has_waiting) == (None, False)

    def test_with_what_was_dropped_in_silence(self):
        outbox = outbox_with(A)
        export(outbox, unauthorised)
        outbox.put([A])
        export(outbox, unauthorised, NOW + 60)

        assert outbox.leave("at shutdown", is_reset=False) == [
            Say(WARN, "1 more items were dropped for reasons given above")
        ]

    def test_nothing_is_said_of_nothing(self):
        assert outbox_with().leave("at shutdown", is_reset=False) == []


class TestWhatIsTooLargeByItself:
    """It is cut in two, down to single items."""

    @staticmethod
    def too_large(request):
        return refused(request, 413)

    def test_it_is_sent_in_halves(self):
        spans = [(f"span {number}", span_id(number)) for number in range(4)]
        outbox = outbox_with(payload_of(TRACES, PROTOBUF, export_request(*spans)))

        assert export(outbox, self.too_large) == []

        halves = again(outbox)
        assert [[p.item_count for p in request.payloads] for request in halves] == [[2], [2]]
        assert counts(outbox) == (0, {}, 4)

    def test_a_single_item_is_dropped(self):
        outbox = outbox_with(payload_of(TRACES, PROTOBUF, export_request(("a", span_id(1)))))
        export(outbox, self.too_large)

        assert counts(outbox) == (0, {"too_large": 1}, 0)

    def test_so_is_json(self):
        outbox = outbox_with(payload(b"{}", item_count=9, content_type=JSON))
        export(outbox, self.too_large)

        assert counts(outbox) == (0, {"too_large": 9}, 0)

    def test_what_is_refused_for_its_content_is_not_cut(self):
        spans = [(f"span {number}", span_id(number)) for number in range(4)]
        outbox = outbox_with(payload_of(TRACES, PROTOBUF, export_request(*spans)))
        export(outbox, bad)

        assert counts(outbox) == (0, {"content": 4}, 0)


class TestAnEndpointThatRefusesEverything:
    """It is believed after a while: each part would be a request of its own."""

    def refused_until_empty(self, outbox):
        """How many requests it takes."""
        requests, request_count = taken(outbox, urgency=ALONE), 0
        while requests:
            request_count += len(requests)
            outbox.settle([bad(request) for request in requests], NOW)
            requests = again(outbox)
        return request_count

    def test_what_it_refuses_is_cut_no_more(self):
        outbox = outbox_with(*[payload(b"%d" % number) for number in range(1024)])

        assert self.refused_until_empty(outbox) <= 1 + 2 * REFUSED_IN_A_ROW_MAX
        assert counts(outbox) == (0, {"content": 1024}, 0)

    def test_until_it_takes_something(self):
        outbox = outbox_with(*[payload(b"%d" % number) for number in range(1024)])
        self.refused_until_empty(outbox)
        outbox.put([A])
        export(outbox, delivered)
        outbox.put([A, B])
        export(outbox, bad)

        assert bodies(again(outbox)) == [b"aaaa", b"bbbb"]


class TestWhatOutlivesTheProcess:
    """Where it is configured, the next process finds what was not delivered."""

    def spilling(self, *payloads, size_bytes_max=1_000):
        return outbox_with(*payloads, spill_bytes_max=size_bytes_max)

    def test_nothing_is_kept_unless_it_is_wanted(self):
        assert outbox_with(A).keep() == []

    def test_nothing_is_kept_of_nothing(self):
        assert self.spilling().keep() == []

    def test_what_is_in_flight_and_what_waits_is(self):
        outbox = self.spilling(A)
        taken(outbox)
        outbox.put([B])

        assert outbox.undelivered == (A, B)
        assert outbox.keep() == [Keep("otlp", (A, B))]

    def test_it_is_kept_once(self):
        outbox = self.spilling(A)
        outbox.keep()

        assert outbox.keep() == []

    def test_it_is_kept_anew_when_more_has_come(self):
        outbox = self.spilling(A)
        outbox.keep()
        outbox.put([B])

        assert outbox.keep() == [Keep("otlp", (A, B))]

    def test_what_is_delivered_since_is_kept_no_more(self):
        outbox = self.spilling(A)
        outbox.keep()
        export(outbox, delivered)

        assert outbox.release() == [Keep("otlp", ())]
        assert outbox.release() == []

    def test_what_was_never_kept_needs_no_release(self):
        outbox = self.spilling(A)
        export(outbox, answered)

        assert outbox.release() == []

    def test_what_an_earlier_process_kept_waits_again(self):
        outbox = self.spilling()

        assert outbox.restore([A]) == []
        assert counts(outbox) == (0, {}, 1)
        export(outbox, delivered)
        assert outbox.release() == [Keep("otlp", ())]

    def test_it_is_left_to_the_next_process_when_there_will_be_one(self):
        outbox = self.spilling(A, B)

        assert outbox.leave("at shutdown", is_reset=True) == [
            Keep("otlp", (A, B)),
            Say(INFO, "kept 2 spans (8 bytes) for otlp at shutdown"),
        ]
        assert (counts(outbox), outbox.has_waiting) == ((0, {}, 2), False)

    def test_as_much_of_it_as_there_is_room_for(self):
        outbox = self.spilling(A, B, size_bytes_max=len(encode([B])))

        kept, _, discarded = outbox.leave("now", is_reset=True)

        assert kept == Keep("otlp", (B,))
        assert discarded == Say(WARN, "discarded 1 span (4 bytes) for otlp now")

    def test_none_of_it_when_there_is_room_for_none(self):
        outbox = self.spilling(A, size_bytes_max=1)

        assert outbox.leave("now", is_reset=True) == [
            Say(WARN, "discarded 1 span (4 bytes) for otlp now"),
        ]

    def test_it_is_given_up_when_there_will_be_none(self):
        outbox = self.spilling(A)
        outbox.keep()

        assert outbox.leave("at shutdown", is_reset=False) == [
            Keep("otlp", ()),
            Say(WARN, "discarded 1 span (4 bytes) for otlp at shutdown"),
        ]
