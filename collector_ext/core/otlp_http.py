"""OTLP/HTTP as a server speaks it: a request in, an answer and an event out.

Beside the standard, two headers tie a request to an invocation: ``Lambda-Invocation-Id`` and
``Lambda-Invocation-Phase``, which our own internal half sends, in protobuf. The phase ``start``
without an id is of an initialisation that failed, see `initialisation`.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import zlib

from collector_ext.core import http1, json_text, otlp_items, wire
from collector_ext.core.events import (
    ORDINARY,
    PHASES,
    SNAPSHOT,
    START,
    PayloadReceived,
    RequestRefused,
)
from collector_ext.core.http1 import Request
from collector_ext.core.otlp import JSON, PROTOBUF, SIGNALS, TRACES, Payload, Signal

BODY_BYTES_MAX = 20 * 1024 * 1024
"""As sent and inflated; the OpenTelemetry Collector's own limit."""

_MEMBER_COUNT_MAX = 64
"""Of one gzip body. Clients send one member; the cost of finding the next grows with the rest."""

_REASON_MAX = 200  # characters: reasons quote the client

_OK = 200
_BAD_REQUEST = 400
_NOT_FOUND = 404
_METHOD_NOT_ALLOWED = 405
_CONTENT_TOO_LARGE = 413
_UNSUPPORTED = 415

_INVALID_ARGUMENT = 3
_RPC_CODES = {_NOT_FOUND: 12, _METHOD_NOT_ALLOWED: 12, _CONTENT_TOO_LARGE: 8, _UNSUPPORTED: 12}
"""google.rpc.Code: UNIMPLEMENTED, RESOURCE_EXHAUSTED; INVALID_ARGUMENT for all others."""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZLIB_METHOD = b"\x78"  # deflate with the largest window, as all who write it have it

_SIGNALS_BY_PATH = {signal.path: signal for signal in SIGNALS}


