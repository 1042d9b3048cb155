"""What one process writes: its standard output, its standard error, and its framed log."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from lambda_sandbox.core.events import LineWritten
from lambda_sandbox.core.telemetry.log_frames import Frames, Lines
from lambda_sandbox.edge.loop import READ

if TYPE_CHECKING:
    from lambda_sandbox.edge.loop import Loop

READ_BYTES = 65_536
"""What is read at a time: all that a pipe holds, unless a process made its own larger (pipe(7))."""


class Pipe:
    """One output of a process: we read, it writes.

    Args:
        reader: Knows where a record ends.
    """

    def __init__(self, reader: Lines | Frames) -> None:
        self.reader = reader
        self.descriptor, self.writing_end = os.pipe()
        os.set_blocking(self.descriptor, False)

    def close(self) -> None:
        """Close our end."""
        os.close(self.descriptor)

    def hand_over(self) -> None:
        """Close the other end: the process has it."""
        os.close(self.writing_end)


class Outputs:
    """All outputs of one process, told record by record.

    Args:
        loop: Where records are told.
        name: The process's.
    """

    def __init__(self, loop: Loop, name: str) -> None:
        self._loop = loop
        self._name = name
        self._pipes: list[Pipe] = []

    def open(self, *, frames: bool) -> list[int]:
        """Make the pipes.

        Args:
            frames: Whether there is a third one, for the framed log.

        Returns:
            What the process is to be given: its outputs' descriptors.

        Raises:
            OSError: There are no more descriptors.

        Afterwards:
            ``hand_over``; and ``close`` if the process could not be started, else ``watch``.
        """
        readers: list[Lines | Frames] = [Lines(), Lines(), *([Frames()] if frames else [])]
        for reader in readers:
            self._pipes.append(Pipe(reader))
        return [pipe.writing_end for pipe in self._pipes]

    def hand_over(self) -> None:
        """Close the other ends: the process has them, or never will."""
        for pipe in self._pipes:
            pipe.hand_over()

    def close(self) -> None:
        """Close our ends, unheard."""
        for pipe in self._pipes:
            pipe.close()

    def watch(self) -> None:
        """Tell what is written from now on."""
        for pipe in self._pipes:
            self._loop.watch(pipe.descriptor, READ, partial(self._hear, pipe))

    def hear(self) -> None:
        """Tell every record that has been written until now."""
        for pipe in tuple(self._pipes):
            # Once, not until it is empty: who writes faster than we read would keep us for ever.
            self._hear(pipe)

    def finish(self) -> None:
        """Tell what has been begun, too: what is written from now on is not its rest."""
        for pipe in self._pipes:
            self._tell(pipe.reader.finish())

    def hang_up(self) -> None:
        """Tell what has been begun, too, and listen no more."""
        for pipe in self._pipes:
            self._hang_up(pipe)

    def _hear(self, pipe: Pipe) -> None:
        try:
            said = os.read(pipe.descriptor, READ_BYTES)
        except BlockingIOError:
            return
        if not said:
            self._pipes.remove(pipe)
            self._hang_up(pipe)
            return
        self._tell(pipe.reader.feed(said))

    def _hang_up(self, pipe: Pipe) -> None:
        self._loop.forget(pipe.descriptor)
        pipe.close()
        self._tell(pipe.reader.finish())

    def _tell(self, records: list[str]) -> None:
        for record in records:
            self._loop.emit(LineWritten(self._name, record))
