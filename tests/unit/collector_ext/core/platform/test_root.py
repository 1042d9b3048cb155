"""What is read of the root span of an invocation."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from collector_ext.core.otlp import TRACES
from collector_ext.core.platform.root import Root, root_in
from tests.fakes.telemetry_requests import TRACE_ID, parsed, request, span

ROOT_ID = bytes(7) + b"\x09"
RESOURCE = {"service.name": "shop", "faas.max_memory": 128}


def root_of(body):
    """The root of a request that has one."""
    found = root_in(body)
    assert isinstance(found, Root)
    return found


class TestARoot:
    """Its ids, its start and its resource; whatever else it says."""

    def test_its_children_have_what_it_has(self):
        body = request(TRACES, span(span_id=ROOT_ID, trace_state="a=1"), resource=RESOURCE)

        root = root_of(body)

        assert (root.trace_id, root.span_id, root.trace_state) == (TRACE_ID, ROOT_ID, b"a=1")
        assert root.start_ns == 1_000_000_000

    def test_its_resource_is_taken_over_with_its_schema(self):
        body = request(TRACES, span(span_id=ROOT_ID), resource=RESOURCE)

        (group,) = parsed(TRACES, body).resource_spans
        found = ResourceSpans.FromString(root_of(body).resource)
        assert (found.resource, found.schema_url) == (group.resource, group.schema_url)
        assert not found.scope_spans

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\x0a\x05",
            request(TRACES),
            request(TRACES, span(trace_id=b"")),
            request(TRACES, span(span_id=b"short")),
        ],
    )
    def test_without_ids_there_is_none(self, body):
        assert root_in(body) is None
