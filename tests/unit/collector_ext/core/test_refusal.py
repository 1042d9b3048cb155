"""What an endpoint says when it does not take a request."""

from __future__ import annotations

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it has no stubs

from collector_ext.core.http1 import Response
from collector_ext.core.otlp import JSON, PROTOBUF
from collector_ext.core.refusal import excerpt, retry_after_s, said, secrets_of, sent_with

NOW = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT"""


def quoted(body, content_type, status=400, **headers):
    """What is said of such an answer."""
    headers = {"content-type": content_type, **headers}
    return said(Response(status, headers, body, keep_alive=True), ())


class TestTheBody:
    """A message in the form of OTLP, of most vendors, or in plain text is passed on."""

    def test_in_protobuf(self):
        body = Status(code=3, message="bad span id").SerializeToString()

        assert quoted(body, PROTOBUF) == "bad span id"

    @pytest.mark.parametrize(
        "body",
        [
            b'{"code": 3, "message": "bad span id"}',
            b'{"error": "bad span id"}',
            b'{"error": {"code": "x", "message": "bad span id"}}',
            b'{"errors": [{"title": "bad span id"}]}',
            b'{"errors": ["bad span id"]}',
            b' {"message": "", "detail": "bad span id"}',
        ],
    )
    @pytest.mark.parametrize(
        "content_type", [JSON, "application/json; charset=utf-8", "text/plain"]
    )
    def test_in_json(self, body, content_type):
        assert quoted(body, content_type) == "bad span id"

    @pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "", JSON, PROTOBUF])
    def test_in_plain_text(self, content_type):
        assert quoted(b"bad span id.\n", content_type) == "bad span id"

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"", PROTOBUF),
            (b"<html><title>403</title></html>", "text/html"),
            (b" <?xml version='1.0'?>", "text/xml"),
            (b"\xff\xfe", "text/plain"),
            (b"\x00\x01", PROTOBUF),
            (b"\x0a\x03abc", PROTOBUF),
            (b"{" * 100_000, JSON),
            (b"x" * 20_000, "text/plain"),
        ],
    )
    def test_anything_else_is_not(self, body, content_type):
        assert quoted(body, content_type) == ""

    def test_a_message_is_not_looked_for_without_end(self):
        body = b'{"errors": ' + b"[" * 500 + b'"deep"' + b"]" * 500 + b"}"

        assert quoted(body, JSON) == '{"errors": ' + "[" * 189

    def test_json_without_a_message_is_passed_on_as_it_is(self):
        assert quoted(b'{"retry":\n true}', JSON) == '{"retry": true}'

    def test_a_redirection_says_where_to(self):
        assert quoted(b"moved", "text/plain", 301, location="https://a.example/v1/traces") == (
            "it redirects to https://a.example/v1/traces"
        )


class TestAnExcerpt:
    """It is one short line of what can be shown."""

    def test_it_is_one_line(self):
        assert excerpt("one\r\n\ttwo\x1b[31m \u202ethree. ", ()) == "one two [31m three"

    def test_it_is_cut(self):
        assert excerpt("x" * 1000, ()) == "x" * 200

    def test_it_is_cut_after_secrets_are_masked(self):
        assert excerpt("x" * 190 + "s3cret-s3cret", ("s3cret-s3cret",)) == "x" * 190 + "****"


class TestSecrets:
    """Whatever a header holds may be one."""

    def test_they_are_the_values_and_their_words_longest_first(self):
        assert secrets_of(["Bearer t0ken", "12", "key"]) == ("Bearer t0ken", "t0ken")


class TestTheHeadersThatWereSent:
    """They are named, so that a missing or misspelled one is seen."""

    @pytest.mark.parametrize(
        ("names", "clause"),
        [
            ((), "sent with no header of the configuration"),
            (("x-key",), "sent with the header x-key"),
            (("x-key", "authorization"), "sent with the headers authorization, x-key"),
        ],
    )
    def test_they_are_in_order(self, names, clause):
        assert sent_with(names) == clause


class TestRetryAfter:
    """It is a number of seconds or a date, and never beyond the longest pause."""

    @pytest.mark.parametrize(
        ("text", "delay_s"), [("0", 0.0), ("7", 7.0), ("301", 300.0), ("9" * 10_000, 300.0)]
    )
    def test_in_seconds(self, text, delay_s):
        assert retry_after_s({"retry-after": text}, NOW) == delay_s

    @pytest.mark.parametrize(
        ("text", "delay_s"),
        [
            ("Sun, 06 Nov 1994 08:49:40 GMT", 3.0),
            ("Sunday, 06-Nov-94 08:49:40 GMT", 3.0),
            ("Sun Nov  6 08:49:40 1994", 3.0),
            ("Mon, 06 Nov 2034 08:49:37 GMT", 300.0),
            ("Monday, 06-Nov-34 08:49:37 GMT", 300.0),
            ("Sun, 06 Nov 1994 08:49:36 GMT", 0.0),
        ],
    )
    def test_as_a_date(self, text, delay_s):
        assert retry_after_s({"retry-after": text}, NOW) == delay_s

    @pytest.mark.parametrize(
        ("date", "delay_s"), [("Sun, 06 Nov 1994 08:49:30 GMT", 10.0), ("x", 3.0)]
    )
    def test_a_date_is_relative_to_the_endpoints_own(self, date, delay_s):
        headers = {"retry-after": "Sun, 06 Nov 1994 08:49:40 GMT", "date": date}

        assert retry_after_s(headers, NOW) == delay_s

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "-1",
            "1.5",
            "soon",
            "٣",
            "1, 2",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, xx Nov 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 GMT",
            "Sun, 06 Nov 1994 nonsense GMT",
            "GMT",
        ],
    )
    def test_rubbish_is_none(self, text):
        assert retry_after_s({"retry-after": text}, NOW) is None

    def test_nothing_is_none(self):
        assert retry_after_s({}, NOW) is None
