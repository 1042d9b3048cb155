"""A remote OTLP endpoint that behaves as a script says, in whichever protocol is asked for.

One vocabulary for both: what HTTP says with a status, gRPC says with another word::

    with ScriptedEndpoint(GRPC, replies(UNAVAILABLE), is_held=True) as endpoint:
        ...invoke a function whose collector has endpoint.variables...
        endpoint.release()
        ...let it freeze...
        assert endpoint.accepted_invocations == [request_id]

Over HTTP it is the sandbox's own endpoint, over gRPC a server of `grpcio`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]  # it has no stubs
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # as above

from lambda_sandbox.edge.otlp_endpoint import HANG, Answer, Fault, OtlpEndpoint, ReceivedRequest
from tests.fakes.grpc_remote import Call, GrpcRemote
from tests.fakes.trace_requests import spans_in

if TYPE_CHECKING:
    import ssl

    from opentelemetry.proto.trace.v1.trace_pb2 import Span
    from typing_extensions import Self

HTTP = "http/protobuf"
GRPC = "grpc"
"""Values of OTEL_EXPORTER_OTLP_PROTOCOL."""

PATIENCE_S = 20.0
"""How long an answer is held at most; only a failing test waits this long."""


@dataclass(frozen=True)
class Reply:
    """An answer, in the words of both protocols.

    Attributes:
        status: Of HTTP.
        code: Of gRPC.
        retry_after_s: Whole seconds, as Retry-After has them; None for no such wish.
    """

    status: int
    code: grpc.StatusCode
    retry_after_s: int | None = None

    @property
    def is_success(self) -> bool:
        """Whether the request is accepted."""
        return self.code is grpc.StatusCode.OK

    def text(self, protocol: str) -> str:
        """Return what the collector has to call it in its log."""
        return f"gRPC {self.code.name}" if protocol == GRPC else f"HTTP {self.status}"


ACCEPTED = Reply(200, grpc.StatusCode.OK)
BAD_REQUEST = Reply(400, grpc.StatusCode.INVALID_ARGUMENT)
UNAUTHENTICATED = Reply(401, grpc.StatusCode.UNAUTHENTICATED)
FORBIDDEN = Reply(403, grpc.StatusCode.PERMISSION_DENIED)
NOT_FOUND = Reply(404, grpc.StatusCode.UNIMPLEMENTED)
TOO_LARGE = Reply(413, grpc.StatusCode.RESOURCE_EXHAUSTED)
FAULTY = Reply(500, grpc.StatusCode.INTERNAL)
UNAVAILABLE = Reply(503, grpc.StatusCode.UNAVAILABLE)


def throttled(retry_after_s: int) -> Reply:
    """Return the answer of an endpoint that wants to be left alone for so long."""
    return Reply(429, grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after_s)


@dataclass(frozen=True)
class Arrival:
    """One request.

    Attributes:
        number: From 0, in the order of arrival.
        at_s: When it was complete, in monotonic seconds.
        connection: Something that stands for the connection it came on.
        size_bytes: Of its body, inflated.
        spans: What it carries.
    """

    number: int
    at_s: float
    connection: object
    size_bytes: int
    spans: list[Span]

    @property
    def names(self) -> list[str]:
        """The names of its spans."""
        return [span.name for span in self.spans]


Script = Callable[[Arrival], "Reply | Fault"]


def replies(*first: Reply | Fault, then: Reply | Fault = ACCEPTED) -> Script:
    """Return the script of an endpoint that does these to the first requests, and then another."""
    return lambda arrival: first[arrival.number] if arrival.number < len(first) else then


def accept(_: Arrival) -> Reply:
    """Be the endpoint of a good day."""
    return ACCEPTED


class ScriptedEndpoint:
    """Receive traces in one protocol, on loopback.

    Args:
        protocol: HTTP or GRPC.
        script: What becomes of each request.
        is_held: Whether answers are held back until ``release``.
        port: To listen on; 0 for any. The same one again is the same endpoint, restarted.
        tls: Serve TLS: a context for HTTP, credentials for gRPC.
    """

    def __init__(
        self,
        protocol: str,
        script: Script = accept,
        *,
        is_held: bool = False,
        port: int = 0,
        tls: ssl.SSLContext | grpc.ServerCredentials | None = None,
    ) -> None:
        self.protocol = protocol
        self.script = script
        self._scheme = "https" if tls else "http"
        self._changed = threading.Condition()  # guards the three below
        self._arrivals: list[Arrival] = []
        self._answered_at_s: list[float] = []
        self._accepted: list[Span] = []
        self._released = threading.Event()
        if not is_held:
            self._released.set()
        self._server: OtlpEndpoint | GrpcRemote
        if protocol == GRPC:
            self._server = GrpcRemote(self._answer_call, credentials=tls, port=port)  # type: ignore[arg-type]  # as documented
        else:
            self._server = OtlpEndpoint(answer=self._answer_request, tls=tls, port=port)  # type: ignore[arg-type]  # as documented

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.__exit__()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    @property
    def variables(self) -> dict[str, str]:
        """What makes a collector export to it."""
        return variables_for(self.protocol, self.port, scheme=self._scheme)

    @property
    def arrivals(self) -> list[Arrival]:
        """All requests so far, answered or not."""
        with self._changed:
            return list(self._arrivals)

    @property
    def answered_at_s(self) -> list[float]:
        """When answers were given, in monotonic seconds; the sandbox's moments are in the same."""
        with self._changed:
            return list(self._answered_at_s)

    @property
    def accepted(self) -> list[str]:
        """The names of all spans that were accepted so far, each as often as it was."""
        with self._changed:
            return [span.name for span in self._accepted]

    @property
    def accepted_invocations(self) -> list[str]:
        """The request ids of the root spans that were accepted so far, as often as they were."""
        with self._changed:
            return [
                attribute.value.string_value
                for span in self._accepted
                for attribute in span.attributes
                if attribute.key == "faas.invocation_id"
            ]

    def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is true, which is asked at each arrival; return whether it is."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def release(self) -> None:
        """Give the answers that are held back, and hold no more."""
        self._released.set()

    def _answer_request(self, request: ReceivedRequest) -> Answer | Fault:
        reply = self._receive(request.body, request.connection)
        if isinstance(reply, Fault):
            return reply
        headers = {"Content-Type": "application/x-protobuf"}
        if reply.retry_after_s is not None:
            headers["Retry-After"] = str(reply.retry_after_s)
        return Answer(reply.status, headers)

    def _answer_call(self, call: Call) -> bytes:
        reply = self._receive(call.body, call.peer)
        if reply is HANG:
            assert isinstance(self._server, GrpcRemote)
            return self._server.hang(call)
        assert isinstance(reply, Reply), "gRPC has no such fault"
        if not reply.is_success:
            _abort(call, reply)
        return b""

    def _receive(self, body: bytes, connection: object) -> Reply | Fault:
        """Keep a request; return what becomes of it, when that may be told."""
        spans = spans_in(body)
        with self._changed:
            number = len(self._arrivals)
            arrival = Arrival(number, time.monotonic(), connection, len(body), spans)
            self._arrivals.append(arrival)
            self._changed.notify_all()
        reply = self.script(arrival)
        if isinstance(reply, Fault):
            return reply
        self._released.wait(PATIENCE_S)
        with self._changed:
            self._answered_at_s.append(time.monotonic())
            if reply.is_success:
                self._accepted += spans
        return reply


def variables_for(
    protocol: str, port: int, *, scheme: str = "http", host: str = "127.0.0.1"
) -> dict[str, str]:
    """Return what makes a collector export to an address, whoever is there."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://{host}:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }


def _abort(call: Call, reply: Reply) -> NoReturn:
    if reply.retry_after_s is None:
        call.abort(reply.code)
    call.abort(reply.code, details=_retry_info(reply.code, reply.retry_after_s))


def _retry_info(code: grpc.StatusCode, delay_s: int) -> bytes:
    """Return the status that says when to come back, as gRPC has it in its trailers."""
    detail = Any()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=delay_s)))
    number, _ = code.value
    serialised: bytes = Status(code=number, details=[detail]).SerializeToString()
    return serialised
