"""HTTP/1.1 messages as bytes in, values out; no sockets.

One reader serves one connection: feed it what was received, ask it for messages. Bodies come
with a Content-Length or chunked (a response also by the end of the connection); anything else
is refused rather than guessed, as are heads and bodies beyond a limit.

Specification: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from collector_ext.core.value import Value

HEAD_BYTES_MAX = 32 * 1024
"""Request or status line with all headers. Servers in use allow 8 to 64 kB."""

_CHUNK_LINE_BYTES_MAX = 1024

_REASON_MAX = 200  # characters: reasons quote the peer

BAD_REQUEST = 400
CONTENT_TOO_LARGE = 413
HEADERS_TOO_LARGE = 431
NOT_IMPLEMENTED = 501

_NO_CONTENT = 204
_NOT_MODIFIED = 304
_OK = 200


class HttpError(Exception):
    """The peer sent what is not HTTP/1.1, or more than we take. The connection is unusable.

    Attributes:
        status: What to answer, if the peer is a client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason[:_REASON_MAX])
        self.status = status


class Request(Value):
    """One request, its body whole and no longer chunked."""

    method: str
    target: str  # as sent: path and query
    headers: dict[str, str]  # names in lower case; repeated ones joined by ", "
    body: bytes
    keep_alive: bool


class Response(Value):
    """One final response; interim ones (1xx) are not reported."""

    status: int
    headers: dict[str, str]  # as in Request
    body: bytes
    keep_alive: bool


class _Head(Value):
    first: str  # the method, or the version of a response
    second: str  # the target, or the status
    headers: dict[str, str]
    keep_alive: bool


