"""What is read of the root span of an invocation."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from collector_ext.core.otlp import TRACES
from collector_ext.core.platform.root import Root, is_failed, root_in
from tests.fakes.telemetry_requests import TRACE_ID, parsed, request, span

ROOT_ID = bytes(7) + b"\x09"
RESOURCE = {"service.name": "shop", "faas.max_memory": 128}


def root_of(body):
    """The root of a request that has one."""
    found = root_in(body)
    assert isinstance(found, Root)
    return found


def status(code):
    made = span(span_id=ROOT_ID)
    made.status.code = code
    made.status.message = "why"
    return made


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


class TestAFailure:
    """The status of the root alone says so."""

    def test_is_the_status_error(self):
        assert is_failed(request(TRACES, span(), status(2)), ROOT_ID)

    @pytest.mark.parametrize("code", [0, 1])
    def test_is_no_other_status(self, code):
        assert not is_failed(request(TRACES, status(code)), ROOT_ID)

    def test_is_not_that_of_another_span(self):
        assert not is_failed(request(TRACES, status(2), span()), b"another!")

    @pytest.mark.parametrize("body", [b"", b"\x0a\x05"])
    def test_is_not_in_what_cannot_be_read(self, body):
        assert not is_failed(body, ROOT_ID)
