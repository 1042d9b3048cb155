"""Sends export requests over OTLP/gRPC, by `grpcio`, without generated code.

A body is a serialised message already: the calls are made with bytes in and bytes out.

Freezes. A channel keeps its connection and reconnects on its own, after a pause that grows
when that fails: a channel that lost its peer can refuse calls for a second and more without
trying. So a channel in doubt is never used: after 50 s without a call (by the wall clock,
which goes on in a freeze) and after any failure to reach the peer it is replaced, and a new
one connects at once. Nothing is sent to keep a connection alive: there is nobody to do so.

Proxies are those that HTTPS would take, with TLS or without: a call is always tunnelled. What
the library itself reads (small letters only, ``grpc_proxy`` among them) is left unread.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

from collector_ext.core import grpc_answer, grpc_metadata
from collector_ext.core.config.address import is_loopback, split_known
from collector_ext.core.delivery.failures import CONTENT, TIMEOUT, Failure
from collector_ext.core.events import Refused
from collector_ext.core.otlp import JSON
from collector_ext.core.proxy import standard_proxy
from collector_ext.edge import clock, grpc_library, proxy
from collector_ext.edge.grpc_library import UnusableError
from collector_ext.edge.http_client import IDLE_S_MAX, PeerError
from collector_ext.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collector_ext.core.config.configuration import OtlpGrpc, Tls
    from collector_ext.core.events import Outcome
    from collector_ext.core.otlp import ExportRequest, Signal
    from collector_ext.core.proxy import Proxy
    from collector_ext.edge.log import Log

    Option = tuple[str, str | int]

_METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

_ANSWER_BYTES_MAX = 4 * 1024 * 1024

_DETAILS = "grpc-status-details-bin"


def __getattr__(name: str) -> object:
    """Return ``KEYS`` and ``read``: documents alone need them, and the tables they load."""
    if name not in {"KEYS", "read"}:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from collector_ext.core.config.exporters import otlp_grpc  # noqa: PLC0415 - as above

    return getattr(otlp_grpc, name)


def sender_of(
    settings: OtlpGrpc,
    *,
    own_ports: tuple[int, ...],
    log: Log | None = None,  # noqa: ARG001 - what all senders are given
) -> OtlpGrpcSender:
    """Return the sender of one exporter. Imports `grpcio`, which takes 60 ms of CPU.

    Args:
        settings: Of the exporter.
        own_ports: Of our receivers, to which nothing must ever be exported.
        log: Not asked for here.

    Raises:
        ValueError: It cannot be used; the message is a clause that says why.
    """
    grpc = grpc_library.load()
    peers: dict[tuple[str, Tls], _Peer] = {}
    routes: dict[Signal, _Route] = {}
    for signal, target in settings.targets.items():
        tls = settings.tls[signal]
        if _is_own(target, own_ports):
            message = f"{target} is this collector itself"
            raise UnusableError(message)
        metadata = grpc_metadata.metadata(settings.headers[signal], settings.auth)
        if (target, tls) not in peers:
            peers[target, tls] = _Peer(grpc, target, tls)
        routes[signal] = _Route(peers[target, tls], metadata, settings, signal)
    return OtlpGrpcSender(grpc, routes)


class _Route:
    """How requests of one signal are sent."""

    def __init__(
        self, peer: _Peer, metadata: grpc_metadata.Metadata, settings: OtlpGrpc, signal: Signal
    ) -> None:
        self.peer = peer
        self.metadata = metadata
        self.method = _METHODS[signal.name]
        self.is_gzip = settings.is_gzip[signal]
        self.timeout_s = settings.timeout_s[signal]


class OtlpGrpcSender:
    """Send the requests of one exporter, one at a time."""

    def __init__(self, grpc: Any, routes: dict[Signal, _Route]) -> None:  # noqa: ANN401 - a module
        self._grpc = grpc
        self._routes = routes

    def peer_of(self, request: ExportRequest) -> object:
        """Return whom a request goes to, as something to compare."""
        return self._routes[request.signal].peer

    def send(self, request: ExportRequest, deadline_at: float) -> Outcome:
        """Send one request and return what became of it.

        Args:
            request: Its signal is one of the exporter's.
            deadline_at: Seconds since the epoch; bounds everything, resolution included.

        Raises:
            PeerError: There is no answer. The request may have arrived.
        """
        route = self._routes[request.signal]
        deadline_at = min(deadline_at, clock.now() + route.timeout_s)
        try:
            body = _in_protobuf(request)
        except ValueError as fault:
            return Refused(request, Failure(CONTENT, str(fault), None))
        try:
            answer = self._call(route, body, deadline_at)
        except self._grpc.RpcError as fault:
            status = _status_of(fault)
            failure = grpc_answer.failure_of(status, route.metadata, route.peer.proxy_name)
            if _is_out_of_reach(status):
                raise PeerError(failure) from None
            return grpc_answer.refused(request, status, failure)
        return grpc_answer.outcome(request, answer, route.metadata)

    def close(self) -> None:
        """Close all channels; whatever was called on them ends at once."""
        for route in self._routes.values():
            route.peer.close()

    def _call(self, route: _Route, body: bytes, deadline_at: float) -> bytes:
        if route.peer.is_kept():
            try:
                return self._call_once(route, body, deadline_at)
            except self._grpc.RpcError as fault:
                status = _status_of(fault)
                if status.code != "UNAVAILABLE" or status.details:
                    raise
                # The connection did not outlive the freeze: once more, on a new one. A peer
                # that is up and says so itself looks the same, and is asked a second time,
                # unless it gives details: they may be for how long it wants to be left alone.
        return self._call_once(route, body, deadline_at)

    def _call_once(self, route: _Route, body: bytes, deadline_at: float) -> bytes:
        timeout_s = deadline_at - clock.now()
        if timeout_s <= 0:
            raise PeerError(Failure(TIMEOUT, "no answer in time", None))
        compression = self._grpc.Compression
        call = route.peer.channel().unary_unary(route.method)
        try:
            answer: bytes = call(
                body,
                timeout=timeout_s,
                metadata=route.metadata,
                compression=compression.Gzip if route.is_gzip else compression.NoCompression,
            )
        except self._grpc.RpcError as fault:
            if _is_out_of_reach(_status_of(fault)):
                route.peer.close()
            raise
        route.peer.was_used()
        return answer


class _Peer:
    """One host, and the channel to it while that can be alive.

    Attributes:
        proxy_name: Of the one that all connections are to; empty for none.
    """

    def __init__(self, grpc: Any, target: str, tls: Tls) -> None:  # noqa: ANN401 - a module
        self._grpc = grpc
        self._target = target
        self._credentials = None if tls.is_plain else _credentials(grpc, tls)
        through = standard_proxy(proxy.variables(), "https", *split_known(target))
        self.proxy_name = through.name if through else ""
        self._options = _options(tls, through)
        self._channel: Any = None
        self._used_at = 0.0

    def is_kept(self) -> bool:
        """Return whether there is a channel that was good lately; forget any other."""
        if self._channel is not None and not 0 <= clock.now() - self._used_at < IDLE_S_MAX:
            self.close()
        return self._channel is not None

    def was_used(self) -> None:
        """Note that a call was answered just now."""
        self._used_at = clock.now()

    def channel(self) -> Any:  # noqa: ANN401 - the library has no types
        """Return the channel, a new one when there is none; it connects at the first call."""
        if self._channel is None:
            if self._credentials is None:
                self._channel = self._grpc.insecure_channel(self._target, self._options)
            else:
                self._channel = self._grpc.secure_channel(
                    self._target, self._credentials, self._options
                )
            self._used_at = clock.now()
        return self._channel

    def close(self) -> None:
        """Close the channel, if there is one; never waits."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _options(tls: Tls, through: Proxy | None) -> list[Option]:
    options: list[Option] = [
        ("grpc.primary_user_agent", f"otel-layer/{VERSION}"),
        ("grpc.max_receive_message_length", _ANSWER_BYTES_MAX),
        # Two exporters to one host would share a connection: a new channel of one would be
        # given the old connection that the other still has.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    if through is None:
        options.append(("grpc.enable_http_proxy", 0))
        return options
    options.append(("grpc.http_proxy", through.name))
    if through.authorization:
        header = f"Proxy-Authorization:{through.authorization}"
        options.append(("grpc.http_connect_headers", header))
    return options


def _credentials(grpc: Any, tls: Tls) -> Any:  # noqa: ANN401 - the library has no types
    from collector_ext.edge.tls import context_of  # noqa: PLC0415 - with TLS only

    if tls.is_unverified:
        message = "gRPC cannot leave certificates unverified; name their authority in ca_file"
        raise UnusableError(message)
    if tls.version_min == "1.3":
        message = "gRPC cannot be told to refuse TLS 1.2; leave out min_version"
        raise UnusableError(message)
    if any((tls.ca_file, tls.ca_pem, tls.cert_file, tls.cert_pem)):
        # The library would find fault with them at the first call, and in words of its own.
        context_of(tls)
    roots = tls.ca_pem.encode() or _content(tls.ca_file)
    chain = tls.cert_pem.encode() or _content(tls.cert_file)
    # A certificate and its key may be in one file.
    key = (tls.key_pem.encode() or _content(tls.key_file) or chain) if chain else b""
    return grpc.ssl_channel_credentials(
        roots or _system_authorities() or None, key or None, chain or None
    )


def _content(path: str) -> bytes:
    """Return what a file holds; nothing for one that cannot be read, which is said elsewhere."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - `pathlib` costs 10 ms
            return file.read()
    except OSError:
        return b""


def _system_authorities() -> bytes:
    """Return the authorities that HTTPS trusts, SSL_CERT_FILE included; empty for none.

    With none, `grpcio` takes those it brings along.
    """
    import ssl  # noqa: PLC0415 - loaded by `grpcio` already

    return _content(ssl.get_default_verify_paths().cafile or "")


def _status_of(fault: Any) -> grpc_answer.Status:  # noqa: ANN401 - the library has no types
    details = dict(fault.trailing_metadata() or ()).get(_DETAILS, b"")
    return grpc_answer.Status(fault.code().name, fault.details() or "", details)


def _is_out_of_reach(status: grpc_answer.Status) -> bool:
    return status.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}


def _is_own(target: str, own_ports: tuple[int, ...]) -> bool:
    host, port = split_known(target)
    return port in own_ports and is_loopback(host)


def _in_protobuf(request: ExportRequest) -> bytes:
    """Return the body to send; ValueError for JSON that is no export request."""
    if request.content_type != JSON:
        return request.merged()
    from collector_ext.core.transcode.from_json import json_to_protobuf  # noqa: PLC0415 - JSON only

    return json_to_protobuf(request.signal, request.merged())
