"""An HTTP/1.1 client for one host, which keeps its connection and every deadline.

Not `http.client` (22 ms to import, 13 of them `email`): what an exporter needs is to give up in
time at every byte, and to know whether a kept connection outlived the freeze.

Specification: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from collector_ext.core import http1
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.http1 import BAD_REQUEST, HttpError, Response, ResponseReader
from collector_ext.edge import clock, tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    import ssl
    from typing import Protocol

    from collector_ext.core.config.configuration import Tls
    from collector_ext.core.proxy import Proxy
    from collector_ext.edge.tcp import Connection

    class Host(Protocol):
        """What a client is for."""

        @property
        def scheme(self) -> str:
            """Http or https."""

        @property
        def host(self) -> str:
            """A name or an address, without brackets."""

        @property
        def port(self) -> int:
            """Of it."""


IDLE_S_MAX = 50.0
"""A kept connection older than this is not used again: load balancers close after 60 s (AWS's
default), and a frozen environment does not hear of it."""

_ANSWER_BYTES_MAX = 4 * 1024 * 1024
_RECEIVE_BYTES = 64 * 1024
_READ_S = 1.0  # for what has come already; TLS may want the rest of a record

_SUCCESS = range(200, 300)
_PROXY_UNAUTHENTICATED = 407

_DEFAULT_PORTS = {"http": 80, "https": 443}

_HTTP2_SETTINGS = b"\x00\x00"
"""How the length of the first frame of a server begins, which has a few settings:
https://www.rfc-editor.org/rfc/rfc9113#name-frame-format"""

_TLS_ALERT = b"\x15\x03"
"""https://www.rfc-editor.org/rfc/rfc8446#section-5.1"""


