"""Between two invocations, everything outside goes on."""

from __future__ import annotations

import threading
from types import MappingProxyType

import pytest

from tests.e2e.test_faults import closed_port
from tests.fakes.scripted_endpoint import GRPC, HTTP, ScriptedEndpoint, variables_for

PATIENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3000"}

LONGER_THAN_IDLE_CONNECTIONS_LIVE_S = 61
"""Load balancers of AWS close after 60 s by default; the frozen side does not hear of it."""


def connections_of(endpoint):
    """How many connections the endpoint was sent requests on."""
    return len({arrival.connection for arrival in endpoint.arrivals})


class TestAConnectionThatDidNotOutliveTheFreeze:
    """Nobody notices: each trace arrives before the next freeze, once, and nothing is said."""

    def test_one_that_was_cut(self, serve, day, protocol):
        endpoint = serve(protocol)
        today = day({**endpoint.variables, **PATIENT})

        first = today.invoke_and_freeze()
        cut_count = today.sandbox.cut_idle_connections()
        if cut_count is None:
            pytest.skip("this machine does not let us reach into processes")
        second = today.invoke_and_freeze()

        assert cut_count == 1
        assert endpoint.accepted_invocations == [first, second]
        assert connections_of(endpoint) == 2
        assert today.warnings == []

    def test_one_to_an_endpoint_that_was_restarted_on_its_port(self, serve, day, protocol):
        with ScriptedEndpoint(protocol) as before:
            today = day({**before.variables, **PATIENT})
            first = today.invoke_and_freeze()

        after = serve(protocol, port=before.port)
        second = today.invoke_and_freeze()

        assert (before.accepted_invocations, after.accepted_invocations) == ([first], [second])
        assert today.warnings == []

    def test_one_that_was_idle_for_longer_than_they_live_and_an_outage_that_is_over(
        self, serve, day
    ):
        """A minute of real time, once: both protocols, a good day and a bad one, side by side."""
        endpoints = [serve(protocol) for protocol in (HTTP, GRPC)]
        days = [day({**endpoint.variables, **PATIENT}) for endpoint in endpoints]
        requests = [[today.invoke_and_freeze()] for today in days]
        with closed_port() as port:
            bad_day = day(variables_for(HTTP, port))
            waiting = [bad_day.invoke_and_freeze() for _ in range(3)]

        threading.Event().wait(LONGER_THAN_IDLE_CONNECTIONS_LIVE_S)
        back = serve(HTTP, port=port)
        waiting.append(bad_day.invoke_and_freeze())
        for today, own in zip(days, requests, strict=True):
            own.append(today.invoke_and_freeze())

        assert [endpoint.accepted_invocations for endpoint in endpoints] == requests
        assert [connections_of(endpoint) for endpoint in endpoints] == [2, 2]
        assert [today.warnings for today in days] == [[], []]
        assert sorted(back.accepted_invocations) == sorted(waiting)


class TestAnExportThatTheFreezeInterrupts:
    """With a strategy that exports beside the invocation, which ends when it ends."""

    BESIDE = MappingProxyType({"OTEL_LAYER_FLUSH_STRATEGY": "next", **PATIENT})

    @pytest.fixture
    def interrupted(self, serve, day, protocol):
        """A frozen day, its first request on the way; the endpoint, and the invocations."""
        endpoint = serve(protocol, is_held=True)
        today = day({**endpoint.variables, **self.BESIDE}, "push.hold")
        requests = [today.hold(endpoint, request_count=count) for count in (0, 1)]
        return today, endpoint, requests

    def test_an_answer_that_came_meanwhile_is_read_after_the_thaw(self, interrupted):
        today, endpoint, requests = interrupted

        endpoint.release()
        requests.append(today.hold(endpoint, request_count=2))
        today.end()

        assert endpoint.accepted_invocations == requests
        assert today.warnings == []

    def test_a_connection_that_was_cut_meanwhile_costs_a_duplicate_at_most(self, interrupted):
        today, endpoint, requests = interrupted

        if today.sandbox.cut_idle_connections() is None:
            pytest.skip("this machine does not let us reach into processes")
        endpoint.release()
        requests.append(today.hold(endpoint, request_count=2))
        today.end()

        accepted = endpoint.accepted_invocations
        assert set(accepted) == set(requests)
        assert accepted.count(requests[0]) <= 2
        assert [accepted.count(request_id) for request_id in requests[1:]] == [1, 1]


class TestAConnectionThatDid:
    """It is used again: a handshake after each freeze would be on the bill."""

    def test_all_requests_come_on_it(self, serve, day, protocol):
        endpoint = serve(protocol)
        today = day({**endpoint.variables, **PATIENT})

        requests = [today.invoke_and_freeze() for _ in range(3)]

        assert endpoint.accepted_invocations == requests
        assert connections_of(endpoint) == 1
