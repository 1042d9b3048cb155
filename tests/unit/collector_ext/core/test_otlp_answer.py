"""What an endpoint's answer means."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector_ext.core.delivery import failures
from collector_ext.core.events import Delivered
from collector_ext.core.http1 import Response
from collector_ext.core.otlp import JSON, PROTOBUF, TRACES, ExportRequest
from collector_ext.core.otlp_answer import outcome
from tests.fakes.outcomes import failed, refused
from tests.fakes.payloads import payload_of

REQUEST = ExportRequest("otlp", TRACES, (payload_of(TRACES, PROTOBUF, b"spans"),))


def answered(status, body=b"", content_type=PROTOBUF):
    """The outcome of a request that was answered so."""
    return outcome(REQUEST, Response(status, {"content-type": content_type}, body, keep_alive=True))


class TestSuccess:
    """The request is delivered, all of it or in part."""

    @pytest.mark.parametrize("status", [200, 202, 204])
    def test_any_success_will_do(self, status):
        assert answered(status) == Delivered(REQUEST, 0, "")

    def test_a_partial_success_says_what_was_rejected(self):
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 3
        response.partial_success.error_message = "too old"

        assert answered(200, response.SerializeToString()) == Delivered(REQUEST, 3, "too old")

    def test_so_does_one_in_json(self):
        body = b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}'

        assert answered(200, body, JSON + "; charset=utf-8") == Delivered(REQUEST, 3, "too old")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[]",
            b'{"partialSuccess": 1}',
            b'{"partialSuccess": {"rejectedX": []}}',
            b'{"partialSuccess": {"rejectedSpans": 1e999}}',
            b'{"partialSuccess": {"rejectedSpans": -1}}',
        ],
    )
    def test_json_that_says_nothing_rejects_nothing(self, body):
        assert answered(200, body, JSON) == Delivered(REQUEST, 0, "")

    @pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
    def test_what_it_says_is_cut(self, content_type):
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 1
        response.partial_success.error_message = "x" * 1000
        text = b'{"partialSuccess": {"rejectedSpans": 1, "errorMessage": "%s"}}' % (b"x" * 1000)
        body = response.SerializeToString() if content_type == PROTOBUF else text

        assert answered(200, body, content_type) == Delivered(REQUEST, 1, "x" * 200)

    def test_another_content_type_rejects_nothing(self):
        assert answered(200, b"<html>", "text/html") == Delivered(REQUEST, 0, "")


class TestFailure:
    """The specification says which may be tried again."""

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (429, failures.THROTTLED),
            (502, failures.UNAVAILABLE),
            (503, failures.UNAVAILABLE),
            (504, failures.UNAVAILABLE),
        ],
    )
    def test_these_may(self, status, kind):
        assert answered(status) == failed(REQUEST, f"HTTP {status}", kind)

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 413, 500, 501])
    def test_all_others_must_not(self, status):
        assert answered(status) == refused(REQUEST, status)
