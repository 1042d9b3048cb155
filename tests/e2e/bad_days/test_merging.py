"""Payloads that leave in one request share its fate only as long as they must."""

from __future__ import annotations

import json

import pytest

from tests.fakes.scripted_endpoint import ACCEPTED, BAD_REQUEST, TOO_LARGE

PATIENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "5000"}

NAMES = ["first", "second", "poison", "third", "fourth"]
GOOD = sorted({*NAMES, "story"} - {"poison"})
"""With the function's own root span."""


def refuse_poison(arrival):
    """Find one span of a request reason enough to refuse all of it."""
    return BAD_REQUEST if "poison" in arrival.names else ACCEPTED


def refuse_more_than_two(arrival):
    """Have little room."""
    return TOO_LARGE if len(arrival.names) > 2 else ACCEPTED


@pytest.fixture
def push(day):
    """Have a function post spans of these names, each in a body of its own; let it freeze."""

    def invoke(endpoint, names, *, size=10):
        today = day({**endpoint.variables, **PATIENT}, "push.bodies")
        outcome = today.sandbox.invoke(json.dumps({"names": names, "size": size}).encode())
        assert json.loads(outcome.payload) == [200] * len(names)
        today.sandbox.wait_frozen()
        return today

    return invoke


class TestOneBadBodyAmongGoodOnes:
    """The endpoint refuses their sum: the good ones arrive before the freeze all the same."""

    def test_only_the_bad_one_is_dropped_and_said(self, serve, push, protocol):
        endpoint = serve(protocol, refuse_poison)

        today = push(endpoint, NAMES)

        (line,) = today.warnings
        assert sorted(endpoint.accepted) == GOOD
        assert BAD_REQUEST.text(protocol) in line
        assert "1 span (" in line
        assert "dropped" in line

    def test_they_leave_together_first_and_no_part_twice_on_its_own(self, serve, push, protocol):
        endpoint = serve(protocol, refuse_poison)

        push(endpoint, NAMES)

        together, *parts = [arrival.names for arrival in endpoint.arrivals]
        alone = [names for names in parts if len(names) == 1]
        assert sorted(together) == sorted([*GOOD, "poison"])
        assert all(alone.count(names) == 1 for names in alone)


class TestTooMuchAtATime:
    """A request that the endpoint finds too large is halved until it takes it."""

    def test_all_of_it_arrives_without_a_word(self, serve, push, protocol):
        endpoint = serve(protocol, refuse_more_than_two)

        today = push(endpoint, NAMES)

        assert sorted(endpoint.accepted) == sorted([*GOOD, "poison"])
        assert today.warnings == []

    def test_nothing_larger_than_grpc_takes_is_sent_in_the_first_place(self, serve, push, protocol):
        endpoint = serve(protocol)
        names = [f"large {number}" for number in range(6)]

        today = push(endpoint, names, size=1_000_000)

        assert sorted(endpoint.accepted) == sorted([*names, "story"])
        assert max(arrival.size_bytes for arrival in endpoint.arrivals) < 4 * 1024 * 1024
        assert len(endpoint.arrivals) == 2
        assert today.warnings == []
