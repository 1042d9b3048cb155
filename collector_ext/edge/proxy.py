"""The way through an HTTP proxy: what the variables say, and the tunnel for https.

Specification: https://www.rfc-editor.org/rfc/rfc9110#name-connect
"""

from __future__ import annotations

import posix

from collector_ext.core.http1 import HttpError, Response, ResponseReader
from collector_ext.edge import tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from collector_ext.core.proxy import Proxy

UNAUTHENTICATED = 407

_SUCCESS = range(200, 300)
_ANSWER_BYTES_MAX = 64 * 1024

_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_VARIABLES = (*_NAMES, *map(str.upper, _NAMES), "REQUEST_METHOD")


def variables() -> dict[str, str]:
    """Return those of the process's variables that are about proxies, by their names."""
    found = {}
    for name in _VARIABLES:
        value = posix.environ.get(name.encode())
        if value:
            found[name] = value.decode("utf-8", "replace")
    return found


def open_tunnel(
    connection: _socket.socket, authority: str, proxy: Proxy, *, deadline_at: float
) -> None:
    """Have the proxy connect us to ``authority``, a host with its port.

    Raises:
        OSError: It did not; the connection is of no use.
    """
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    tcp.send_all(connection, "\r\n".join([*lines, "", ""]).encode("latin-1"), deadline_at)
    response = _answer(connection, deadline_at)
    if response.status == UNAUTHENTICATED:
        raise OSError(unauthenticated(proxy))
    if response.status not in _SUCCESS:
        message = f"it refused to connect to {authority}: HTTP {response.status}"
        raise OSError(message)


def unauthenticated(proxy: Proxy) -> str:
    """Return what is wrong when it answers 407."""
    if proxy.authorization:
        return "HTTP 407, it does not accept the user and password in its URL"
    return "HTTP 407, it wants a user and a password: http://user:password@..."


def _answer(connection: _socket.socket, deadline_at: float) -> Response:
    """Return the head of the answer: one to CONNECT that succeeds has no body, whatever it says."""
    reader = ResponseReader(body_bytes_max=_ANSWER_BYTES_MAX)
    while True:
        tcp.set_timeout(connection, deadline_at)
        # No byte of the tunnel is taken: in TLS, the client is the first to speak.
        received = connection.recv(_ANSWER_BYTES_MAX)
        reader.feed(received)
        try:
            response = reader.next_response() or reader.without_body()
        except HttpError as fault:
            response = reader.without_body()
            if response is None:
                message = f"its answer is not HTTP: {fault}"
                raise OSError(message) from fault
        if response is not None:
            return response
        if not received:
            message = "it closed the connection before an answer"
            raise ConnectionResetError(message)
