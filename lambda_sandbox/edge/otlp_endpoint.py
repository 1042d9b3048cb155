"""An OTLP/HTTP endpoint on this machine: what one watches a run with.

It accepts traces, metrics and logs, as protobuf or JSON, remembers them, and misbehaves
when it is told to. Meant for tests, demos and a look at one function, not for production.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

from lambda_sandbox.core.http1 import Request, response_bytes
from lambda_sandbox.core.views import otlp
from lambda_sandbox.core.views.receipt import receipt_of
from lambda_sandbox.core.views.traces import Span
from lambda_sandbox.edge.connections import LOOPBACK, Connections, requests_of

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self

_NAMED_MAX = 20  # in an error text: enough to recognise a run, little enough to read
_CLOSING_CHECK_S = 0.02  # how soon a withheld answer notices that the endpoint closes


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One HTTP request, whatever it was answered."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes  # decompressed, where that was possible
    method: str = "POST"
    connection: int = 0  # which connection it came on, in the order they were opened


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; with ``after``, it is held back until that event is set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: threading.Event | None = None


class Fault(Enum):
    """What an endpoint may do instead of answering."""

    HANG = "never answer; keep the connection open"
    RESET = "break the connection in the middle of the answer"


HANG = Fault.HANG
RESET = Fault.RESET

Decision = Answer | Fault | None
"""None: what OTLP says, which is what happens without a decision."""


class NotReceivedError(AssertionError):
    """What was waited for did not come in time; the text says what did."""


class OtlpEndpoint:
    """Receive OTLP/HTTP on a loopback port, as a context manager.

    A request counts as delivered (``spans()``, ``messages()``) when it was well-formed
    and is answered with a status of 2xx; ``requests`` has every one. Delivered is visible
    before the answer is sent: a client that was answered finds its spans here.

    Args:
        answer: Called for each request, on its connection's thread; None from it leaves the
            answer to OTLP.
        tls: Serve https with this context.
        port: 0 for any free one.
    """

    def __init__(
        self,
        *,
        answer: Callable[[ReceivedRequest], Decision] = lambda _: None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self._answer = answer
        self._tls = tls
        self._wanted_port = port
        self._changed = threading.Condition()  # guards the three below
        self._requests: list[ReceivedRequest] = []
        self._messages: list[otlp.Request] = []
        self._spans: list[Span] = []
        self._connections: Connections | None = None

    def __enter__(self) -> Self:
        # Not accepting before it is kept: on a port of the caller's choice, clients may wait.
        self._connections = Connections(self._serve, port=self._wanted_port, tls=self._tls)
        self._connections.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def _running(self) -> Connections:
        assert self._connections is not None, "an OtlpEndpoint is used in a with statement"
        return self._connections

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._running.port

    @property
    def url(self) -> str:
        """What ``OTEL_EXPORTER_OTLP_ENDPOINT`` has to be."""
        return f"{'https' if self._tls else 'http'}://{LOOPBACK}:{self.port}"

    @property
    def requests(self) -> list[ReceivedRequest]:
        """All requests so far, in the order in which they were complete."""
        with self._changed:
            return list(self._requests)

    def spans(self) -> list[Span]:
        """All spans delivered so far, in the order of their requests."""
        with self._changed:
            return list(self._spans)

    def messages(self) -> list[otlp.Request]:
        """All ``Export…ServiceRequest`` messages delivered so far: traces, metrics, logs."""
        with self._changed:
            return list(self._messages)

    def wait_for(
        self, condition: Callable[[list[Span]], bool], timeout_s: float = 5.0
    ) -> list[Span]:
        """Wait until the delivered spans fulfil a condition, and return them.

        It may ask the endpoint for anything else, too: it is asked at each request.

        Raises:
            NotReceivedError: They did not in time.
        """
        with self._changed:
            if self._changed.wait_for(lambda: condition(self.spans()), timeout_s):
                return self.spans()
            text = f"waited {timeout_s:g} s in vain; {_described(self._requests, self._spans)}"
        raise NotReceivedError(text)

    def _serve(self, connection: socket.socket, number: int) -> None:
        for request in requests_of(connection):
            if not self._exchange(connection, request, number):
                return

    def _exchange(self, connection: socket.socket, http: Request, number: int) -> bool:
        """Receive one request and answer it; is the connection still of use?"""
        receipt = receipt_of(http.method, http.target, http.headers, http.body)
        headers = dict(http.headers)
        request = ReceivedRequest(http.target, headers, receipt.body, http.method, number)
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        decision = self._answer(request) or Answer(
            receipt.status, receipt.answer_headers, receipt.answer_body
        )
        answered = self._carry_out(decision, receipt.message, connection)
        return answered and headers.get("connection", "").lower() != "close"

    def _carry_out(
        self, decision: Answer | Fault, message: otlp.Request | None, connection: socket.socket
    ) -> bool:
        if decision is HANG:
            self._running.closing.wait()
            return False
        if decision is RESET:
            _reset(connection)
            return False
        assert isinstance(decision, Answer)
        if not self._released(decision.after):
            return False
        if message is not None and HTTPStatus.OK <= decision.status < HTTPStatus.MULTIPLE_CHOICES:
            self._deliver(message)
        headers = decision.headers.items()
        connection.sendall(response_bytes(decision.status, headers, decision.body))
        return decision.headers.get("Connection", "").lower() != "close"

    def _released(self, after: threading.Event | None) -> bool:
        while after is not None and not after.wait(_CLOSING_CHECK_S):
            if self._running.closing.is_set():
                return False
        return True

    def _deliver(self, message: otlp.Request) -> None:
        spans = otlp.spans_of(message) if isinstance(message, otlp.TraceRequest) else ()
        with self._changed:
            self._messages.append(message)
            self._spans += spans
            self._changed.notify_all()


def _reset(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    # Closing with a linger time of 0 s sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _described(requests: Sequence[ReceivedRequest], spans: Sequence[Span]) -> str:
    lines = [f"received {len(requests)} requests and {len(spans)} spans"]
    lines += [f"  {it.method} {it.path}: {len(it.body)} bytes" for it in requests[-_NAMED_MAX:]]
    lines += [
        f"  {span.kind} {span.name!r} {span.status_code}, trace {span.trace_id}, "
        f"span {span.span_id}, parent {span.parent_span_id or 'none'}"
        for span in spans[-_NAMED_MAX:]
    ]
    return "\n".join(lines)
