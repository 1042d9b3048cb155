"""HTTP/1.1 messages are cut from a stream, however it arrives."""

from __future__ import annotations

import pytest

from lambda_sandbox.core import http1
from lambda_sandbox.core.http1 import (
    MalformedMessageError,
    MessageReader,
    Request,
    request_bytes,
    request_of,
    response_bytes,
    status_of,
)

POST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\n"


def reader_of(received):
    reader = MessageReader()
    reader.feed(received)
    return reader


class TestAMessage:
    """It is taken whole, or not yet."""

    def test_is_taken_with_its_headers_in_lower_case(self):
        assert reader_of(POST).take() == (
            "POST /x HTTP/1.1",
            {"host": "a", "content-length": "5"},
            b"hello",
        )

    @pytest.mark.parametrize("message", [POST, CHUNKED + b"\r\n", CHUNKED + b"a: b\r\n\r\n"])
    def test_is_the_same_byte_by_byte(self, message):
        reader, taken = MessageReader(), []

        for byte in message:
            reader.feed(bytes([byte]))
            taken.append(reader.take())

        assert taken[:-1] == [None] * (len(message) - 1)
        assert taken[-1] == reader_of(message).take()

    def test_without_a_length_has_no_body(self):
        assert reader_of(b"GET / HTTP/1.1\r\n\r\n").take() == ("GET / HTTP/1.1", {}, b"")

    def test_leaves_the_next_one_in_place(self):
        reader = reader_of(POST + POST)

        assert reader.take() == reader.take()
        assert reader.take() is None

    def test_in_chunks_is_joined(self):
        assert reader_of(CHUNKED + b"\r\n").take()[2] == b"hello!"


class TestAClientThatWaits:
    """``Expect: 100-continue`` wants an answer before the body is sent."""

    def test_is_known_until_the_body_is_there(self):
        reader = reader_of(POST[:-5].replace(b"Host: a", b"Expect: 100-Continue"))

        assert reader.take() is None
        assert reader.expects_continue
        reader.feed(b"hello")
        assert reader.take()[2] == b"hello"
        assert not reader.expects_continue


class TestWhatIsNotHttp:
    """The connection cannot be understood any more."""

    @pytest.mark.parametrize(
        "received",
        [
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        ],
    )
    def test_is_refused(self, received):
        with pytest.raises(MalformedMessageError):
            reader_of(received).take()

    def test_a_head_has_an_end(self):
        with pytest.raises(MalformedMessageError, match="no end of the head"):
            reader_of(b"x" * (http1.HEAD_BYTES_MAX + 1)).take()

    @pytest.mark.parametrize("line", ["GET /", "GET / SPDY/3", "a b c d"])
    def test_a_request_line_has_three_parts(self, line):
        with pytest.raises(MalformedMessageError):
            request_of(line, {}, b"")

    @pytest.mark.parametrize("line", ["HTTP/1.1", "HTTP/2 200", "HTTP/1.1 abc"])
    def test_a_status_line_has_a_status(self, line):
        with pytest.raises(MalformedMessageError):
            status_of(line)


class TestWhatIsSent:
    """What one side writes, the other reads."""

    def test_a_request(self):
        sent = request_bytes("PUT", "/y?z", [("A", "b")], b"body")

        assert request_of(*reader_of(sent).take()) == Request(
            "PUT", "/y?z", {"a": "b", "content-length": "4"}, b"body"
        )

    @pytest.mark.parametrize("status", [200, 418])
    def test_a_response(self, status):
        line, headers, body = reader_of(response_bytes(status, [("A", "b")], b"body")).take()

        assert (status_of(line), headers["a"], body) == (status, "b", b"body")

    def test_a_response_without_content(self):
        assert response_bytes(204, [], b"") == b"HTTP/1.1 204 No Content\r\n\r\n"
