"""However a connection's bytes are cut up, the same messages are read from them."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from collector_ext.core.http1 import HttpError, RequestReader, ResponseReader

tokens = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=9)
bodies = st.binary(max_size=60)


@st.composite
def messages(draw):
    """The bytes of one request, with a length or chunked, and its body."""
    body = draw(bodies)
    lines = [f"POST /{draw(tokens)} HTTP/1.1", f"x-{draw(tokens)}: {draw(tokens)}"]
    if draw(st.booleans()):
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body, body
    lines.append("Transfer-Encoding: chunked")
    content, rest = b"", body
    while rest:
        size = draw(st.integers(1, len(rest)))
        content += b"%x\r\n%s\r\n" % (size, rest[:size])
        rest = rest[size:]
    trailer = draw(st.sampled_from([b"", b"X-T: 1\r\n"]))
    return "\r\n".join([*lines, "", ""]).encode() + content + b"0\r\n" + trailer + b"\r\n", body


@given(st.lists(messages(), min_size=1, max_size=4), st.data())
def test_requests_do_not_depend_on_how_they_arrive(sent, data):
    stream = b"".join(message for message, _ in sent)
    reader, received = RequestReader(body_bytes_max=100), []

    while stream:
        size = data.draw(st.integers(1, len(stream)))
        reader.feed(stream[:size])
        stream = stream[size:]
        while request := reader.next_request():
            received.append(request)

    assert [request.body for request in received] == [body for _, body in sent]
    assert reader.is_between_messages


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8))
def test_no_bytes_do_more_than_be_refused(pieces):
    for reader, read in (
        (RequestReader(body_bytes_max=100), "next_request"),
        (ResponseReader(body_bytes_max=100), "next_response"),
    ):
        with contextlib.suppress(HttpError):
            for piece in [*pieces, b""]:
                reader.feed(piece)
                while getattr(reader, read)():
                    pass


@given(st.binary(max_size=80))
def test_a_head_with_anything_in_it_does_no_more(garbage):
    for start in (b"POST / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 "):
        reader = ResponseReader(body_bytes_max=100)
        with contextlib.suppress(HttpError):
            reader.feed(start + garbage + b"\r\n\r\n")
            reader.next_response()
