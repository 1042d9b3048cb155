"""What a dead endpoint costs: a budget or two, however often the function is invoked.

Counted in extension time, as the platform records it: how long the collector alone kept the
invocations from ending.
"""

from __future__ import annotations

import pytest

from lambda_sandbox.edge.otlp_endpoint import HANG
from tests.e2e.test_faults import closed_port
from tests.fakes.scripted_endpoint import (
    NOT_FOUND,
    UNAUTHENTICATED,
    UNAVAILABLE,
    replies,
    throttled,
    variables_for,
)

BUDGET_S = 0.5
BUDGET = {"OTEL_LAYER_FLUSH_TIMEOUT": "500", "OTEL_EXPORTER_OTLP_TIMEOUT": "500"}

REFUSED_COST_S_MAX = 1.0
"""Three tries that are refused at once, the pauses between them, and a hundred times nearly
nothing."""

INVOCATION_COUNT = 100


class TestAHundredInvocations:
    """They pay for finding out, and not for knowing."""

    def test_with_an_endpoint_that_hangs_cost_less_than_three_flush_budgets(
        self, serve, day, protocol
    ):
        endpoint = serve(protocol, replies(then=HANG))
        today = day({**endpoint.variables, **BUDGET})

        invoke_until_it_costs(today, 3 * BUDGET_S)

        assert today.extension_time_s < 3 * BUDGET_S

    def test_with_an_endpoint_that_refuses_cost_less_than_a_second(self, day, protocol):
        with closed_port() as port:
            today = day({**variables_for(protocol, port), **BUDGET})

            invoke_until_it_costs(today, REFUSED_COST_S_MAX)

        assert today.extension_time_s < REFUSED_COST_S_MAX

    @pytest.mark.parametrize(
        ("reply", "request_count_max"),
        [(UNAUTHENTICATED, 1), (NOT_FOUND, 1), (UNAVAILABLE, 3), (throttled(60), 3), (HANG, 1)],
        ids=["401", "404", "503", "429", "hanging"],
    )
    def test_send_next_to_nothing_to_who_cannot_take_it(
        self, serve, day, protocol, reply, request_count_max
    ):
        endpoint = serve(protocol, replies(then=reply))
        today = day({**endpoint.variables, **BUDGET})

        invoke_until_it_costs(today, 3 * BUDGET_S)

        assert len(endpoint.arrivals) <= request_count_max


def invoke_until_it_costs(today, cost_s_max):
    """Invoke a hundred times, or until it has cost too much: more of that proves nothing."""
    for _ in range(INVOCATION_COUNT):
        today.invoke_and_freeze()
        if today.extension_time_s >= cost_s_max:
            return