class PeerError(Exception):
    """A request was not answered: the peer was not reached, or not asked, or is silent.

    Attributes:
        failure: Why; its reason is this exception's text.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class HttpClient:
    """Post to one host over one kept connection; one request at a time.

    Args:
        host: Scheme, host and port.
        own_ports: Of our receivers, to which nothing must ever be posted.
        tls: For https: how the host is trusted.
        proxy: Between us and the host, if there is one.
    """

    def __init__(
        self, host: Host, *, own_ports: tuple[int, ...], tls: Tls, proxy: Proxy | None
    ) -> None:
        self._host = host
        self._own_ports = own_ports
        self._tls = tls
        self._proxy = proxy
        self._socket: Connection | None = None
        self._used_at = 0.0
        self._tls_context: ssl.SSLContext | None = None
        self._tls_session: ssl.SSLSession | None = None

    @property
    def authority(self) -> str:
        """Host and port as in a Host header: the port only when it is not the default."""
        host = self._host
        is_default = host.port == _DEFAULT_PORTS[host.scheme]
        return _bracketed(host.host) if is_default else f"{_bracketed(host.host)}:{host.port}"

    def post(
        self, target: str, headers: dict[str, str], body: bytes, *, deadline_at: float
    ) -> Response:
        """Send one request and return its answer.

        Args:
            target: Path and query.
            headers: Beside Host and Content-Length.
            body: As it is to be sent.
            deadline_at: Seconds since the epoch; bounds connecting, sending and receiving,
                except for the resolution of names, which cannot be given up.

        Raises:
            PeerError: There is no answer. The request may have arrived.
        """
        head = {"Host": self.authority, **headers}
        if self._proxy and self._host.scheme == "http":
            target = f"http://{self.authority}{target}"
            if self._proxy.authorization:
                head["Proxy-Authorization"] = self._proxy.authorization
        request = http1.serialise_request("POST", target, head, body)
        try:
            response = self._exchange(request, deadline_at)
        except (OSError, ValueError, HttpError) as fault:
            self.close()
            raise PeerError(self._failure(fault, headers)) from fault
        self._used_at = clock.now()
        if not response.keep_alive:
            self.close()
        self._check_is_of_host(response)
        return response

    def close(self) -> None:
        """Close the kept connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _check_is_of_host(self, response: Response) -> None:
        """Take a proxy that wants to be paid for what it is: the host has not been asked."""
        if self._proxy and response.status == _PROXY_UNAUTHENTICATED:
            from collector_ext.edge import proxy  # noqa: PLC0415 - only where there is one

            reason = f"by the proxy {self._proxy.name}: {proxy.unauthenticated(self._proxy)}"
            raise PeerError(Failure(failures.PROXY, reason, None))

    def _failure(self, fault: Exception, headers: dict[str, str]) -> Failure:
        if isinstance(fault, HttpError):
            from collector_ext.core import refusal  # noqa: PLC0415 - where there is one

            # It quotes the answer, which may quote the request.
            reason = refusal.excerpt(str(fault), refusal.secrets_of(headers.values()))
            return Failure(failures.ANSWER, reason, None)
        if self._host.scheme == "http":
            return tcp.failure(fault)
        from collector_ext.edge import tls  # noqa: PLC0415 - as in `_connect`

        return tls.failure(fault)

    def _exchange(self, request: bytes, deadline_at: float) -> Response:
        kept = self._kept()
        if kept is not None:
            reader = ResponseReader(body_bytes_max=_ANSWER_BYTES_MAX)
            try:
                return _exchange_on(kept, reader, request, deadline_at)
            except OSError as fault:
                if isinstance(fault, TimeoutError) or not reader.is_between_messages:
                    raise
                # It did not outlive the freeze, and nobody has read the request: once more.
        self.close()
        connection = self._socket = self._connect(deadline_at)
        reader = ResponseReader(body_bytes_max=_ANSWER_BYTES_MAX)
        response = _exchange_on(connection, reader, request, deadline_at)
        # TLS 1.3 servers send their tickets after the handshake: by now they have been read.
        self._tls_session = getattr(connection, "session", None)
        return response

    def _kept(self) -> Connection | None:
        """Return the kept connection if it can be alive."""
        if self._socket is None or not 0 <= clock.now() - self._used_at < IDLE_S_MAX:
            return None
        # Nothing was asked for: what there is to read is the end of it.
        return None if tcp.is_readable(self._socket) else self._socket

    def _connect(self, deadline_at: float) -> Connection:
        if self._host.scheme == "http":
            return self._connect_tcp(deadline_at)
        from collector_ext.edge import tls  # noqa: PLC0415 - 15 ms: only for https

        if self._tls_context is None:
            self._tls_context = tls.context_of(self._tls)
        return tls.wrap(
            self._connect_tcp(deadline_at),
            self._tls_context,
            self._tls.server_name or self._host.host,
            session=self._tls_session,
            deadline_at=deadline_at,
        )

    def _connect_tcp(self, deadline_at: float) -> _socket.socket:
        host, port, ports = self._host.host, self._host.port, self._own_ports
        if self._proxy:
            return self._connect_by(self._proxy, deadline_at)
        return tcp.connect(host, port, own_ports=ports, deadline_at=deadline_at)

    def _connect_by(self, proxy: Proxy, deadline_at: float) -> _socket.socket:
        from collector_ext.edge.proxy import open_tunnel  # noqa: PLC0415 - only with a proxy

        host = self._host
        connection: _socket.socket | None = None
        try:
            connection = tcp.connect(
                proxy.host, proxy.port, own_ports=self._own_ports, deadline_at=deadline_at
            )
            if host.scheme == "https":
                authority = f"{_bracketed(host.host)}:{host.port}"
                open_tunnel(connection, authority, proxy, deadline_at=deadline_at)
        except OSError as fault:
            if connection:
                connection.close()
            reason = f"by the proxy {proxy.name}: {tcp.reason(fault)}"
            raise tcp.ClassifiedError(failures.PROXY, reason) from fault
        return connection


def _exchange_on(
    connection: Connection, reader: ResponseReader, request: bytes, deadline_at: float
) -> Response:
    tcp.send_all(connection, request, deadline_at)
    try:
        return _answer_on(connection, reader, deadline_at)
    except (OSError, HttpError):
        response = reader.without_body()
        if response is None or response.status not in _SUCCESS:
            raise
        # The request was accepted. Sent again, it would be there twice.
        return response


def _answer_on(connection: Connection, reader: ResponseReader, deadline_at: float) -> Response:
    while True:
        # What came during a freeze is read, though its time is over.
        is_there = tcp.is_readable(connection)
        tcp.set_timeout(connection, clock.now() + _READ_S if is_there else deadline_at)
        received = connection.recv(_RECEIVE_BYTES)
        if reader.is_between_messages:
            _check_is_http(received)
        reader.feed(received)
        response = reader.next_response()
        if response is not None:
            return response
        if not received:
            message = "the connection was closed before an answer"
            raise ConnectionResetError(message)


def _check_is_http(received: bytes) -> None:
    """Recognise the two protocols that are most often met where HTTP is expected.

    Raises:
        HttpError: It is HTTP/2.
        OSError: It is TLS.
    """
    if received.startswith(_HTTP2_SETTINGS):
        raise HttpError(BAD_REQUEST, "it speaks HTTP/2 alone, as OTLP/gRPC does")
    if received.startswith(_TLS_ALERT):
        reason = "it speaks TLS, its URL begins with https"
        raise tcp.ClassifiedError(failures.TLS, reason)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
