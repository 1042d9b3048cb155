"""A fake remote OTLP/gRPC endpoint: a real `grpcio` server that keeps what it was sent.

::

    with GrpcRemote(answer=lambda call: call.abort(StatusCode.UNAVAILABLE)) as remote:
        ...export to remote.target...
        assert remote.calls[0].body == ...
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

PATIENCE_S = 20.0
"""How long to wait for what must happen; only a failing test waits this long."""

SERVICES = {
    f"opentelemetry.proto.collector.{package}.v1.{service}": signal
    for package, service, signal in (
        ("trace", "TraceService", "traces"),
        ("metrics", "MetricsService", "metrics"),
        ("logs", "LogsService", "logs"),
    )
}


class Call:
    """One call, as the server sees it.

    Attributes:
        signal: Whose service was called.
        body: The serialised request, inflated.
        metadata: Names in small letters.
        peer: The client's address: one for each connection.
        remaining_s: Until the client's deadline, when the call came.
    """

    def __init__(self, signal: str, body: bytes, context: grpc.ServicerContext) -> None:
        self.signal = signal
        self.body = body
        self.metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
        self.peer = context.peer()
        self.remaining_s = context.time_remaining()
        self._context = context

    def abort(
        self, code: grpc.StatusCode, message: str = "", details: bytes | None = None
    ) -> NoReturn:
        """Answer with another status than OK."""
        if details is not None:
            self._context.set_trailing_metadata((("grpc-status-details-bin", details),))
        self._context.abort(code, message)
        raise AssertionError


class GrpcRemote:
    """Serve the three services on loopback.

    Args:
        answer: Returns the serialised response to a call, or aborts it.
        credentials: Serve TLS with these.
        port: To listen on; 0 for any.
    """

    def __init__(
        self,
        answer: Callable[[Call], bytes] = lambda _: b"",
        *,
        credentials: grpc.ServerCredentials | None = None,
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.calls: list[Call] = []
        self.is_closing = threading.Event()
        self._executor = ThreadPoolExecutor(4)
        handlers = [self._handler(service, SERVICES[service]) for service in SERVICES]
        options = [("grpc.so_reuseport", 0)]
        self._server = grpc.server(self._executor, handlers, options=options)
        address = f"127.0.0.1:{port}"
        if credentials:
            self.port = self._server.add_secure_port(address, credentials)
        else:
            self.port = self._server.add_insecure_port(address)

    @property
    def target(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def bodies(self) -> list[bytes]:
        """What was sent so far."""
        return [call.body for call in self.calls]

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closing.set()
        self._server.stop(None).wait(PATIENCE_S)
        self._executor.shutdown()

    def hang(self, _call: Call) -> bytes:
        """Answer when the endpoint is closed, and not before."""
        self.is_closing.wait(PATIENCE_S)
        return b""

    def _handler(self, service: str, signal: str) -> grpc.GenericRpcHandler:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            call = Call(signal, body, context)
            self.calls.append(call)
            return self.answer(call)

        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(service, {"Export": method})
