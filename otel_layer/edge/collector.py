"""Where the collector listens, as it wrote down before the runtime was started.

Or before the function was invoked: a process that is restored from a snapshot has the memory of
the one that was cloned, and may have another collector beside it.
"""

from __future__ import annotations

import os

from otel_layer.core import rendezvous


class Whereabouts:
    """Of the collector.

    Args:
        runtime_api: As in ``locate``.

    Attributes:
        is_own: Whether our own collector was there at first: no other will do for it.
    """

    def __init__(self, runtime_api: str) -> None:
        self._runtime_api = runtime_api
        self._port, self.is_own = locate(runtime_api)

    def port(self) -> int:
        """Return where it listens now, or where it did when it was seen last."""
        port, is_own = locate(self._runtime_api)
        if is_own == self.is_own:
            self._port = port
        return self._port


def locate(runtime_api: str) -> tuple[int, bool]:
    """Find the collector.

    Args:
        runtime_api: ``AWS_LAMBDA_RUNTIME_API``: several environments may share a machine.

    Returns:
        The port on 127.0.0.1, and whether our own collector listens there.
    """
    try:
        with open(rendezvous.path(runtime_api), "rb") as file:  # noqa: PTH123  # pathlib: 8 ms
            content = file.read()
    except OSError:
        return rendezvous.DEFAULT_PORT, False
    found = rendezvous.parsed(content)
    if found is None or not _is_alive(found[1]):
        return rendezvous.DEFAULT_PORT, False
    return found[0], True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # alive, and another user's
        return True
    return True
