"""The environment ends, with much or little time for last words."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.lifecycle import shutdown
from lambda_sandbox.edge.otlp_endpoint import HANG
from tests.e2e.test_faults import closed_port
from tests.fakes.scripted_endpoint import replies, variables_for


@pytest.fixture(params=[2.0, 0.3], ids=["2 s", "0.3 s"])
def left_s(request, monkeypatch) -> float:
    """What the platform gives at SHUTDOWN: all of it, or what others may leave of it."""
    left: float = request.param
    monkeypatch.setattr(shutdown, "BUDGET_EXTERNAL_S", left)
    return left


@pytest.fixture
def outage(day, protocol):
    """A day on which nobody was there for two invocations, and the port that is free again."""
    with closed_port() as port:
        today = day(variables_for(protocol, port))
        requests = [today.invoke_and_freeze() for _ in range(2)]
    return today, requests, port


class TestWhatWaits:
    """It is delivered if there is anybody, and dropped aloud if not; nobody has to be killed."""

    def test_is_delivered_once(self, outage, serve, protocol, left_s):
        today, requests, port = outage

        endpoint = serve(protocol, port=port)
        today.end()

        assert sorted(endpoint.accepted_invocations) == sorted(requests)
        assert today.shutdown_took_s < left_s

    def test_is_dropped_aloud_if_the_endpoint_hangs(self, outage, serve, protocol, left_s):
        today, _, port = outage

        endpoint = serve(protocol, replies(then=HANG), port=port)
        today.end()

        *_, line = today.warnings
        assert endpoint.accepted == []
        assert "discarded 2 spans" in line
        assert today.shutdown_took_s < left_s

    def test_is_dropped_aloud_if_nobody_is_there(self, outage, left_s):
        today, _, _ = outage

        today.end()

        *_, line = today.warnings
        assert "discarded 2 spans" in line
        assert today.shutdown_took_s < left_s


class TestTheLastLine:
    """It accounts for every payload there ever was."""

    def test_of_a_day_that_ended_well(self, outage, serve, protocol):
        today, _, port = outage

        serve(protocol, port=port)
        today.end()

        assert today.counters == {"received": 2, "exported": 2, "carried": 0, "dropped": 0}

    def test_of_a_day_that_did_not(self, outage):
        today, _, _ = outage

        today.end()

        assert today.counters == {"received": 2, "exported": 0, "carried": 0, "dropped": 2}
