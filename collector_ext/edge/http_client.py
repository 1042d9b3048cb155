"""An HTTP/1.1 client for one endpoint, which keeps its connection and every deadline.

Not `http.client` (22 ms to import, 13 of them `email`): what an exporter needs is to give up in
time at every byte, and to know whether a kept connection outlived the freeze.

Specification: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import _socket
import select

from collector_ext.core import endpoint as core_endpoint
from collector_ext.core import http1
from collector_ext.core.http1 import HttpError, Response, ResponseReader
from collector_ext.edge import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from collector_ext.core.endpoint import Endpoint

IDLE_S_MAX = 50.0
"""A kept connection older than this is not used again: load balancers close after 60 s (AWS's
default), and a frozen environment does not hear of it."""

_ANSWER_BYTES_MAX = 4 * 1024 * 1024
_RECEIVE_BYTES = 64 * 1024

_SUCCESS = range(200, 300)


class PeerError(Exception):
    """The endpoint could not be reached, did not answer in time, or not in HTTP."""


class HttpClient:
    """Post to one host over one kept connection; one request at a time.

    Args:
        endpoint: The host.
        own_port: Of our receiver, to which nothing must ever be posted.
    """

    def __init__(self, endpoint: Endpoint, *, own_port: int) -> None:
        self._endpoint = endpoint
        self._own_port = own_port
        self._socket: _socket.socket | ssl.SSLSocket | None = None
        self._used_at = 0.0
        self._tls_context: ssl.SSLContext | None = None
        self._tls_session: ssl.SSLSession | None = None

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
        head = {"Host": self._endpoint.authority, **headers}
        request = http1.serialise_request("POST", target, head, body)
        try:
            response = self._exchange(request, deadline_at)
        except (OSError, ValueError, HttpError) as fault:
            self.close()
            raise PeerError(_reason(fault)) from fault
        self._used_at = clock.now()
        if not response.keep_alive:
            self.close()
        return response

    def close(self) -> None:
        """Close the kept connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

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

    def _kept(self) -> _socket.socket | ssl.SSLSocket | None:
        """Return the kept connection if it can be alive."""
        if self._socket is None or not 0 <= clock.now() - self._used_at < IDLE_S_MAX:
            return None
        # Nothing was asked for: what there is to read is the end of it.
        return None if _is_readable(self._socket) else self._socket

    def _connect(self, deadline_at: float) -> _socket.socket | ssl.SSLSocket:
        endpoint = self._endpoint
        # As bytes: to encode a name it is given as text, Python imports 7 ms of `idna`.
        host = endpoint.host.encode("ascii")
        addresses = _socket.getaddrinfo(host, endpoint.port, 0, _socket.SOCK_STREAM)
        fault: OSError = OSError("no address")
        for family, kind, protocol, _, address in addresses:
            if address[1] == self._own_port and core_endpoint.is_loopback(str(address[0])):
                fault = OSError("it is this collector itself")
                continue
            connection = _socket.socket(family, kind, protocol)
            try:
                _set_timeout(connection, deadline_at)
                connection.connect(address)
                # The last bytes of a request must not wait for an acknowledgement.
                connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            except OSError as refusal:
                connection.close()
                fault = refusal
                continue
            if endpoint.scheme == "https":
                return self._wrap(connection, deadline_at)
            return connection
        raise fault

    def _wrap(self, connection: _socket.socket, deadline_at: float) -> ssl.SSLSocket:
        import socket  # noqa: PLC0415 - 8 ms, and `ssl` 7 ms: only when the endpoint is https

        if self._tls_context is None:
            self._tls_context = _tls_context(self._endpoint)
        wrapped = self._tls_context.wrap_socket(
            socket.socket(fileno=connection.detach()),
            server_hostname=self._endpoint.host.encode("ascii"),  # as in `_connect`
            do_handshake_on_connect=False,
            session=self._tls_session,
        )
        try:
            _set_timeout(wrapped, deadline_at)
            wrapped.do_handshake()
        except OSError:
            wrapped.close()
            raise
        return wrapped


def _tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - 7 ms: only when the endpoint is https

    try:
        context = ssl.create_default_context(cafile=endpoint.certificate or None)
        if endpoint.client_certificate:
            context.load_cert_chain(endpoint.client_certificate, endpoint.client_key or None)
    except OSError as fault:
        message = f"cannot use OTEL_EXPORTER_OTLP_CERTIFICATE or _CLIENT_...: {_reason(fault)}"
        raise ValueError(message) from fault
    return context


def _exchange_on(
    connection: _socket.socket | ssl.SSLSocket,
    reader: ResponseReader,
    request: bytes,
    deadline_at: float,
) -> Response:
    unsent = memoryview(request)
    while unsent:
        _set_timeout(connection, deadline_at)
        unsent = unsent[connection.send(unsent) :]
    try:
        return _answer_on(connection, reader, deadline_at)
    except (OSError, HttpError):
        response = reader.without_body()
        if response is None or response.status not in _SUCCESS:
            raise
        # The request was accepted. Sent again, it would be there twice.
        return response


def _answer_on(
    connection: _socket.socket | ssl.SSLSocket, reader: ResponseReader, deadline_at: float
) -> Response:
    while True:
        _set_timeout(connection, deadline_at)
        received = connection.recv(_RECEIVE_BYTES)
        reader.feed(received)
        response = reader.next_response()
        if response is not None:
            return response
        if not received:
            message = "the connection was closed before an answer"
            raise ConnectionResetError(message)


def _set_timeout(connection: _socket.socket | ssl.SSLSocket, deadline_at: float) -> None:
    timeout_s = deadline_at - clock.now()
    if timeout_s <= 0:
        raise TimeoutError
    connection.settimeout(timeout_s)


def _is_readable(connection: _socket.socket | ssl.SSLSocket) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _reason(fault: Exception) -> str:
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault) or type(fault).__name__
