"""What an endpoint's answer means."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector_ext.core.delivery import failures
from collector_ext.core.events import Delivered
from collector_ext.core.http1 import Response
from collector_ext.core.otlp import JSON, PROTOBUF, TRACES, ExportRequest
from collector_ext.core.otlp_answer import Post, outcome
from tests.fakes.outcomes import failed, refused
from tests.fakes.payloads import payload_of

REQUEST = ExportRequest("otlp", TRACES, (payload_of(TRACES, PROTOBUF, b"spans"),))


POST = Post("/v1/traces", {"x-key": "s3cret", "authorization": "Bearer t0ken"})
NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT


def answered(status, body=b"", content_type=PROTOBUF, post=POST, **headers):
    """The outcome of a request that was answered so."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    response = Response(status, {"content-type": content_type, **headers}, body, keep_alive=True)
    return outcome(REQUEST, response, post, NOW)


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

    def test_but_not_what_was_sent(self):
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 3
        response.partial_success.error_message = "too many of t0ken"

        found = answered(200, response.SerializeToString())

        assert found == Delivered(REQUEST, 3, "too many of ****")

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

    @pytest.mark.parametrize("status", [301, 400, 404, 405, 408, 413, 415, 500, 501])
    def test_all_others_must_not(self, status):
        assert answered(status) == refused(REQUEST, status)


class TestPlainHttpWhereTlsIsSpoken:
    """Many servers say so with the status of a bad body, which it is not."""

    @pytest.mark.parametrize(
        "body",
        [
            b"Client sent an HTTP request to an HTTPS server.\n",
            b"<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
            b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
        ],
    )
    def test_it_may_be_sent_again(self, body):
        assert answered(400, body, "text/html") == failed(
            REQUEST, "HTTP 400: it speaks TLS, its URL begins with https", failures.TLS
        )

    def test_another_status_is_what_it_is(self):
        body = b"HTTP request to an HTTPS server"

        assert answered(413, body).failure.kind == failures.TOO_LARGE


class TestAnAskedPause:
    """It is part of an answer to those who send too much, and is bounded."""

    @pytest.mark.parametrize("status", [429, 503])
    def test_these_may_ask_for_one(self, status):
        date = "Sun, 06 Nov 1994 08:49:40 GMT"

        assert answered(status, retry_after="7").failure.retry_after_s == 7.0
        assert answered(status, retry_after=date).failure.retry_after_s == 3.0
        assert answered(status, retry_after="9999").failure.retry_after_s == 300.0

    @pytest.mark.parametrize("status", [401, 500, 502, 504])
    def test_to_others_it_means_nothing(self, status):
        assert answered(status, retry_after="7").failure.retry_after_s is None


class TestTheReason:
    """It is the status, what is to be known of the request, and what the endpoint says."""

    def test_the_endpoint_is_quoted(self):
        assert answered(400, b"no such field\n", "text/plain") == refused(
            REQUEST, 400, "HTTP 400: no such field"
        )

    def test_but_not_what_it_was_sent(self):
        body = b'{"message": "unknown: s3cret, t0ken, key=q"}'
        post = Post("/v1/traces?key=q", POST.headers)

        assert (
            answered(503, body, JSON, post).failure.reason == "HTTP 503: unknown: ****, ****, ****"
        )

    @pytest.mark.parametrize("status", [401, 403])
    def test_of_a_refused_key_the_header_is_named(self, status):
        assert answered(status, b"bad key", "text/plain") == refused(
            REQUEST,
            status,
            f"HTTP {status} (sent with the headers authorization, x-key): bad key",
        )

    def test_or_that_there_was_none(self):
        assert answered(401, post=Post("/v1/traces", {})) == refused(
            REQUEST, 401, "HTTP 401 (sent with no header of the configuration)"
        )

    @pytest.mark.parametrize("status", [404, 405])
    @pytest.mark.parametrize(
        ("target", "said"),
        [
            ("/base/v1/traces?x=/y", ""),
            ("/", " (the path does not end in /v1/traces)"),
            ("/v1/traces/", " (the path does not end in /v1/traces)"),
            ("/v1/traces/v1/traces", " (the path has /v1/traces twice)"),
        ],
    )
    def test_of_an_odd_path_it_is_said_what_is_odd(self, status, target, said):
        outcome = answered(status, b"page not found", "text/plain", Post(target, {}))

        assert outcome.failure.reason == f"HTTP {status}{said}: page not found"
