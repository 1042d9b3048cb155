"""Connections of frozen processes, cut as those are that nobody has used for a long time.

On Lambda, a frozen environment does not see that a peer closes, nor that a router on the way
forgets an idle connection (after 350 s, a NAT gateway). When it is thawed, a connection may look
alive until the first request is answered with a reset, or never is. Here the process finds the
end of the stream when it reads, and a broken pipe when it writes: as if the peer had closed just
before the freeze, which is the mildest of these.

Source: https://man7.org/linux/man-pages/man2/pidfd_getfd.2.html
Source: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
"""

from __future__ import annotations

import ctypes
import os
import socket
from contextlib import ExitStack, closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

Address = tuple[str, int]
"""Host and port; an IPv4 address as such, even if the socket is one for IPv6."""

_PIDFD_GETFD = 438
"""The number of the system call, on every architecture."""


def cut_idle_connections(pids: Collection[int], keep: Collection[Address]) -> int | None:
    """Cut the connections that stopped processes have with the world outside.

    What connects two of them stays, and what one of them has accepted: nobody can connect into an
    environment but the platform, which delivers telemetry.

    Args:
        pids: All processes of the environment; stopped, or they might close what we look at.
        keep: With whom connections stay: the sandbox's own APIs.

    Returns:
        How many were cut; None, and none is, if the machine does not let us reach into the
        processes: the system call is missing, or it takes more privileges.
    """
    with ExitStack() as afterwards:
        found: dict[int, socket.socket] = {}  # by inode: processes may share a socket
        try:
            for pid in pids:
                for copy in _sockets(pid):
                    afterwards.enter_context(closing(copy))
                    found[os.fstat(copy.fileno()).st_ino] = copy
        except OSError:
            return None
        idle = _to_the_outside(list(found.values()), keep)
        for connection in idle:
            with suppress(OSError):  # the peer was faster
                connection.shutdown(socket.SHUT_RDWR)
        return len(idle)


def _sockets(pid: int) -> Iterator[socket.socket]:
    """Yield copies of the TCP sockets of a process; none of one that is gone."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for descriptor in _socket_descriptors(pid):
            copy = socket.socket(fileno=_copy(process, descriptor))
            if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type == socket.SOCK_STREAM:
                yield copy
            else:
                copy.close()
    finally:
        os.close(process)


def _socket_descriptors(pid: int) -> list[int]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208  # names are wanted, not paths
    except FileNotFoundError:
        return []
    return [int(name) for name in names if os.readlink(f"{folder}/{name}").startswith("socket:")]  # noqa: PTH115  # as above


def _copy(process: int, descriptor: int) -> int:
    """Return a descriptor of ours for what another process's descriptor stands for."""
    libc = ctypes.CDLL(None, use_errno=True)
    copy: int = libc.syscall(_PIDFD_GETFD, process, descriptor, 0)
    if copy < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return copy


def _to_the_outside(sockets: list[socket.socket], keep: Collection[Address]) -> list[socket.socket]:
    listening = {_address(each.getsockname())[1] for each in sockets if _listens(each)}
    ends: dict[tuple[Address, Address], socket.socket] = {}
    for each in sockets:
        with suppress(OSError):  # it is not connected
            ends[_address(each.getsockname()), _address(each.getpeername())] = each
    return [
        connection
        for (here, there), connection in ends.items()
        if there not in keep
        and (there, here) not in ends
        and here[1] not in listening
        # Asked for, and not accepted yet: it has no other end so far.
        and not (there[0] == here[0] and there[1] in listening)
    ]


def _listens(each: socket.socket) -> bool:
    return bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _address(name: tuple[str, int]) -> Address:
    return name[0].removeprefix("::ffff:"), name[1]
