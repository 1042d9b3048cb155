"""One conversation with Lambda's Extensions API, from ``register`` to the last ``next``.

It is loaded before the extension has registered, and Lambda starts the runtime only when
every extension has: so C modules only, and an HTTP client that knows just what this one
peer answers. It is also what the collector idles on when nothing else works, on any
interpreter: so syntax of Python 3.6 only, and no ``from __future__ import annotations``.

Specification: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

import _socket

INVOKE = "INVOKE"
SHUTDOWN = "SHUTDOWN"

PLATFORM = "platform"
FUNCTION = "function"

_EXTENSION = "/2020-01-01/extension/"
_TELEMETRY = "/2022-07-01/telemetry"

_SUBSCRIPTION = (
    '{"schemaVersion":"2025-01-29","types":[TYPES],'
    '"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":25},'
    '"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:PORT/"}}'
)
"""The least buffering Lambda allows; 2025-01-29 is the only schema Managed Instances accept."""

_RECEIVE_BYTES = 65536


class ApiError(Exception):
    """Lambda's API closed the connection, or did not answer in HTTP."""


class Answer:
    """One HTTP answer of the API; header names are lower-case."""

    def __init__(self, status: int, headers: "dict[str, str]", body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Session:
    """Register, subscribe and ask for events over one kept-open connection.

    Attributes:
        api: Host and port, as in ``AWS_LAMBDA_RUNTIME_API``.
        identifier: What ``register`` was answered with; empty before.
        awaiting_next: Whether a ``next`` is asked for and not answered. Asking twice is an
            error to Lambda, and asking never is a function that hangs.
        is_shut_down: Whether SHUTDOWN was received. There is no further event.
    """

    def __init__(self, api: str) -> None:
        host, _, port = api.partition(":")
        self.api = api
        self._address = (host, int(port or 80))
        self._connection: _socket.socket | None = None
        self._is_blocking = True
        self._received = b""
        self.identifier = ""
        self.awaiting_next = False
        self.is_shut_down = False

    def register(self, name: str, events: "tuple[str, ...]") -> Answer:
        """Register under ``name``, which must be the base name of the extension's file."""
        quoted = ",".join(f'"{event}"' for event in events)
        body = f'{{"events":[{quoted}]}}'
        self._send("POST", _EXTENSION + "register", "Lambda-Extension-Name: " + name, body)
        answer = self.wait()
        self.identifier = answer.headers.get("lambda-extension-identifier", "")
        return answer

    def subscribe(self, port: int, types: "tuple[str, ...]") -> Answer:
        """Have telemetry of these types posted to ``port``; 202 means there is none."""
        quoted = ",".join(f'"{each}"' for each in types)
        body = _SUBSCRIPTION.replace("TYPES", quoted).replace("PORT", str(port))
        self._send("PUT", _TELEMETRY, self._identification(), body)
        return self.wait()

    def ask_next(self) -> None:
        """Send ``GET /event/next`` without waiting: from now on Lambda may freeze us.

        There is no timeout: the environment may be frozen for hours before the answer.
        """
        assert not self.awaiting_next, "next must not be asked for twice"
        self._send("GET", _EXTENSION + "event/next", self._identification())
        self.awaiting_next = True

    def wait(self) -> Answer:
        """Block until the answer is there."""
        while True:
            answer = self.receive()
            if answer is not None:
                return answer

    def receive(self) -> "Answer | None":
        """Read what has come; return the answer when it is whole.

        Raises:
            ApiError: The answer will not come. A ``next`` may be asked for again.
        """
        if self._connection is None:
            raise self._lost(why="not connected")
        try:
            received = self._connection.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError as fault:
            raise self._lost(why=str(fault)) from fault
        self._received += received
        try:
            answer = _answer_in(self._received, is_closed=not received)
        except (ValueError, IndexError) as fault:
            raise self._lost(why="not an HTTP answer") from fault
        if answer is not None:
            self._settle(answer)
        elif not received:
            raise self._lost(why="the connection was closed before an answer")
        return answer

    def set_blocking(self, *, is_blocking: bool) -> None:
        """Make ``receive`` wait for bytes, or return at once when there are none."""
        self._is_blocking = is_blocking
        if self._connection is not None:
            self._connection.setblocking(is_blocking)

    def fileno(self) -> int:
        """Return the descriptor to poll for an answer; -1 without a connection."""
        return -1 if self._connection is None else self._connection.fileno()

    def close(self) -> None:
        """Close the connection, whatever is asked for on it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._received = b""
        self.awaiting_next = False

    def _identification(self) -> str:
        return "Lambda-Extension-Identifier: " + self.identifier

    def _send(self, method: str, path: str, header: str, body: str = "") -> None:
        content = body.encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.api}\r\n{header}\r\n"
        if content:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        request = head.encode() + b"\r\n" + content
        try:
            # A few hundred bytes on loopback: the socket takes them whole.
            self._connected().sendall(request)
        except OSError as fault:
            raise self._lost(why=str(fault)) from fault

    def _connected(self) -> "_socket.socket":
        if self._connection is not None and _is_readable(self._connection):
            # Nothing is asked for, so there is nothing to read but the end of it.
            self.close()
        if self._connection is None:
            self._connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            self._connection.connect(self._address)
            self._connection.setblocking(self._is_blocking)
        return self._connection

    def _settle(self, answer: Answer) -> None:
        self._received = b""
        if self.awaiting_next:
            self.awaiting_next = False
            # Spelled with its key: an ARN may contain the bare word. JSON allows spaces.
            body = answer.body.translate(None, b" \t\r\n")
            self.is_shut_down = b'"eventType":"SHUTDOWN"' in body
        if answer.headers.get("connection", "").lower() == "close":
            self.close()

    def _lost(self, *, why: str) -> ApiError:
        self.close()
        return ApiError(why)


def _is_readable(connection: "_socket.socket") -> bool:
    try:
        connection.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _answer_in(received: bytes, *, is_closed: bool) -> "Answer | None":
    """Return the answer that ``received`` holds whole, if it does."""
    head, separator, rest = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = _body_in(rest, headers, is_closed=is_closed)
    return None if body is None else Answer(status, headers, body)


def _body_in(rest: bytes, headers: "dict[str, str]", *, is_closed: bool) -> "bytes | None":
    if "content-length" in headers:
        length = int(headers["content-length"])
        return rest[:length] if len(rest) >= length else None
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _dechunked(rest)
    headers["connection"] = "close"
    return rest if is_closed else None


def _dechunked(rest: bytes) -> "bytes | None":
    body = b""
    while True:
        size, separator, rest = rest.partition(b"\r\n")
        length = int(size.split(b";")[0], 16) if separator else 0
        if not separator or len(rest) < length + 2:
            return None
        if length == 0:
            return body
        body += rest[:length]
        rest = rest[length + 2 :]
