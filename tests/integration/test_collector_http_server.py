"""The collector's HTTP server, and clients that go away in the middle of anything."""

from __future__ import annotations

import _socket
import socket
import struct

import pytest

from collector_ext.edge.http_server import HttpServer, empty_response

PATIENCE_S = 10.0

WHOLE = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
LAST = b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody"
OLD = b"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody"
EXPECTING = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
WRONG = b"no HTTP at all\r\n\r\n"
SENT = {
    "nothing": b"",
    "half a head": WHOLE[:9],
    "half a body": WHOLE[:-1],
    "whole": WHOLE,
    "the last": LAST,
    "the last, by its version": OLD,
    "a head that expects": EXPECTING,
    "no HTTP": WRONG,
    "three": WHOLE * 3,
    "two, the last": WHOLE + LAST,
}
RESET = struct.pack("ii", 1, 0)
"""To linger for no time at all: closing sends a reset."""


class Served:
    """A server that nobody waits for: it is asked to read when a test says so."""

    def __init__(self):
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        self.address = listener.getsockname()
        self.bodies: list[bytes] = []
        self.server = HttpServer(
            listener, respond=self._respond, refuse=self._refuse, body_bytes_max=100
        )

    def _respond(self, request, _number):
        self.bodies.append(request.body)
        return empty_response(200, keep_alive=request.keep_alive)

    def _refuse(self, _fault):
        return empty_response(400, keep_alive=False)

    def read(self):
        for _ in self.server.read_dry():
            pass

    def client(self):
        return socket.create_connection(self.address, timeout=PATIENCE_S)


@pytest.fixture
def served():
    made = Served()
    yield made
    made.server.close()


def close(client):
    client.close()


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


def say_no_more(client):
    client.shutdown(socket.SHUT_WR)


def hear_no_more(client):
    client.shutdown(socket.SHUT_RD)


@pytest.mark.parametrize("leave", [close, reset, say_no_more, hear_no_more])
@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
class TestAClientThatLeaves:
    """It takes nothing with it but what it had not sent."""

    def test_the_others_are_served(self, served, sent, leave):
        with served.client() as other, served.client() as client:
            client.sendall(sent)
            leave(client)
            served.read()
            other.sendall(LAST)
            served.read()
            served.read()

            assert other.recv(100).startswith(b"HTTP/1.1 200")

    def test_before_it_was_accepted_and_after(self, served, sent, leave):
        with served.client() as client:
            served.read()
            client.sendall(sent)
            served.read()
            leave(client)
            served.read()
            served.read()

            assert b"".join(served.bodies) == b"body" * sent.count(b"body")

    def test_what_it_had_sent_counts_unless_the_kernel_threw_it_away(self, served, sent, leave):
        with served.client() as client:
            client.sendall(sent)
            leave(client)
            served.read()

            told = b"body" * sent.count(b"body")
            assert b"".join(served.bodies) in ({told, b""} if leave is reset else {told})
