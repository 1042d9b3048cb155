"""What OTLP answers to an HTTP request, and what was in it.

Promise: whatever the request, there is a receipt; a message is in it exactly if its status
is 200.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from lambda_sandbox.core.views import otlp

BODY_BYTES_MAX = 20 * 1024 * 1024
"""The largest body, compressed or not: the default of the OpenTelemetry Collector's receiver
(``max_request_body_size`` of confighttp), so that what passes here passes there."""

OK = 200
BAD_REQUEST = 400
NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
CONTENT_TOO_LARGE = 413
UNSUPPORTED_MEDIA_TYPE = 415


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one request, and its content where it could be read."""

    status: int
    body: bytes  # of the request: decompressed, or as it came
    message: otlp.Request | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer_body: bytes = b""


def receipt_of(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Receipt:
    """Decide what a request is answered.

    Args:
        method: GET, POST …
        path: As requested, e.g. ``/v1/traces``.
        headers: Names in lower case.
        body: As it came.
    """
    try:
        body = _decompressed(headers.get("content-encoding", "identity").lower(), body)
        content_type = _content_type(method, path, headers)
    except _RefusedError as refusal:
        answer_headers = {"Content-Type": "text/plain", **refusal.headers}
        return Receipt(refusal.status, body, None, answer_headers, str(refusal).encode())
    answer_headers = {"Content-Type": content_type}
    try:
        message = otlp.parse(path, content_type, body)
    except otlp.MalformedError as error:
        answer_body = otlp.refused(content_type, str(error))
        return Receipt(BAD_REQUEST, body, None, answer_headers, answer_body)
    return Receipt(OK, body, message, answer_headers, otlp.accepted(content_type))


class _RefusedError(Exception):
    """The request is none that OTLP defines, so the answer is none either: plain text."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


def _content_type(method: str, path: str, headers: Mapping[str, str]) -> str:
    if path not in otlp.REQUESTS:
        text = f"no signal is received at {path!r}, but at {', '.join(otlp.REQUESTS)}"
        raise _RefusedError(NOT_FOUND, text)
    if method != "POST":
        text = f"{path} is for POST, not for {method}"
        raise _RefusedError(METHOD_NOT_ALLOWED, text, Allow="POST")
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in (otlp.PROTOBUF, otlp.JSON):
        text = f"Content-Type is {content_type!r}, neither {otlp.PROTOBUF} nor {otlp.JSON}"
        raise _RefusedError(UNSUPPORTED_MEDIA_TYPE, text)
    return content_type


def _decompressed(encoding: str, body: bytes) -> bytes:
    if len(body) > BODY_BYTES_MAX:
        text = f"the body has {len(body)} bytes, more than {BODY_BYTES_MAX}"
        raise _RefusedError(CONTENT_TOO_LARGE, text)
    if encoding == "identity":
        return body
    if encoding not in _UNPACK:
        text = f"Content-Encoding is {encoding!r}, neither gzip, deflate nor identity"
        raise _RefusedError(UNSUPPORTED_MEDIA_TYPE, text)
    try:
        content = _UNPACK[encoding](body)
    except (OSError, EOFError, zlib.error) as error:
        text = f"the body is not {encoding}: {error}"
        raise _RefusedError(BAD_REQUEST, text) from error
    if len(content) > BODY_BYTES_MAX:
        text = f"the body has more than {BODY_BYTES_MAX} bytes when decompressed"
        raise _RefusedError(CONTENT_TOO_LARGE, text)
    return content


def _gunzip(body: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as unzipped:
        return unzipped.read(BODY_BYTES_MAX + 1)


def _inflate(body: bytes) -> bytes:
    inflating = zlib.decompressobj()
    content = inflating.decompress(body, BODY_BYTES_MAX + 1)
    if not inflating.eof and len(content) <= BODY_BYTES_MAX:
        message = "it ends too early"
        raise EOFError(message)
    return content


# HTTP's "deflate" is zlib's format (RFC 9110, 8.4.1.2).
_UNPACK = {"gzip": _gunzip, "deflate": _inflate}
