"""Receives OTLP over gRPC from the function, on loopback, by `grpcio`, with bytes in and out.

`grpcio` calls from threads of its own; the lifecycle is told in the runner's. What keeps the
order: a call is answered when its payload is in the queue, so whatever a client does after
its call returned, it does after that. See ``Receivers`` for what the runner makes of it.

What is too large once inflated, or not gzip, is refused by the library itself
(RESOURCE_EXHAUSTED, INTERNAL); the client is told, and nobody else.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

import posix
import select

from collector_ext.core import wire
from collector_ext.core.events import ORDINARY, PayloadReceived, RequestRefused
from collector_ext.core.otlp import LOGS, METRICS, PROTOBUF, TRACES, Payload, Signal
from collector_ext.core.otlp_items import item_count
from collector_ext.edge import grpc_library
from collector_ext.edge.grpc_library import UnusableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Protocol

    from collector_ext.core.config import configuration
    from collector_ext.core.events import Event

    class Source(Protocol):
        """A receiver."""

        def interests(self) -> list[tuple[int, int]]:
            """Descriptors and poll events that are a reason to ask for events."""

        def events(self) -> Iterable[Event]:
            """What has happened since."""

        def close(self) -> None:
            """Receive no more."""


_SERVICES = {
    "opentelemetry.proto.collector.trace.v1.TraceService": TRACES,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": METRICS,
    "opentelemetry.proto.collector.logs.v1.LogsService": LOGS,
}

_WORKER_COUNT = 2
"""Threads that check and queue: more would wait for each other."""

_QUEUE_COUNT_MAX = 8
"""Requests that wait for the runner. A worker with one more waits for room: so what one round
of the runner finds is bounded, and the rest stays in the kernel and the client."""

_CALL_COUNT_MAX = 128
"""At a time, as many as connections over HTTP; beyond, RESOURCE_EXHAUSTED."""

_BAD_REQUEST = 400  # what INVALID_ARGUMENT is called over HTTP
_REASON_MAX = 200  # characters

_STOP_S_MAX = 0.2
"""For calls in progress to end; they are cut off at once, so this is for the library's threads."""


class GrpcReceiver:
    """Turn what clients export into events; they are answered before the event is handled.

    That is right because no payload is ever refused for want of room: the oldest makes it.

    Args:
        settings: Where to listen. A port of 0 is any.

    Raises:
        UnusableError: It cannot listen there. Another port would be of no use: clients know
            but this one.

    Attributes:
        port: That is listened on.
    """

    def __init__(self, settings: configuration.GrpcReceiver) -> None:
        grpc = grpc_library.load()
        # Loaded by `grpcio` already.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415
        from queue import Queue  # noqa: PLC0415

        self._grpc = grpc
        self._queue: Queue[PayloadReceived | RequestRefused] = Queue(_QUEUE_COUNT_MAX)
        self._is_closed = False
        self._executor = ThreadPoolExecutor(_WORKER_COUNT)
        options = [
            ("grpc.max_receive_message_length", settings.size_bytes_max),
            ("grpc.so_reuseport", 0),  # two collectors on one port would share the clients
        ]
        handlers = [_handler(grpc, service, self._export) for service in _SERVICES]
        self._server = grpc.server(
            self._executor, handlers, options=options, maximum_concurrent_rpcs=_CALL_COUNT_MAX
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"{host}:{settings.port}"
        try:
            self.port: int = self._server.add_insecure_port(address)
        except RuntimeError:
            self._executor.shutdown()
            message = f"{address} cannot be listened on; it may be taken"
            raise UnusableError(message) from None
        self._wake_up, self._waker = posix.pipe()
        posix.set_blocking(self._wake_up, False)
        self._server.start()

    def interests(self) -> list[tuple[int, int]]:
        """Return descriptors and the poll events that are a reason to call ``events``."""
        return [(self._wake_up, select.POLLIN)]

    def events(self) -> Iterator[PayloadReceived | RequestRefused]:
        """Yield what was exported; at least all that was answered before the call."""
        # What was answered is in the queue; workers can add theirs while it is emptied.
        for _ in range(_QUEUE_COUNT_MAX + _WORKER_COUNT):
            try:
                posix.read(self._wake_up, 1)
            except BlockingIOError:
                return
            yield self._queue.get()

    def close(self) -> None:
        """Stop listening and cut off calls in progress, in bounded time."""
        self._is_closed = True
        stopped = self._server.stop(None)
        while not self._queue.empty():  # workers that wait for room now have it
            self._queue.get()
        stopped.wait(_STOP_S_MAX)
        self._executor.shutdown(wait=True, cancel_futures=True)
        posix.close(self._wake_up)
        posix.close(self._waker)

    def _export(self, service: str, body: bytes, context: Any) -> bytes:  # noqa: ANN401
        """Serve one call, in a worker thread; an empty message says full success."""
        if self._is_closed:
            context.abort(self._grpc.StatusCode.UNAVAILABLE, "shutting down")
        signal = _SERVICES[service]
        try:
            wire.check_export_request(body)
        except wire.MalformedError as fault:
            reason = f"not an export request of {signal.name}: {fault}"
            self._tell(RequestRefused(_BAD_REQUEST, f"gRPC {service}: {reason}"[:_REASON_MAX]))
            context.abort(self._grpc.StatusCode.INVALID_ARGUMENT, reason[:_REASON_MAX])
        self._tell(_received(signal, body))
        return b""

    def _tell(self, event: PayloadReceived | RequestRefused) -> None:
        self._queue.put(event)
        posix.write(self._waker, b".")


class Receivers:
    """OTLP over HTTP and over gRPC as one source, in the order of what they were told.

    A client that exports over gRPC and then posts the ``end`` of the invocation does so in this
    order, so when ``end`` is read its payloads are in the queue: they are yielded first, as if
    all had come one way. The same holds for what the platform says, which the runner handles
    after all that the receivers yield.
    """

    def __init__(self, http: Source, grpc: Source) -> None:
        self._http = http
        self._grpc = grpc

    def interests(self) -> list[tuple[int, int]]:
        """Return descriptors and the poll events that are a reason to call ``events``."""
        return [*self._http.interests(), *self._grpc.interests()]

    def events(self) -> Iterator[Event]:
        """Yield what was received since."""
        for event in self._http.events():
            yield from self._grpc.events()
            yield event
        yield from self._grpc.events()

    def close(self) -> None:
        """Close both."""
        self._http.close()
        self._grpc.close()


def _handler(grpc: Any, service: str, export: Any) -> Any:  # noqa: ANN401 - the library has no types
    def behaviour(body: bytes, context: Any) -> bytes:  # noqa: ANN401 - as above
        answer: bytes = export(service, body, context)
        return answer

    # Without serialisers, which would make messages of the bytes.
    methods = {"Export": grpc.unary_unary_rpc_method_handler(behaviour)}
    return grpc.method_handlers_generic_handler(service, methods)


def _received(signal: Signal, body: bytes) -> PayloadReceived:
    payload = Payload(signal, PROTOBUF, body, item_count(signal, body), is_suspect=False)
    return PayloadReceived(payload, "", ORDINARY)
