"""HTTP/1.1 from bytes to values."""

from __future__ import annotations

import contextlib

import pytest

from collector_ext.core import http1
from collector_ext.core.http1 import HttpError, Request, RequestReader, Response, ResponseReader

POST = b"POST /v1/traces?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def requests_in(*pieces, body_bytes_max=100):
    """All requests that a connection with these pieces holds."""
    reader, requests = RequestReader(body_bytes_max=body_bytes_max), []
    for piece in pieces:
        reader.feed(piece)
        while request := reader.next_request():
            requests.append(request)
    return requests


def responses_in(*pieces):
    """All responses that a connection with these pieces holds."""
    reader, responses = ResponseReader(body_bytes_max=100), []
    for piece in pieces:
        reader.feed(piece)
        while response := reader.next_response():
            responses.append(response)
    return responses


def fault_of(read, *pieces):
    """The status and the text with which the bytes are refused."""
    with pytest.raises(HttpError) as refusal:
        read(*pieces)
    return refusal.value.status, str(refusal.value)


class TestARequest:
    """It is reported when it is whole."""

    def test_its_parts_are_told_apart(self):
        (request,) = requests_in(POST)

        headers = {"host": "a", "content-length": "3"}
        assert request == Request("POST", "/v1/traces?x=1", headers, b"abc", keep_alive=True)

    def test_it_may_come_byte_by_byte(self):
        assert requests_in(*(bytes([byte]) for byte in POST)) == requests_in(POST)

    def test_several_may_come_at_once(self):
        assert len(requests_in(POST + POST + POST[:-1])) == 2

    def test_without_a_length_it_has_no_body(self):
        (request,) = requests_in(b"GET / HTTP/1.1\r\n\r\n")

        assert request.body == b""

    def test_a_length_that_is_repeated_is_one_length(self):
        (request,) = requests_in(b"POST / HTTP/1.1\r\n" + b"Content-Length: 3\r\n" * 2 + b"\r\nabc")

        assert request.body == b"abc"

    def test_repeated_headers_are_joined(self):
        (request,) = requests_in(b"GET / HTTP/1.1\r\nA: 1\r\na:  2 \r\n\r\n")

        assert request.headers == {"a": "1, 2"}

    @pytest.mark.parametrize(
        ("version", "connection", "keep_alive"),
        [
            (b"1.1", b"", True),
            (b"1.1", b"Connection: Close\r\n", False),
            (b"1.0", b"", False),
            (b"1.0", b"Connection: keep-alive\r\n", True),
        ],
    )
    def test_its_version_and_its_options_say_whether_more_may_follow(
        self, version, connection, keep_alive
    ):
        (request,) = requests_in(b"GET / HTTP/" + version + b"\r\n" + connection + b"\r\n")

        assert request.keep_alive is keep_alive


class TestChunks:
    """A body of unknown length comes in pieces with their sizes."""

    def test_they_are_joined(self):
        (request,) = requests_in(CHUNKED + b"3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\n\r\n")

        assert request.body == b"abc0123456789"

    def test_trailers_are_passed_over(self):
        first, second = requests_in(CHUNKED + b"0\r\nChecksum: 1\r\nB: 2\r\n\r\n" + POST)

        assert (first.body, second.body) == (b"", b"abc")

    def test_they_may_come_byte_by_byte(self):
        message = CHUNKED + b"3\r\nabc\r\n0\r\nA: 1\r\n\r\n"

        assert requests_in(*(bytes([byte]) for byte in message)) == requests_in(message)

    @pytest.mark.parametrize(
        "chunk", [b"x\r\n", b"-1\r\n", b"1_0\r\n", b"\r\n", b"3\r\nabcd\r\n", b"1" * 2000]
    )
    def test_one_that_cannot_be_told_from_the_next_is_refused(self, chunk):
        assert fault_of(requests_in, CHUNKED + chunk)[0] == 400

    def test_trailers_have_a_limit(self):
        assert fault_of(requests_in, CHUNKED + b"0\r\nA: " + b"1" * 40_000)[0] == 431


class TestLimits:
    """What is more than we take is refused before it is read."""

    def test_of_a_body_with_a_length(self):
        head = b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n"

        assert fault_of(requests_in, head) == (413, "a body of more than 100 bytes")

    def test_of_a_body_in_chunks(self):
        assert fault_of(requests_in, CHUNKED + b"60\r\n" + b"a" * 96 + b"\r\n60\r\n")[0] == 413

    def test_of_a_body_to_the_end_of_the_connection(self):
        assert fault_of(responses_in, b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 101)[0] == 413

    def test_of_a_head(self):
        assert fault_of(requests_in, b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000)[0] == 431


