"""The socket that the workers of a managed instance write their output to.

Workers are forks of the runtime's process, and would share its standard output and error: a line
of one could end in a line of another. So each connects twice, once for standard output and once
for standard error, and writes there instead; ``_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET`` says
where. What its children write comes over the same connections, and these end with the last.

Source: ``MultiConcurrentRunner`` of the runtime client, awslambdaric
"""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import RUNTIME, LineWritten
from lambda_sandbox.core.function import MAX_CONCURRENCY_MAX
from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.core.telemetry.log_frames import Lines
from lambda_sandbox.edge.loop import READ

if TYPE_CHECKING:
    from pathlib import Path

    from lambda_sandbox.edge.loop import Loop

PATH_BYTES_MAX = 107
"""The longest path of a unix socket: ``sun_path`` has 108 bytes, the last of them zero."""

CONNECTIONS_MAX = 2 * MAX_CONCURRENCY_MAX
"""Two for each worker; one more is closed at once, and whoever writes to it is told."""

READ_BYTES = 262_144
"""What is read at a time: more than a connection holds, unless a worker made its own larger.

The kernel's default is ``net.core.wmem_default``, 212,992 bytes.
"""


class WorkerLogs:
    """Listen at a path, and tell what workers write, line by line, as the runtime's.

    Args:
        loop: Where lines are told.
        path: Where to listen. Nothing is there yet, and nothing is there after ``close``.
        connections_max: How many outputs are heard at a time.

    Raises:
        SandboxError: The path has more than ``PATH_BYTES_MAX`` bytes.
    """

    def __init__(self, loop: Loop, path: Path, *, connections_max: int = CONNECTIONS_MAX) -> None:
        size_bytes = len(os.fsencode(path))
        if size_bytes > PATH_BYTES_MAX:
            message = (
                f"workers cannot connect to {path}: the path of a socket has {PATH_BYTES_MAX} bytes"
                f" at most, not {size_bytes}; set TMPDIR to a shorter one"
            )
            raise SandboxError(message)
        self._loop = loop
        self._path = path
        self._connections_max = connections_max
        self._connections: dict[socket.socket, Lines] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(connections_max)  # the kernel may allow less: then workers wait
        self._socket.setblocking(False)  # noqa: FBT003  # positional-only
        loop.watch(self._socket, READ, self._accept)

    def _accept(self) -> bool:
        try:
            connection, _ = self._socket.accept()
        except OSError:  # nobody is there any more
            return False
        if len(self._connections) >= self._connections_max:
            connection.close()
            return True
        connection.setblocking(False)  # noqa: FBT003  # positional-only
        self._connections[connection] = Lines()
        self._loop.watch(connection, READ, partial(self._hear, connection))
        return True

    def hear(self) -> None:
        """Tell every line that has been written until now."""
        # A worker may have connected, written, and called the API since the loop looked. As many
        # as may wait are accepted, and each is read once: who connects or writes faster than we
        # listen would keep us for ever.
        for _ in range(self._connections_max + 1):  # the kernel lets one more wait than told to
            if not self._accept():
                break
        for connection in tuple(self._connections):
            self._hear(connection)

    def _hear(self, connection: socket.socket) -> None:
        try:
            said = connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # reset: whoever wrote there was killed
            said = b""
        if not said:
            self._hang_up(connection)
            return
        self._tell(self._connections[connection].feed(said))

    def _hang_up(self, connection: socket.socket) -> None:
        lines = self._connections.pop(connection)
        self._loop.forget(connection)
        connection.close()
        self._tell(lines.finish())

    def _tell(self, lines: list[str]) -> None:
        for line in lines:
            self._loop.emit(LineWritten(RUNTIME, line))

    def close(self) -> None:
        """Tell what has been begun, too, and listen no more: all workers have ended."""
        self.hear()
        for connection in tuple(self._connections):
            self._hang_up(connection)
        self._loop.forget(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)  # the function may empty its folder for temporary files