class _Reader:
    """Collect the bytes of one connection, and cut messages out of them."""

    def __init__(self, *, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._received = bytearray()
        self._is_closed = False
        self._head: _Head | None = None
        self._body = bytearray()
        self._length: int | None = None  # None: chunked, or to the end of the connection

    def feed(self, received: bytes) -> None:
        """Take what the socket gave; empty means that the peer closed its side."""
        if received:
            self._received += received
        else:
            self._is_closed = True

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing of a next message has come."""
        return self._head is None and not self._received

    def _next(self) -> tuple[_Head, bytes] | None:
        if self._head is None:
            self._head = self._read_head()
            if self._head is None:
                return None
            self._length = self._length_of(self._head)
        head = self._head
        if not self._read_body(head):
            return None
        body, self._body, self._head = bytes(self._body), bytearray(), None
        return head, body

    def _read_head(self) -> _Head | None:
        end = self._received.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
        if end < 0:
            if len(self._received) >= HEAD_BYTES_MAX:
                raise HttpError(HEADERS_TOO_LARGE, f"a head of more than {HEAD_BYTES_MAX} bytes")
            return None
        head = _parse_head(bytes(self._received[:end]))
        del self._received[: end + 4]
        return head

    def _length_of(self, head: _Head) -> int | None:
        """Return how long the body is; None when it is chunked.

        Raises:
            HttpError: Two lengths, one that is no number, or one beyond the limit.
        """
        encoding = head.headers.get("transfer-encoding", "").lower()
        length = head.headers.get("content-length")
        if encoding and length is not None:
            raise HttpError(BAD_REQUEST, "both Content-Length and Transfer-Encoding")
        if encoding:
            if encoding != "chunked":
                raise HttpError(NOT_IMPLEMENTED, f"Transfer-Encoding {encoding!r}")
            return None
        if length is None:
            return self._length_unsaid()
        # Repeated, it was joined; RFC 9110 §8.6 lets the same value be taken as one.
        length, *others = {value.strip() for value in length.split(",")}
        if others or not (length.isascii() and length.isdigit()):
            raise HttpError(BAD_REQUEST, f"Content-Length {head.headers['content-length']!r}")
        return self._bounded(int(length))

    def _length_unsaid(self) -> int | None:
        return 0

    def _bounded(self, length: int) -> int:
        if length > self._body_bytes_max:
            raise HttpError(CONTENT_TOO_LARGE, f"a body of more than {self._body_bytes_max} bytes")
        return length

    def _read_body(self, head: _Head) -> bool:
        """Move what has come of the body out of ``_received``; return whether it is whole."""
        if self._length is not None:
            if len(self._received) < self._length:
                return False
            if len(self._received) == self._length:  # as a rule; spares a copy of the body
                self._body, self._received = self._received, bytearray()
            else:
                self._body = self._received[: self._length]
                del self._received[: self._length]
            return True
        if "transfer-encoding" in head.headers:
            return self._read_chunks()
        self._bounded(len(self._received))
        self._body = self._received
        if self._is_closed:
            self._received = bytearray()
        return self._is_closed

    def _read_chunks(self) -> bool:
        while True:
            line, after = self._line()
            if line is None:
                return False
            size = _chunk_size(line)
            if size == 0:
                return self._read_trailers(after)
            self._bounded(len(self._body) + size)
            if len(self._received) < after + size + 2:
                return False
            if self._received[after + size : after + size + 2] != b"\r\n":
                raise HttpError(BAD_REQUEST, "a chunk longer than its size")
            self._body += self._received[after : after + size]
            del self._received[: after + size + 2]

    def _line(self) -> tuple[bytes | None, int]:
        end = self._received.find(b"\r\n", 0, _CHUNK_LINE_BYTES_MAX)
        if end >= 0:
            return bytes(self._received[:end]), end + 2
        if len(self._received) >= _CHUNK_LINE_BYTES_MAX:
            raise HttpError(BAD_REQUEST, "a chunk without a size")
        return None, 0

    def _read_trailers(self, start: int) -> bool:
        """Skip the fields after the last chunk; none that we know says anything to us."""
        if self._received[start : start + 2] == b"\r\n":
            del self._received[: start + 2]
            return True
        end = self._received.find(b"\r\n\r\n", start)
        if end < 0:
            if len(self._received) - start > HEAD_BYTES_MAX:
                raise HttpError(HEADERS_TOO_LARGE, f"trailers over {HEAD_BYTES_MAX} bytes")
            return False
        del self._received[: end + 4]
        return True


class RequestReader(_Reader):
    """Read what a client sends."""

    _owes_continue = False

    def next_request(self) -> Request | None:
        """Return the next request once it is whole.

        Raises:
            HttpError: Answer its status, and close.
        """
        message = self._next()
        if message is None:
            return None
        head, body = message
        self._owes_continue = False
        return Request(head.first, head.second, head.headers, body, head.keep_alive)

    def take_continue(self) -> bool:
        """Return, once, whether the client holds its body back until told to go on."""
        owed = self._owes_continue and not self._received
        self._owes_continue = False
        return owed

    def _length_of(self, head: _Head) -> int | None:
        self._owes_continue = head.headers.get("expect", "").lower() == "100-continue"
        return super()._length_of(head)


class ResponseReader(_Reader):
    """Read what a server answers."""

    def next_response(self) -> Response | None:
        """Return the next final response once it is whole.

        Raises:
            HttpError: The answer cannot be understood.
        """
        while True:
            message = self._next()
            if message is None:
                return None
            head, body = message
            status = int(head.second)
            if status >= _OK:
                keep_alive = head.keep_alive and not self._is_closed
                return Response(status, head.headers, body, keep_alive)

    def without_body(self) -> Response | None:
        """Return the final response of which only the head can be had; None without a head.

        For when the body does not come whole or is not understood. The connection is not to be
        used again.
        """
        head = self._head
        if head is None or not _is_status(head.second) or int(head.second) < _OK:
            return None
        return Response(int(head.second), head.headers, b"", keep_alive=False)

    def _length_of(self, head: _Head) -> int | None:
        status = head.second
        if not _is_status(status):
            raise HttpError(BAD_REQUEST, f"status {status!r}")
        if int(status) < _OK or int(status) in {_NO_CONTENT, _NOT_MODIFIED}:
            return 0
        return super()._length_of(head)

    def _length_unsaid(self) -> int | None:
        return None


def _is_status(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit()  # noqa: PLR2004


def _parse_head(head: bytes) -> _Head:
    lines = head.decode("latin-1").split("\r\n")
    first, _, rest = lines[0].partition(" ")
    second, _, last = rest.partition(" ")
    version = first if first.startswith("HTTP/") else last
    if not second or version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise HttpError(BAD_REQUEST, f"not an HTTP/1.1 message: {lines[0][:40]!r}")
    headers = _headers(lines[1:])
    options = headers.get("connection", "").lower()
    keep_alive = "close" not in options and (version == "HTTP/1.1" or "keep-alive" in options)
    return _Head(first, second, headers, keep_alive)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        # A space before the colon, or a folded line, is how requests are smuggled.
        if not colon or not name or name != name.strip():
            raise HttpError(BAD_REQUEST, f"not a header: {line[:40]!r}")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _chunk_size(line: bytes) -> int:
    digits = line.split(b";")[0].strip()
    try:
        # `int` takes signs and underscores; the size of a chunk has neither.
        return int(digits, 16) if digits.isalnum() else int("none", 16)
    except ValueError:
        raise HttpError(BAD_REQUEST, f"not the size of a chunk: {line[:40]!r}") from None


def serialise_request(method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bytes of a request; its Content-Length is set here."""
    return _serialise(f"{method} {target} HTTP/1.1", headers, body)


def serialise_response(status: int, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bytes of a response; its Content-Length is set here.

    The reason phrase is left empty: RFC 9112 §4 has clients ignore it.
    """
    return _serialise(f"HTTP/1.1 {status} ", headers, body)


def _serialise(start_line: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [start_line, *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode("latin-1") + body
