"""The sandbox's end of a snapshot: orders clones of a template, and hears of them.

The other end, and what is said between the two: ``template.py``.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from lambda_sandbox.edge.loop import READ

if TYPE_CHECKING:
    from lambda_sandbox.edge.loop import Loop

VARIABLE = "_LAMBDA_SANDBOX_SNAPSHOT_FD"
"""Names the descriptor of the template's end; its start script takes it away at once."""

MESSAGE_BYTES_MAX = 64


class Owner(Protocol):
    """Who is told, in the loop's thread."""

    def snapshot_taken(self, pid: int) -> None:
        """The before-snapshot hooks have run: clones of that process can be ordered."""

    def clone_started(self, pid: int) -> None:
        """A clone runs, and leads the process group of its id."""

    def clone_exited(self, pid: int, returncode: int) -> None:
        """That clone has ended; negative: by this signal. The next one can be ordered."""

    def snapshot_lost(self) -> None:
        """The template has ended, or will say nothing any more; told once, and last."""


class Snapshot:
    """One template, from its start to its end.

    Args:
        loop: Where its messages arrive.
        owner: Whom they are told.
    """

    def __init__(self, loop: Loop, owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)  # noqa: FBT003  # positional-only
        loop.watch(self._ours, READ, self._hear)

    @property
    def descriptor(self) -> int:
        """The template's end: to be inherited by it, and named in ``VARIABLE``."""
        return self._theirs.fileno()

    def hand_over(self) -> None:
        """Close the template's end: it has been started, or could not be."""
        self._theirs.close()

    def fork(self) -> None:
        """Order a clone; only while there is none."""
        with suppress(
            BrokenPipeError
        ):  # the template has ended: `snapshot_lost` is about to be told
            self._ours.send(b"fork")

    def close(self) -> None:
        """Say no more; a template without a clone ends."""
        self._theirs.close()
        if self._ours.fileno() < 0:
            return  # it was lost
        self._loop.forget(self._ours)
        self._ours.close()

    def _hear(self) -> None:
        try:
            word, *numbers = self._ours.recv(MESSAGE_BYTES_MAX).split() or [b""]
        except ConnectionResetError:  # the template ended with an order unread
            word, numbers = b"", []
        match word, *map(int, numbers):
            case (b"ready", int(pid)):
                self._owner.snapshot_taken(pid)
            case (b"forked", int(pid)):
                self._owner.clone_started(pid)
            case (b"exited", int(pid), int(returncode)):
                self._owner.clone_exited(pid, returncode)
            case _:
                self.close()
                self._owner.snapshot_lost()
