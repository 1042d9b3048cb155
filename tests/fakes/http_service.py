"""A local HTTP service for functions to call: it remembers what it was sent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing_extensions import Self


class Call(NamedTuple):
    """One request as the service received it; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpService:
    """Answer every GET with 200 and every POST with 201, on a free loopback port.

    Use it as a context manager; ``url`` is its address, ``calls`` what it was sent so far.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one segment: two of them cost the client 40 ms of delayed ACK.
            wbufsize = 65536
            disable_nagle_algorithm = True

            def answer(self, status: int) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                calls.append(Call(self.command, self.path, headers, body))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def do_GET(self) -> None:
                self.answer(200)

            def do_POST(self) -> None:
                self.answer(201)

            def log_message(self, *_: object) -> None:
                """Stay silent: the tests' output belongs to the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
