"""Connections to a peer, each step of which gives up in time.

On `_socket`, as `socket` costs 8 ms to import.
"""

from __future__ import annotations

import _socket
import select

from collector_ext.core.config.address import is_loopback
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure, Kind
from collector_ext.edge import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    Connection = _socket.socket | ssl.SSLSocket


class ClassifiedError(OSError):
    """What is known of a peer where it is found, and could not be told from the type alone."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def connect(
    host: str, port: int, *, own_ports: tuple[int, ...], deadline_at: float
) -> _socket.socket:
    """Return a connection to the first of a host's addresses that takes it.

    Args:
        host: A name or an address, in ASCII.
        port: Of it.
        own_ports: Of our receivers, to which nothing must ever be exported.
        deadline_at: Seconds since the epoch. The resolution of the name cannot be given up.

    Raises:
        OSError: Why the last address could not be used.
    """
    # As bytes: to encode a name it is given as text, Python imports 7 ms of `idna`.
    addresses = _socket.getaddrinfo(host.encode("ascii"), port, 0, _socket.SOCK_STREAM)
    fault: OSError = OSError("no address")
    for family, kind, protocol, _, address in addresses:
        if address[1] in own_ports and is_loopback(str(address[0])):
            fault = ClassifiedError(failures.LOCAL, "it is this collector itself")
            continue
        connection = _socket.socket(family, kind, protocol)
        try:
            set_timeout(connection, deadline_at)
            connection.connect(address)
            # The last bytes of a request must not wait for an acknowledgement.
            connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError as refusal:
            connection.close()
            fault = refusal
            continue
        return connection
    try:
        raise fault
    finally:
        # Its traceback holds this frame, and those above it, which hold the request.
        del fault


def send_all(connection: Connection, content: bytes, deadline_at: float) -> None:
    """Send all of ``content``.

    Raises:
        OSError: Some of it may have been sent.
    """
    unsent = memoryview(content)
    while unsent:
        set_timeout(connection, deadline_at)
        unsent = unsent[connection.send(unsent) :]


def set_timeout(connection: Connection, deadline_at: float) -> None:
    """Bound the next call on the connection.

    Raises:
        TimeoutError: The deadline has passed.
    """
    timeout_s = deadline_at - clock.now()
    if timeout_s <= 0:
        raise TimeoutError
    connection.settimeout(timeout_s)


def is_readable(connection: Connection) -> bool:
    """Whether there is something to read, which may be the connection's end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def failure(fault: Exception) -> Failure:
    """Return what a fault means for whoever had to reach a peer."""
    return Failure(_kind(fault), reason(fault), None)


def _kind(fault: Exception) -> Kind:
    if isinstance(fault, ClassifiedError):
        return fault.kind
    if isinstance(fault, TimeoutError):
        return failures.TIMEOUT
    if isinstance(fault, _socket.gaierror):
        return failures.NAME
    return failures.CONNECTION if isinstance(fault, OSError) else failures.LOCAL


def reason(fault: Exception) -> str:
    """Return what is to be said of a fault, as one clause."""
    if isinstance(fault, TimeoutError):
        return "no answer in time"
    if isinstance(fault, _socket.gaierror):
        return f"its name cannot be resolved: {fault.strerror}"
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return str(fault) or type(fault).__name__
