"""The endpoint answers, but not what one hopes for; or it takes its time."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from lambda_sandbox.edge.otlp_endpoint import HANG
from tests.e2e.bad_days.day import ANSWERED, ASKED_NEXT, RESPONDED
from tests.fakes.scripted_endpoint import (
    FAULTY,
    FORBIDDEN,
    GRPC,
    HTTP,
    NOT_FOUND,
    TOO_LARGE,
    UNAUTHENTICATED,
    UNAVAILABLE,
    accept,
    replies,
    throttled,
)

PATIENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "5000"}
"""Far more than an endpoint here takes for its answer: nothing is out of time."""

BUDGET = {"OTEL_LAYER_FLUSH_TIMEOUT": "400", "OTEL_EXPORTER_OTLP_TIMEOUT": "400"}
"""For an endpoint that takes all of it."""

REFUSALS = {
    # what it answers: a word of the advice that belongs to it
    "401": (UNAUTHENTICATED, "OTEL_EXPORTER_OTLP_HEADERS"),
    "403": (FORBIDDEN, "OTEL_EXPORTER_OTLP_HEADERS"),
    "404": (NOT_FOUND, "check the path"),
    "413": (TOO_LARGE, ""),
    "500": (FAULTY, ""),
}


class TestARefusal:
    """What must not be sent again is dropped, and that is said; what comes next is not lost."""

    @pytest.mark.parametrize(("reply", "_"), REFUSALS.values(), ids=REFUSALS)
    def test_the_function_has_responded_before_it_comes(self, serve, day, protocol, reply, _):
        endpoint = serve(protocol, replies(reply), is_held=True)
        today = day({**endpoint.variables, **PATIENT})

        request_id = today.invoke_and_release(endpoint)

        assert today.order(request_id, endpoint) == [RESPONDED, ANSWERED, ASKED_NEXT]

    @pytest.mark.parametrize(("reply", "advice"), REFUSALS.values(), ids=REFUSALS)
    def test_one_line_names_it_counts_what_is_dropped_and_gives_advice(
        self, serve, day, protocol, reply, advice
    ):
        endpoint = serve(protocol, replies(reply))
        today = day({**endpoint.variables, **PATIENT})

        today.invoke_and_freeze()
        today.end()

        (line,) = today.warnings
        assert f": {reply.text(protocol)}" in line
        assert "1 span (" in line
        assert "dropped" in line
        assert advice in line

    @pytest.mark.parametrize(("reply", "_"), REFUSALS.values(), ids=REFUSALS)
    def test_the_next_trace_arrives_by_the_end_of_the_environment(
        self, serve, day, protocol, reply, _
    ):
        """Who knows us not, or the path, is left alone for a while, and asked at SHUTDOWN."""
        endpoint = serve(protocol, replies(reply))
        today = day({**endpoint.variables, **PATIENT})

        today.invoke_and_freeze()
        second = today.invoke_and_freeze()
        today.end()

        assert endpoint.accepted_invocations == [second]


class TestAnAnswerToTryAgain:
    """The same request is sent again, while there is time for it; else it is kept."""

    def test_503_and_then_fine_is_delivered_in_the_same_flush(self, serve, day, protocol):
        endpoint = serve(protocol, replies(UNAVAILABLE), is_held=True)
        today = day({**endpoint.variables, **PATIENT})

        request_id = today.invoke_and_release(endpoint)

        assert today.order(request_id, endpoint) == [RESPONDED, ANSWERED, ANSWERED, ASKED_NEXT]
        assert endpoint.accepted_invocations == [request_id]

    @pytest.mark.parametrize("reply", [UNAVAILABLE, throttled(retry_after_s=1)], ids=["503", "429"])
    def test_a_second_try_that_succeeds_is_not_worth_a_word(self, serve, day, protocol, reply):
        endpoint = serve(protocol, replies(reply))
        today = day({**endpoint.variables, **PATIENT})

        today.invoke_and_freeze()

        assert (today.warnings, today.notes) == ([], [])

    def test_503_for_long_is_kept_and_delivered_later_once(self, serve, day, protocol):
        endpoint = serve(protocol, replies(then=UNAVAILABLE))
        today = day({**endpoint.variables, **PATIENT})
        requests = [today.invoke_and_freeze() for _ in range(3)]

        endpoint.script = accept
        today.end()

        (line,) = today.warnings
        assert sorted(endpoint.accepted_invocations) == sorted(requests)
        assert f": {UNAVAILABLE.text(protocol)}" in line
        assert "kept" in line

    def test_429_is_sent_again_when_it_said_so(self, serve, day, protocol):
        endpoint = serve(protocol, replies(throttled(retry_after_s=1)), is_held=True)
        today = day({**endpoint.variables, **PATIENT})

        request_id = today.invoke_and_release(endpoint)

        ((first, second),) = pairwise(endpoint.arrivals)
        assert today.order(request_id, endpoint) == [RESPONDED, ANSWERED, ANSWERED, ASKED_NEXT]
        assert endpoint.accepted_invocations == [request_id]
        assert second.at_s - first.at_s >= 1

    def test_429_that_asks_for_more_than_the_budget_is_left_alone_until_shutdown(
        self, serve, day, protocol
    ):
        endpoint = serve(protocol, replies(throttled(retry_after_s=60)))
        today = day({**endpoint.variables, **PATIENT})

        requests = [today.invoke_and_freeze() for _ in range(2)]
        asked_count = len(endpoint.arrivals)
        today.end()

        (line,) = today.warnings
        assert asked_count == 1
        assert sorted(endpoint.accepted_invocations) == sorted(requests)
        assert "kept" in line


class TestNoAnswer:
    """It costs a budget and not the function's response; what was sent is kept."""

    def test_the_function_has_responded_and_the_environment_goes_on(self, serve, day, protocol):
        endpoint = serve(protocol, replies(then=HANG))
        today = day({**endpoint.variables, **BUDGET})

        request_id = today.invoke_and_freeze()

        assert today.order(request_id, endpoint) == [RESPONDED, ASKED_NEXT]
        assert [arrival.names for arrival in endpoint.arrivals] == [["story"]]

    def test_what_was_sent_is_kept_and_delivered_later_once(self, serve, day, protocol):
        endpoint = serve(protocol, replies(then=HANG))
        today = day({**endpoint.variables, **BUDGET})
        requests = [today.invoke_and_freeze() for _ in range(2)]

        endpoint.script = accept
        today.end()

        (line,) = today.warnings
        assert sorted(endpoint.accepted_invocations) == sorted(requests)
        assert "no answer in time; kept" in line

    def test_what_nobody_ever_answered_is_dropped_at_the_end_and_counted(
        self, serve, day, protocol
    ):
        endpoint = serve(protocol, replies(then=HANG))
        today = day({**endpoint.variables, **BUDGET})

        today.invoke_and_freeze()
        today.invoke_and_freeze()
        today.end()

        _, line = today.warnings
        assert "discarded 2 spans" in line


class TestASlowAnswer:
    """The collector waits for it, as long as its timeout allows; the function does not."""

    def test_five_seconds_later_all_is_delivered_once(self, serve, day):
        """Both protocols side by side: it is five seconds of real time."""
        endpoints = [serve(protocol, is_held=True) for protocol in (HTTP, GRPC)]
        days = [day(endpoint.variables) for endpoint in endpoints]
        late = threading.Timer(5, lambda: [endpoint.release() for endpoint in endpoints])

        late.start()
        requests = [today.invoke() for today in days]
        late.join()
        for today in days:
            today.sandbox.wait_frozen()

        in_order = [RESPONDED, ANSWERED, ASKED_NEXT]
        for today, request_id, endpoint in zip(days, requests, endpoints, strict=True):
            assert today.order(request_id, endpoint) == in_order
            assert endpoint.accepted_invocations == [request_id]
            assert today.warnings == []
