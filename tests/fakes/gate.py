"""What a function of ``tasks/stories/push.py`` waits at until something has happened outside.

::

    with Gate() as first, Gate(lambda: endpoint.wait_for(..., timeout_s)) as second:
        event = {"names": [], "size": 10, "gates": [first.port, second.port]}
        sandbox.invoke(json.dumps(event).encode())
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

LOOPBACK = "127.0.0.1"

PATIENCE_S = 20.0
"""How long the gate waits for the function; only a failing test waits this long."""


class Gate:
    """A port that lets whoever connects go, once.

    Args:
        wait: Returns when they may go; called on a thread of its own, from the beginning.
    """

    def __init__(self, wait: Callable[[], object] = lambda: None) -> None:
        self._wait = wait
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.settimeout(PATIENCE_S)
        self._keeper = threading.Thread(target=self._keep)

    @property
    def port(self) -> int:
        """Where the function has to connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.join()
        self._listener.close()

    def _keep(self) -> None:
        self._wait()
        connection, _ = self._listener.accept()
        connection.close()
