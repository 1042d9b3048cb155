"""The processor ``resource``."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.processors import resource
from tests.fakes.sections import processor_of, read_with
from tests.fakes.telemetry_requests import attributes_in, gauge, parsed, record, request, span

UPSERT = {"attributes": [{"key": "k", "value": "v", "action": "upsert"}]}
BODIES = {
    TRACES: request(TRACES, span(attributes={"k": "own"})),
    METRICS: request(METRICS, gauge("m", {"k": "own"})),
    LOGS: request(LOGS, record(attributes={"k": "own"})),
}


class TestAResource:
    """Its attributes are changed; nothing of what comes from it is."""

    @pytest.mark.parametrize("signal", BODIES, ids=lambda signal: signal.name)
    def test_is_changed_for_any_signal(self, signal):
        body = processor_of(resource, UPSERT).process(signal, BODIES[signal])

        expected = parsed(signal, BODIES[signal])
        group = expected.ListFields()[0][1][0]
        group.resource.attributes.add(key="k").value.string_value = "v"
        assert parsed(signal, body) == expected

    def test_that_is_not_there_is_made(self):
        body = processor_of(resource, UPSERT).process(TRACES, b"\x0a\x02\x1a\x00")

        (group,) = parsed(TRACES, body).resource_spans
        assert attributes_in(group.resource.attributes) == {"k": "v"}

    def test_that_needs_no_change_keeps_its_bytes(self):
        delete = {"attributes": [{"key": "z", "action": "delete"}]}

        assert processor_of(resource, delete).process(TRACES, BODIES[TRACES]) == BODIES[TRACES]

    def test_loses_a_key_that_is_there_twice(self):
        twice = parsed(TRACES, BODIES[TRACES])
        for value in "ab":
            added = twice.resource_spans[0].resource.attributes.add(key="twice")
            added.value.string_value = value
        delete = {"attributes": [{"key": "twice", "action": "delete"}]}

        body = processor_of(resource, delete).process(TRACES, twice.SerializeToString())

        assert parsed(TRACES, body) == parsed(TRACES, BODIES[TRACES])


def test_without_actions_there_is_no_processor():
    assert read_with(resource, {"attributes": []}) == (
        None,
        ("f:1: processors.x has no attributes to act on; it does nothing",),
    )