class TestWhatIsNoHttp:
    """It is refused, not guessed."""

    @pytest.mark.parametrize(
        "head",
        [
            b"nonsense",
            b"GET / HTTP/2.0",
            b"GET HTTP/1.1",
            b"GET / HTTP/1.1\r\nno colon",
            b"GET / HTTP/1.1\r\nA : 1",
            b"GET / HTTP/1.1\r\nA: 1\r\n folded: 2",
            b"GET / HTTP/1.1\r\n: 1",
            b"GET / HTTP/1.1\r\nContent-Length: -1",
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        ],
    )
    def test_of_a_client(self, head):
        assert fault_of(requests_in, head + b"\r\n\r\n")[0] == 400

    def test_a_transfer_coding_that_is_not_known(self):
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"

        assert fault_of(requests_in, head) == (501, "Transfer-Encoding 'gzip'")

    def test_what_is_said_about_it_is_short(self):
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: " + b"x" * 5000

        assert len(fault_of(requests_in, head + b"\r\n\r\n")[1]) <= 200

    @pytest.mark.parametrize("status", [b"abc", b"20", b"2000", b"\xb2\xb2\xb2"])
    def test_a_status_that_is_no_number(self, status):
        assert fault_of(responses_in, b"HTTP/1.1 " + status + b" \r\n\r\n")[0] == 400


class TestAClientThatWaits:
    """With ``Expect: 100-continue`` the body comes only when it is told to go on."""

    HEAD = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

    def test_it_is_told_once(self):
        reader = RequestReader(body_bytes_max=100)
        reader.feed(self.HEAD)
        reader.next_request()

        assert (reader.take_continue(), reader.take_continue()) == (True, False)

    def test_not_if_the_body_is_on_its_way(self):
        reader = RequestReader(body_bytes_max=100)
        reader.feed(self.HEAD + b"a")
        reader.next_request()

        assert not reader.take_continue()

    def test_not_if_the_request_is_whole(self):
        reader = RequestReader(body_bytes_max=100)
        reader.feed(self.HEAD + b"abc")
        reader.next_request()

        assert not reader.take_continue()


class TestAResponse:
    """It is reported when it is whole."""

    def test_with_a_length(self):
        assert responses_in(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") == [
            Response(200, {"content-length": "2"}, b"ok", keep_alive=True)
        ]

    def test_without_a_reason_phrase(self):
        (response,) = responses_in(b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n")

        assert response.status == 503

    def test_to_the_end_of_the_connection(self):
        responses = responses_in(b"HTTP/1.1 200 OK\r\n\r\no", b"k", b"")

        assert responses == [Response(200, {}, b"ok", keep_alive=False)]

    def test_interim_ones_are_passed_over(self):
        (response,) = responses_in(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")

        assert (response.status, response.body) == (204, b"")

    @pytest.mark.parametrize(
        "rest",
        [
            b"Content-Length: 9\r\n\r\nhalf",
            b"Content-Length: 999\r\n\r\n",
            b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ],
        ids=["cut", "too long", "two lengths", "no chunk"],
    )
    def test_its_head_is_told_whatever_becomes_of_its_body(self, rest):
        reader = ResponseReader(body_bytes_max=100)
        reader.feed(b"HTTP/1.1 202 Accepted\r\n" + rest)
        with contextlib.suppress(HttpError):
            assert reader.next_response() is None

        response = reader.without_body()

        assert response is not None
        assert (response.status, response.body, response.keep_alive) == (202, b"", False)

    @pytest.mark.parametrize(
        "received", [b"", b"HTTP/1.1 20", b"HTTP/1.1 2xx \r\n\r\n", b"HTTP/1.1 100 \r\n\r\n"]
    )
    def test_without_a_head_there_is_none(self, received):
        reader = ResponseReader(body_bytes_max=100)
        reader.feed(received)
        with contextlib.suppress(HttpError):
            reader.next_response()

        assert reader.without_body() is None

    def test_nothing_of_it_has_come_before_the_first_byte(self):
        reader = ResponseReader(body_bytes_max=100)
        before = reader.is_between_messages
        reader.feed(b"H")

        assert (before, reader.is_between_messages) == (True, False)


class TestWriting:
    """What is written is read as it was meant."""

    def test_a_request(self):
        message = http1.serialise_request("POST", "/x", {"Host": "a"}, b"body")

        headers = {"host": "a", "content-length": "4"}
        assert requests_in(message) == [Request("POST", "/x", headers, b"body", keep_alive=True)]

    def test_a_response(self):
        message = http1.serialise_response(429, {"Retry-After": "1"}, b"")

        headers = {"retry-after": "1", "content-length": "0"}
        assert responses_in(message) == [Response(429, headers, b"", keep_alive=True)]
