"""What a peer's status means."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]  # it has no stubs
    RetryInfo,
)
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]  # as above
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector_ext.core.delivery import failures
from collector_ext.core.events import Delivered
from collector_ext.core.grpc_answer import Status, failure, outcome, reason
from collector_ext.core.otlp import PROTOBUF, TRACES, ExportRequest
from tests.fakes.outcomes import failed, refused
from tests.fakes.payloads import payload_of

REQUEST = ExportRequest("otlp_grpc", TRACES, (payload_of(TRACES, PROTOBUF, b"spans"),))


def ended(code, message="", details=b""):
    """What became of a request whose call ended so."""
    return failure(REQUEST, Status(code, message, details), reason="why")


def with_detail(detail):
    """A serialised status with one detail."""
    packed = Any()
    packed.Pack(detail)
    return RpcStatus(code=8, details=[packed]).SerializeToString()


class TestSuccess:
    """The request is delivered, all of it or in part."""

    def test_an_empty_answer_rejects_nothing(self):
        assert outcome(REQUEST, b"") == Delivered(REQUEST, 0, "")

    def test_a_partial_success_says_what_was_rejected(self):
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 3
        response.partial_success.error_message = "too old"

        assert outcome(REQUEST, response.SerializeToString()) == Delivered(REQUEST, 3, "too old")

    def test_an_answer_that_is_too_large_is_one(self):
        message = "Stream removed (CLIENT: Received message larger than max (5 vs. 4))"

        assert ended("RESOURCE_EXHAUSTED", message) == Delivered(REQUEST, 0, "")


class TestWhatMayBeSentAgain:
    """The specification has a list."""

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("CANCELLED", failures.ANSWER),
            ("DEADLINE_EXCEEDED", failures.TIMEOUT),
            ("ABORTED", failures.ANSWER),
            ("OUT_OF_RANGE", failures.ANSWER),
            ("UNAVAILABLE", failures.UNAVAILABLE),
            ("DATA_LOSS", failures.ANSWER),
        ],
    )
    def test_these_may(self, code, kind):
        assert ended(code) == failed(REQUEST, "why", kind)

    def test_so_may_what_is_exhausted_for_a_while(self):
        details = with_detail(RetryInfo(retry_delay=Duration(seconds=1)))

        assert ended("RESOURCE_EXHAUSTED", "", details) == failed(
            REQUEST, "why", failures.THROTTLED
        )


class TestWhatMustNot:
    """It is refused, as it would be over HTTP."""

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("INVALID_ARGUMENT", 400),
            ("UNAUTHENTICATED", 401),
            ("PERMISSION_DENIED", 403),
            ("UNIMPLEMENTED", 404),
            ("RESOURCE_EXHAUSTED", 413),
            ("UNKNOWN", 500),
            ("INTERNAL", 500),
            ("FAILED_PRECONDITION", 500),
        ],
    )
    def test_each_status_has_its_counterpart(self, code, status):
        assert ended(code) == refused(REQUEST, status, "why")

    def test_another_detail_is_not_a_leave_to_try_again(self):
        details = with_detail(Duration(seconds=1))

        assert ended("RESOURCE_EXHAUSTED", "", details) == refused(REQUEST, 413, "why")


class TestReason:
    """It names the code, and what was said, within bounds."""

    def test_it_is_the_code_and_the_message(self):
        assert reason(Status("INTERNAL", "oops", b""), ()) == "gRPC INTERNAL: oops"
        assert reason(Status("INTERNAL", "", b""), ()) == "gRPC INTERNAL"

    def test_of_an_address_that_cannot_be_reached_the_last_error_is_said(self):
        said = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:1: refused"

        found = reason(Status("UNAVAILABLE", said, b""), ())

        assert found == "gRPC UNAVAILABLE: ipv4:10.0.0.1:1: refused"

    def test_a_message_is_cut(self):
        assert reason(Status("INTERNAL", "x" * 1000, b""), ()) == "gRPC INTERNAL: " + "x" * 200

    def test_a_secret_that_is_quoted_is_masked(self):
        status = Status("UNAUTHENTICATED", "no such key: s3cret", b"")

        assert reason(status, ("s3cret",)) == "gRPC UNAUTHENTICATED: no such key: ****"

    def test_a_deadline_is_said_as_over_http(self):
        assert reason(Status("DEADLINE_EXCEEDED", "x", b""), ()) == "no answer in time"