class _RefusalError(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def receive(request: Request) -> tuple[bytes, PayloadReceived | RequestRefused]:
    """Return the answer to one request, and what it was.

    Returns:
        The serialised response, and the event it becomes.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        event = _payload_in(request, content_type)
    except _RefusalError as refusal:
        reason = f"{request.method[:20]} {request.target[:80]}: {refusal}"
        answer = refuse(refusal.status, str(refusal), content_type, keep_alive=request.keep_alive)
        return answer, RequestRefused(refusal.status, reason[:_REASON_MAX])
    body = b"{}" if content_type == JSON else b""
    return _answer(_OK, content_type, body, keep_alive=request.keep_alive), event


def refuse(status: int, reason: str, content_type: str = "", *, keep_alive: bool) -> bytes:
    """Return a serialised error response, in the encoding of the request it answers."""
    code = _RPC_CODES.get(status, _INVALID_ARGUMENT)
    if content_type == PROTOBUF:
        return _answer(status, PROTOBUF, wire.rpc_status(code, reason), keep_alive=keep_alive)
    body = f'{{"code":{code},"message":{json_text.quoted(reason)}}}'.encode()
    return _answer(status, JSON, body, keep_alive=keep_alive)


def _answer(status: int, content_type: str, body: bytes, *, keep_alive: bool) -> bytes:
    headers = {"Content-Type": content_type}
    if status == _METHOD_NOT_ALLOWED:
        headers["Allow"] = "POST"
    if not keep_alive:
        headers["Connection"] = "close"
    return http1.serialise_response(status, headers, body)


def _payload_in(request: Request, content_type: str) -> PayloadReceived:
    signal = _SIGNALS_BY_PATH.get(request.target.partition("?")[0])
    if signal is None:
        raise _RefusalError(_NOT_FOUND, "OTLP is received at /v1/traces, /v1/metrics, /v1/logs")
    if request.method != "POST":
        raise _RefusalError(_METHOD_NOT_ALLOWED, "OTLP is received by POST")
    if content_type not in {PROTOBUF, JSON}:
        raise _RefusalError(_UNSUPPORTED, f"Content-Type {content_type!r}")
    body = _decoded(request)
    item_count = _checked_item_count(signal, content_type, body)
    phase = _checked_phase(request, signal, content_type, body)
    payload = Payload(signal, content_type, body, item_count, is_suspect=False)
    return PayloadReceived(payload, request.headers.get("lambda-invocation-id", ""), phase)


def _decoded(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return request.body
    if encoding not in {"gzip", "deflate"}:
        raise _RefusalError(_UNSUPPORTED, f"Content-Encoding {encoding!r}")
    try:
        window = _GZIP_WINDOW if encoding == "gzip" else _deflate_window(request.body)
        body = _inflated(request.body, window)
    except zlib.error as fault:
        raise _RefusalError(_BAD_REQUEST, f"not {encoding}: {fault}") from fault
    if len(body) > BODY_BYTES_MAX:
        raise _RefusalError(_CONTENT_TOO_LARGE, f"more than {BODY_BYTES_MAX} bytes inflated")
    return body


def _deflate_window(compressed: bytes) -> int:
    """Return how to inflate a body of ``deflate``: the zlib format, or what it encloses.

    https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.2 knows that both are sent.
    """
    is_zlib = compressed[:1] == _ZLIB_METHOD and int.from_bytes(compressed[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _inflated(compressed: bytes, window: int) -> bytes:
    """Return what all members hold, of which gzip may have several.

    Cut off one byte above the limit.
    """
    parts: list[bytes] = []
    room = BODY_BYTES_MAX + 1
    while compressed and room:
        if len(parts) == _MEMBER_COUNT_MAX:
            message = f"more than {_MEMBER_COUNT_MAX} members"
            raise zlib.error(message)
        member = zlib.decompressobj(window)
        parts.append(member.decompress(compressed, room))
        room -= len(parts[-1])
        if not member.eof and not member.unconsumed_tail:
            message = "it ends too early"
            raise zlib.error(message)
        compressed = member.unused_data
    return b"".join(parts)


def _checked_item_count(signal: Signal, content_type: str, body: bytes) -> int:
    try:
        if content_type == JSON:
            return otlp_items.json_item_count(signal, _checked_json(signal, body))
        wire.check_export_request(body)
        return otlp_items.item_count(signal, body)
    except ValueError as fault:
        raise _RefusalError(
            _BAD_REQUEST, f"not an export request of {signal.name}: {fault}"
        ) from None


def _checked_json(signal: Signal, body: bytes) -> object:
    content = json_text.parse(body)
    # Fields of a later version are the endpoint's to judge, and null is an absent field.
    is_object = isinstance(content, dict)
    if not is_object or not isinstance(content.get(signal.json_key), (list, type(None))):
        message = f"not an object with a list of {signal.json_key}"
        raise ValueError(message)
    return content


def _checked_phase(request: Request, signal: Signal, content_type: str, body: bytes) -> str:
    phase = request.headers.get("lambda-invocation-phase", ORDINARY)
    if phase == ORDINARY:
        return phase
    if phase not in PHASES:
        raise _RefusalError(_BAD_REQUEST, f"Lambda-Invocation-Phase {phase!r}")
    if signal != TRACES or content_type != PROTOBUF:
        raise _RefusalError(_BAD_REQUEST, "Lambda-Invocation-Phase is for traces in protobuf")
    # The root of an initialisation that failed: its process knows of no invocation.
    if phase != START and not request.headers.get("lambda-invocation-id"):
        raise _RefusalError(_BAD_REQUEST, "Lambda-Invocation-Phase without Lambda-Invocation-Id")
    if phase in {START, SNAPSHOT}:
        _check_unfinished(phase, body)
    return phase


def _check_unfinished(phase: str, body: bytes) -> None:
    # These are rewritten later: what cannot be walked must not get that far.
    try:
        count = len(wire.span_ids(body))
    except wire.MalformedError as fault:
        raise _RefusalError(_BAD_REQUEST, str(fault)) from fault
    if phase == START and count != 1:
        raise _RefusalError(_BAD_REQUEST, f"{count} provisional root spans instead of one")
