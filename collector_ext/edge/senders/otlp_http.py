"""Sends export requests over OTLP/HTTP.

Specification: https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
"""

from __future__ import annotations

import posix
import zlib

from collector_ext.core import otlp_answer
from collector_ext.core.delivery.failures import CONTENT, SECRET, Failure
from collector_ext.core.events import Outcome, Refused
from collector_ext.core.otlp import JSON, ExportRequest, Signal
from collector_ext.edge import clock
from collector_ext.edge.http_client import HttpClient, PeerError
from collector_ext.version import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.configuration import Auth, Destination, OtlpHttp
    from collector_ext.core.proxy import Proxy
    from collector_ext.edge.log import Log
    from collector_ext.edge.sigv4 import Signer

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_GZIP_LEVEL = 1
"""Spans shrink to a fifth at any level; level 6 takes three times the CPU, which is billed."""

_OURS = ("content-type", "content-encoding", "user-agent")
"""Headers that are sent whatever the configuration says."""

_PROXIES = (
    b"http_proxy",
    b"https_proxy",
    b"all_proxy",
    b"HTTP_PROXY",
    b"HTTPS_PROXY",
    b"ALL_PROXY",
)


def __getattr__(name: str) -> object:
    """Return ``KEYS`` and ``read``: documents alone need them, and the tables they load."""
    if name not in {"KEYS", "read"}:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from collector_ext.core.config.exporters import otlp_http  # noqa: PLC0415 - as above

    return getattr(otlp_http, name)


def sender_of(
    settings: OtlpHttp,
    *,
    own_ports: tuple[int, ...],
    log: Log | None = None,  # noqa: ARG001 - what all senders are given
) -> OtlpHttpSender:
    """Return the sender that the settings ask for; it connects when it first sends.

    Args:
        settings: Of the exporter.
        own_ports: Of our receivers, to which nothing must ever be exported.
        log: Not asked for here.

    Raises:
        ValueError: It cannot be used; the message is a clause that says why.
    """
    return OtlpHttpSender(settings, own_ports)


class OtlpHttpSender:
    """Post requests, those of signals that share a host over one connection."""

    def __init__(self, settings: OtlpHttp, own_ports: tuple[int, ...]) -> None:
        self._settings = settings
        self._clients = _clients(settings, own_ports)
        own, self._signer = _authentication(settings.auth)
        own["user-agent"] = f"otel-layer/{VERSION}"
        self._headers = {s: _headers(own, settings.headers[s]) for s in settings.destinations}

    def peer_of(self, request: ExportRequest) -> object:
        """Return the host: one that did not answer a moment ago is not paid for twice."""
        return self._clients[request.signal]

    def send(self, request: ExportRequest, deadline_at: float) -> Outcome:
        """Send one request and return what became of it.

        Raises:
            PeerError: There is no answer.
        """
        settings, signal = self._settings, request.signal
        client, destination = self._clients[signal], settings.destinations[signal]
        try:
            content_type, body = _encoded(request, is_json=settings.is_json)
        except ValueError as fault:
            return Refused(request, Failure(CONTENT, f"it cannot be transcoded: {fault}", None))
        headers = {"content-type": content_type, **self._headers[signal]}
        if settings.is_gzip[signal]:
            headers["content-encoding"] = "gzip"
            body = _compressed(body)
        deadline_at = min(deadline_at, clock.now() + settings.timeout_s[signal])
        if self._signer:
            url = f"{destination.scheme}://{client.authority}{destination.target}"
            headers.update(_signature(self._signer, url, headers, body, deadline_at))
        response = client.post(destination.target, headers, body, deadline_at=deadline_at)
        shown = {name: value for name, value in headers.items() if name not in _OURS}
        post = otlp_answer.Post(destination.target, shown)
        return otlp_answer.outcome(request, response, post, clock.now())

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()


def _encoded(request: ExportRequest, *, is_json: bool) -> tuple[str, bytes]:
    if not is_json or request.content_type == JSON:
        return request.content_type, request.merged()
    from collector_ext.core.transcode.to_json import to_json  # noqa: PLC0415 - http/json only

    return JSON, to_json(request)


def _headers(own: dict[str, str], configured: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return what is sent with every request: no header twice, in whatever letters.

    Raises:
        ValueError: One cannot be sent. Its value may be a secret, and is not said.
    """
    headers = own | {name.lower(): value.strip() for name, value in configured}
    if "authorization" in own:
        headers["authorization"] = own["authorization"]
    for name, value in headers.items():
        is_latin1 = all(ord(character) < 256 for character in value)  # noqa: PLR2004 - as in HTTP
        if not is_latin1 or not value.isprintable():
            message = f"the value of the header {name!r} has characters that cannot be sent"
            raise ValueError(message)
    return headers


def _compressed(body: bytes) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    return compressor.compress(body) + compressor.flush()


def _clients(settings: OtlpHttp, own_ports: tuple[int, ...]) -> dict[Signal, HttpClient]:
    by_peer: dict[tuple[object, ...], HttpClient] = {}
    clients: dict[Signal, HttpClient] = {}
    for signal, destination in settings.destinations.items():
        tls = settings.tls[signal]
        peer = (destination.scheme, destination.host, destination.port, tls)
        if peer not in by_peer:
            proxy = _proxy(settings.proxy, destination)
            by_peer[peer] = HttpClient(destination, own_ports=own_ports, tls=tls, proxy=proxy)
        clients[signal] = by_peer[peer]
    return clients


def _proxy(url: str, destination: Destination) -> Proxy | None:
    """Return the proxy to a destination: the exporter's own, or what the variables say."""
    if not url and not any(name in posix.environ for name in _PROXIES):
        return None
    from collector_ext.core import proxy  # noqa: PLC0415 - only where there may be one
    from collector_ext.edge.proxy import variables  # noqa: PLC0415 - as above

    if not url:
        return proxy.standard_proxy(
            variables(), destination.scheme, destination.host, destination.port
        )
    try:
        return proxy.proxy_of(url)
    except ValueError as fault:
        message = f"proxy_url: {fault}"
        raise ValueError(message) from None


def _authentication(auth: Auth | None) -> tuple[dict[str, str], Signer | None]:
    if auth is None:
        return {}, None
    from collector_ext.core.config.configuration import SigV4Auth  # noqa: PLC0415 - as below

    if not isinstance(auth, SigV4Auth):
        from collector_ext.core.auth import headers_of  # noqa: PLC0415 - where it is configured

        return headers_of(auth), None
    from collector_ext.edge import aws, sigv4  # noqa: PLC0415 - as above

    try:
        return {}, sigv4.Signer(auth)
    except aws.AwsError as fault:
        message = f"cannot sign with sigv4: {fault}"
        raise ValueError(message) from fault


def _signature(
    signer: Signer, url: str, headers: dict[str, str], body: bytes, deadline_at: float
) -> dict[str, str]:
    from collector_ext.edge.aws import AwsError  # noqa: PLC0415 - loaded, if there is a signer

    try:
        return signer.sign(url, headers, body, deadline_at=deadline_at)
    except AwsError as fault:
        raise PeerError(Failure(SECRET, str(fault), None)) from fault
