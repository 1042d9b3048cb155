"""What OTLP answers to an HTTP request."""

from __future__ import annotations

import gzip
import zlib

import pytest

from lambda_sandbox.core.views.otlp import JSON, PROTOBUF, TraceRequest
from lambda_sandbox.core.views.receipt import BODY_BYTES_MAX, Receipt, receipt_of

BODY = b"\x0a\x03\x1a\x01s"  # one ResourceSpans with a schema_url


def receipt(method="POST", path="/v1/traces", body=BODY, **headers):
    """The receipt of a request that is right but for what is given."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return receipt_of(method, path, {"content-type": PROTOBUF, **named}, body)


class TestAGoodRequest:
    """It is accepted, and its message is in the receipt."""

    def test_as_protobuf(self):
        assert receipt() == Receipt(
            200, BODY, TraceRequest.FromString(BODY), {"Content-Type": PROTOBUF}, b""
        )

    def test_as_json(self):
        assert receipt(body=b"{}", content_type=JSON) == Receipt(
            200, b"{}", TraceRequest(), {"Content-Type": JSON}, b"{}"
        )

    def test_its_content_type_may_have_parameters(self):
        assert receipt(body=b"{}", content_type="Application/JSON; charset=utf-8").status == 200

    def test_gzip_is_unpacked(self):
        assert receipt(body=gzip.compress(BODY), content_encoding="gzip") == receipt()

    def test_deflate_is_unpacked(self):
        assert receipt(body=zlib.compress(BODY), content_encoding="deflate") == receipt()

    def test_joined_gzip_members_are_joined_content(self):
        parts = gzip.compress(BODY) + gzip.compress(BODY)

        assert receipt(body=parts, content_encoding="gzip").body == BODY + BODY


class TestARefusedRequest:
    """It has no message, and the answer says why."""

    def test_an_unknown_path_is_not_found(self):
        assert receipt(path="/v1/profiles") == Receipt(
            404,
            BODY,
            None,
            {"Content-Type": "text/plain"},
            b"no signal is received at '/v1/profiles', but at /v1/traces, /v1/metrics, /v1/logs",
        )

    def test_another_method_is_not_allowed(self):
        assert receipt(method="GET") == Receipt(
            405,
            BODY,
            None,
            {"Content-Type": "text/plain", "Allow": "POST"},
            b"/v1/traces is for POST, not for GET",
        )

    @pytest.mark.parametrize("content_type", ["", "text/plain", "application/protobuf"])
    def test_another_content_type_is_not_supported(self, content_type):
        refused = receipt(content_type=content_type)

        assert (refused.status, refused.message) == (415, None)

    def test_another_compression_is_not_supported(self):
        assert receipt(content_encoding="br").status == 415

    @pytest.mark.parametrize(
        "body", [BODY, gzip.compress(BODY)[:-1], gzip.compress(BODY)[:10] + b"x" * 99]
    )
    def test_what_is_not_gzip_is_bad(self, body):
        refused = receipt(body=body, content_encoding="gzip")

        assert (refused.status, refused.body, refused.message) == (
            400,
            body,
            None,
        )

    @pytest.mark.parametrize("body", [BODY, b"", zlib.compress(BODY)[:-1]])
    def test_what_is_not_deflate_is_bad(self, body):
        refused = receipt(body=body, content_encoding="deflate")

        assert (refused.status, refused.body) == (400, body)

    def test_a_malformed_body_is_answered_in_its_encoding(self):
        refused = receipt(body=b"\xff")

        assert (refused.status, refused.message) == (400, None)
        assert refused.answer_headers == {"Content-Type": PROTOBUF}
        assert b"the body is not an ExportTraceServiceRequest" in refused.answer_body

    def test_a_body_above_the_limit_is_too_large(self):
        refused = receipt(body=b"x" * (BODY_BYTES_MAX + 1))

        assert (refused.status, refused.message) == (413, None)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_a_body_that_unpacks_to_more_than_the_limit_is_too_large(self, encoding):
        content = b"\0" * (BODY_BYTES_MAX + 1)
        bomb = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)

        refused = receipt(body=bomb, content_encoding=encoding)

        assert (refused.status, refused.body) == (413, bomb)
