"""What a peer's status means."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]  # it has no stubs
    ErrorInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]  # as above
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.events import Delivered
from collector_ext.core.grpc_answer import Status, failure_of, outcome, refused
from collector_ext.core.otlp import PROTOBUF, TRACES, ExportRequest
from tests.fakes.outcomes import failed
from tests.fakes.outcomes import refused as refusal
from tests.fakes.payloads import payload_of

REQUEST = ExportRequest("otlp_grpc", TRACES, (payload_of(TRACES, PROTOBUF, b"spans"),))


METADATA = (("authorization", "Bearer t0ken"), ("x-key", "s3cret"), ("y-bin", b"bytes"))


def failure(code, message="", details=b"", *, metadata=METADATA, proxy=""):
    """What such a status means."""
    return failure_of(Status(code, message, details), metadata, proxy)


def ended(code, message="", details=b""):
    """What became of a request whose call ended so."""
    status = Status(code, message, details)
    return refused(REQUEST, status, failure_of(status, (), ""))


def with_detail(*details):
    """A serialised status with these details."""
    packed = [Any() for _ in details]
    for any_, detail in zip(packed, details, strict=True):
        any_.Pack(detail)
    return RpcStatus(code=8, message="later", details=packed).SerializeToString()


def pause(**delay):
    """A serialised status that asks for one."""
    return with_detail(ErrorInfo(reason="quota"), RetryInfo(retry_delay=Duration(**delay)))


class TestSuccess:
    """The request is delivered, all of it or in part."""

    def test_an_empty_answer_rejects_nothing(self):
        assert outcome(REQUEST, b"", METADATA) == Delivered(REQUEST, 0, "")

    def test_a_partial_success_says_what_was_rejected(self):
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 3
        response.partial_success.error_message = "too old for s3cret"
        body = response.SerializeToString()

        assert outcome(REQUEST, body, METADATA) == Delivered(REQUEST, 3, "too old for ****")

    def test_an_answer_that_is_too_large_is_one(self):
        message = "Stream removed (CLIENT: Received message larger than max (5 vs. 4))"

        assert ended("RESOURCE_EXHAUSTED", message) == Delivered(REQUEST, 0, "")


class TestWhatMayBeSentAgain:
    """The specification has a list."""

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("CANCELLED", failures.ANSWER),
            ("ABORTED", failures.ANSWER),
            ("OUT_OF_RANGE", failures.ANSWER),
            ("UNAVAILABLE", failures.UNAVAILABLE),
            ("DATA_LOSS", failures.ANSWER),
        ],
    )
    def test_these_may(self, code, kind):
        assert ended(code) == failed(REQUEST, f"gRPC {code}", kind)

    def test_so_may_what_was_not_answered(self):
        assert ended("DEADLINE_EXCEEDED", "x") == failed(
            REQUEST, "no answer in time", failures.TIMEOUT
        )

    def test_so_may_what_is_exhausted_for_a_while(self):
        details = pause(seconds=1, nanos=500_000_000)

        assert ended("RESOURCE_EXHAUSTED", "", details) == failed(
            REQUEST, "gRPC RESOURCE_EXHAUSTED", failures.THROTTLED, 1.5
        )


class TestWhatMustNot:
    """It is refused, as it would be over HTTP."""

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("INVALID_ARGUMENT", 400),
            ("UNIMPLEMENTED", 404),
            ("RESOURCE_EXHAUSTED", 413),
            ("UNKNOWN", 500),
            ("INTERNAL", 500),
            ("FAILED_PRECONDITION", 500),
        ],
    )
    def test_each_status_has_its_counterpart(self, code, status):
        assert ended(code) == refusal(REQUEST, status, f"gRPC {code}")

    @pytest.mark.parametrize(
        ("code", "status"), [("UNAUTHENTICATED", 401), ("PERMISSION_DENIED", 403)]
    )
    def test_so_has_a_refused_key_whose_header_is_named(self, code, status):
        reason = f"gRPC {code} (sent with no header of the configuration): no"

        assert ended(code, "no") == refusal(REQUEST, status, reason)

    @pytest.mark.parametrize("details", [with_detail(Duration(seconds=1)), b"nonsense", b""])
    def test_another_detail_is_not_a_leave_to_try_again(self, details):
        assert ended("RESOURCE_EXHAUSTED", "", details) == refusal(
            REQUEST, 413, "gRPC RESOURCE_EXHAUSTED"
        )


class TestAnAskedPause:
    """It comes with two codes, and is bounded."""

    @pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE"])
    @pytest.mark.parametrize(
        ("details", "delay_s"),
        [
            (pause(seconds=2), 2.0),
            (pause(nanos=250_000_000), 0.25),
            (pause(seconds=10_000), 300.0),
            (pause(seconds=-1), None),
            (pause(nanos=-1), None),
            (with_detail(RetryInfo()), None),
        ],
    )
    def test_these_may_ask_for_one(self, code, details, delay_s):
        assert failure(code, "", details).retry_after_s == delay_s

    def test_what_asks_is_not_away_whatever_it_says(self):
        found = failure("UNAVAILABLE", "failed to connect to all addresses", pause(seconds=2))

        assert found == Failure(
            failures.UNAVAILABLE, "gRPC UNAVAILABLE: failed to connect to all addresses", 2.0
        )

    def test_to_others_it_means_nothing(self):
        assert failure("INTERNAL", "", pause(seconds=2)).retry_after_s is None


CANNOT = "failed to connect to all addresses; last error: "
TLS = "UNKNOWN: ipv4:1.2.3.4:5: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: "


class TestAPeerOutOfReach:
    """The library says of it UNAVAILABLE; why is in its words, which are observed ones."""

    @pytest.mark.parametrize(
        ("message", "kind", "said"),
        [
            (
                (
                    "errors resolving no.invalid:4317: [field:hostname lookup error:address lookup "
                    "failed for no.invalid:4317: Domain name not found]"
                ),
                failures.NAME,
                "address lookup failed for no.invalid:4317: Domain name not found",
            ),
            (
                "DNS resolution failed for no.invalid:4317: C-ares status",
                failures.NAME,
                "DNS resolution failed for no.invalid:4317: C-ares status",
            ),
            (
                (
                    f"{CANNOT}UNKNOWN: ipv4:1.2.3.4:5: Failed to connect to remote host: "
                    "Connection refused"
                ),
                failures.CONNECTION,
                "ipv4:1.2.3.4:5: Failed to connect to remote host: Connection refused",
            ),
            (
                f"{CANNOT}UNAVAILABLE: ipv4:1.2.3.4:5: Socket closed",
                failures.CONNECTION,
                "ipv4:1.2.3.4:5: Socket closed",
            ),
            (
                (
                    f"{CANNOT}UNAVAILABLE: ipv4:1.2.3.4:5: Handshake read failed "
                    "(recvmsg:Connection reset by peer (104))"
                ),
                failures.CONNECTION,
                ("ipv4:1.2.3.4:5: Handshake read failed (recvmsg:Connection reset by peer (104))"),
            ),
            ("Socket closed", failures.CONNECTION, "Socket closed"),
            (
                (
                    f"{CANNOT}UNKNOWN: ipv4:1.2.3.4:5: Failed to connect to remote host: "
                    "Timeout occurred: FD Shutdown"
                ),
                failures.TIMEOUT,
                "ipv4:1.2.3.4:5: Failed to connect to remote host: Timeout occurred: FD Shutdown",
            ),
            (
                f"{CANNOT}{TLS}error:1000007d:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: x: OK",
                failures.TLS,
                (
                    "its certificate is of an authority that is not trusted here (ipv4:1.2.3.4:5: "
                    "Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: "
                    "error:1000007d:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED: x: OK)"
                ),
            ),
            (
                f"{CANNOT}UNKNOWN: Hostname Verification Check failed.",
                failures.TLS,
                "its certificate is for another host (Hostname Verification Check failed)",
            ),
            (
                f"{CANNOT}INTERNAL: (Trying to connect an http1.x server (HTTP status 400))",
                failures.ANSWER,
                (
                    "it speaks HTTP/1, as OTLP/HTTP does (INTERNAL: (Trying to connect an http1.x "
                    "server (HTTP status 400)))"
                ),
            ),
            ("upstream failed to connect", failures.UNAVAILABLE, "upstream failed to connect"),
        ],
    )
    def test_it_is_told_why(self, message, kind, said):
        assert failure("UNAVAILABLE", message) == Failure(kind, f"gRPC UNAVAILABLE: {said}", None)

    @pytest.mark.parametrize(
        "said",
        [
            "ipv4:1.2.3.4:5: HTTP proxy returned response code 407",
            "ipv4:1.2.3.4:5: Failed to connect to remote host: Connection refused",
        ],
    )
    def test_with_a_proxy_it_is_the_proxy(self, said):
        found = failure("UNAVAILABLE", f"{CANNOT}UNKNOWN: {said}", proxy="http://proxy:3128")

        assert found == Failure(failures.PROXY, f"by the proxy http://proxy:3128: {said}", None)

    def test_but_for_what_is_said_through_it(self):
        found = failure("UNAVAILABLE", "busy", proxy="http://proxy:3128")

        assert found == Failure(failures.UNAVAILABLE, "gRPC UNAVAILABLE: busy", None)


class TestReason:
    """It names the code, and what was said, within bounds."""

    def test_it_is_the_code_and_the_message(self):
        assert failure("INTERNAL", "oops").reason == "gRPC INTERNAL: oops"
        assert failure("INTERNAL").reason == "gRPC INTERNAL"

    def test_a_message_is_cut(self):
        assert failure("INTERNAL", "x" * 1000).reason == "gRPC INTERNAL: " + "x" * 200

    def test_of_what_was_sent_the_names_are_said_and_nothing_else(self):
        found = failure("UNAUTHENTICATED", "no such key: s3cret, t0ken")

        assert found.reason == (
            "gRPC UNAUTHENTICATED (sent with the headers authorization, x-key, y-bin): "
            "no such key: ****, ****"
        )
