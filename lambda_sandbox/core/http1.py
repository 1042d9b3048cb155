"""HTTP/1.1 as bytes and values: what the APIs and the telemetry delivery need of it.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HEAD_BYTES_MAX = 1_100_000
"""Longest head; a runtime may send headers of 1 MiB (Lambda's own limit)."""

BODY_BYTES_MAX = 64 * 1024 * 1024
"""Longest body that is read; an order above what Lambda accepts, so that it can be refused."""

_HEAD_END = b"\r\n\r\n"

_HEX = re.compile(rb"[0-9a-fA-F]{1,16}")

_NO_CONTENT = 204

_REASONS = {
    200: "OK",
    202: "Accepted",
    _NO_CONTENT: "No Content",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
}
"""Reason phrases of the answers that are given; the phrase may be empty (RFC 9112, 4)."""


class MalformedMessageError(ValueError):
    """The peer does not speak HTTP/1.1; its connection has to be closed."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names in lower case, the last of equal names wins."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class MessageReader:
    """Cut a stream of bytes into messages.

    Feed it what was received, then take messages until there is none. ``expects_continue``
    says that the peer waits for ``100 Continue`` before it sends the body.
    """

    def __init__(self) -> None:
        self.expects_continue = False
        self._received = bytearray()
        self._head: tuple[str, dict[str, str]] | None = None

    def feed(self, received: bytes) -> None:
        """Append what was received."""
        self._received += received

    def take(self) -> tuple[str, Mapping[str, str], bytes] | None:
        """Take the next message: its start line, headers and body; None until it is whole.

        Raises:
            MalformedMessageError: This is not HTTP/1.1, or more than the limits allow.
        """
        if self._head is None:
            self._head = self._take_head()
            if self._head is None:
                return None
            self.expects_continue = "100-continue" in self._head[1].get("expect", "").lower()
        start_line, headers = self._head
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = self._take_chunks()
        else:
            body = self._take_length(headers.get("content-length", "0"))
        if body is None:
            return None
        self._head, self.expects_continue = None, False
        return start_line, headers, body

    def _take_head(self) -> tuple[str, dict[str, str]] | None:
        end = self._received.find(_HEAD_END)
        if end < 0:
            if len(self._received) > HEAD_BYTES_MAX:
                message = f"no end of the head in {len(self._received)} bytes"
                raise MalformedMessageError(message)
            return None
        start_line, *lines = self._received[:end].decode("latin-1").split("\r\n")
        del self._received[: end + len(_HEAD_END)]
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                message = f"header line without a colon: {line[:80]!r}"
                raise MalformedMessageError(message)
            headers[name.strip().lower()] = value.strip()
        return start_line, headers

    def _take_length(self, content_length: str) -> bytes | None:
        if not content_length.isdecimal() or int(content_length) > BODY_BYTES_MAX:
            message = f"content-length {content_length[:20]!r} is not one we read"
            raise MalformedMessageError(message)
        length = int(content_length)
        if len(self._received) < length:
            return None
        body = bytes(self._received[:length])
        del self._received[:length]
        return body

    def _take_chunks(self) -> bytes | None:
        body, at = bytearray(), 0
        while True:
            line_end = self._received.find(b"\r\n", at)
            if line_end < 0:
                return None
            length = _chunk_length(bytes(self._received[at:line_end]))
            if len(body) + length > BODY_BYTES_MAX:
                message = f"more than {BODY_BYTES_MAX} bytes in chunks"
                raise MalformedMessageError(message)
            at = line_end + 2
            if length == 0:
                return self._end_chunks(bytes(body), at)
            if len(self._received) < at + length + 2:
                return None
            body += self._received[at : at + length]
            at += length + 2

    def _end_chunks(self, body: bytes, at: int) -> bytes | None:
        # Trailers, if any, end with an empty line; Lambda's clients send errors in them
        # only when they stream, which no Python runtime does.
        if self._received[at : at + 2] == b"\r\n":
            del self._received[: at + 2]
            return body
        end = self._received.find(_HEAD_END, at)
        if end < 0:
            return None
        del self._received[: end + len(_HEAD_END)]
        return body


def _chunk_length(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _HEX.fullmatch(digits):
        message = f"chunk length {line[:20]!r} is not a number"
        raise MalformedMessageError(message)
    return int(digits, 16)


def request_of(start_line: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Name the parts of a request.

    Raises:
        MalformedMessageError: The start line is not that of an HTTP/1.x request.
    """
    parts = start_line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):  # noqa: PLR2004  # method target version
        message = f"not an HTTP/1.1 request line: {start_line[:80]!r}"
        raise MalformedMessageError(message)
    return Request(parts[0], parts[1], headers, body)


def status_of(start_line: str) -> int:
    """Return the status of a response's start line.

    Raises:
        MalformedMessageError: The start line is not that of an HTTP/1.x response.
    """
    version, _, rest = start_line.partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not status.isdecimal():
        message = f"not an HTTP/1.1 status line: {start_line[:80]!r}"
        raise MalformedMessageError(message)
    return int(status)


def response_bytes(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Serialise a response; the connection stays open after it."""
    head = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
    head += [f"{name}: {value}" for name, value in headers]
    if status != _NO_CONTENT:  # which must not have a length (RFC 9110, 8.6)
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + _HEAD_END + body


def request_bytes(
    method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
) -> bytes:
    """Serialise a request."""
    head = [f"{method} {target} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in headers]
    head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + _HEAD_END + body
