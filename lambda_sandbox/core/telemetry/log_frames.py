"""What a process writes, as the records of a log.

Two ways to say where a record ends: a line break (``Lines``: standard output and error), or a
frame with a length (``Frames``: ``_LAMBDA_TELEMETRY_LOG_FD``, so that a record may have several
lines)::

    0xa55a00 and format, level   length      timestamp     message
    4 bytes                      4 bytes     8 bytes, µs   as many bytes as the length says

All numbers are big-endian. Both readers promise, however the bytes are cut on their way:

- The records are the same, and complete records are told at once.
- No record is longer than a limit: what is longer is cut into several, whatever a length says,
  and does not wait for its end.

Source: ``FramedTelemetryLogSink`` of the runtime client, awslambdaric
"""

from __future__ import annotations

RECORD_BYTES_MAX = 262_144
"""Largest record, as CloudWatch has it."""

MAGIC = b"\xa5\x5a\x00"
HEADER_BYTES = 16
_LENGTH = slice(4, 8)


class Lines:
    """Records end with a line break.

    Args:
        bytes_max: The size of the largest record.
    """

    def __init__(self, bytes_max: int = RECORD_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._rest = b""

    def feed(self, written: bytes) -> list[str]:
        """Take what was written; return the records that it completes."""
        *lines, rest = (self._rest + written).split(b"\n")
        told = [piece for line in lines for piece in _pieces(line, self._bytes_max)]
        *begun, self._rest = _pieces(rest, self._bytes_max)
        return _texts([*told, *begun])

    def finish(self) -> list[str]:
        """Return the record that never got its line break, if there is one."""
        rest, self._rest = self._rest, b""
        return _texts([rest] if rest else [])


class Frames:
    """Records are frames. What is between frames, which should be nothing, is read as lines.

    Args:
        bytes_max: The size of the largest record.
    """

    def __init__(self, bytes_max: int = RECORD_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._unread = bytearray()
        self._missing: int | None = None  # bytes of the current frame's message; None between

    def feed(self, written: bytes) -> list[str]:
        """Take what was written; return the records that it completes."""
        self._unread += written
        records = []
        while (record := self._next()) is not None:
            records.append(record)
        return _texts(records)

    def _next(self) -> bytes | None:
        if self._missing is None and self._unread.startswith(MAGIC):
            if len(self._unread) < HEADER_BYTES:
                return None
            header = self._cut(HEADER_BYTES)
            self._missing = int.from_bytes(header[_LENGTH], "big")
        return self._between() if self._missing is None else self._message(self._missing)

    def _message(self, missing: int) -> bytes | None:
        size = min(missing, self._bytes_max)
        if len(self._unread) < size:
            return None
        self._missing = missing - size or None
        piece = self._cut(size)
        # The formatter of the runtime client ends its records as lines.
        return piece if self._missing else piece.removesuffix(b"\n")

    def _between(self) -> bytes | None:
        ends = (self._unread.find(b"\n"), self._unread.find(MAGIC))
        end = min((end for end in ends if end >= 0), default=len(self._unread))
        if end == len(self._unread) < self._bytes_max + len(MAGIC):  # a frame may begin in it
            return None
        if end > self._bytes_max:
            return self._cut(self._bytes_max)
        record = self._cut(end)
        if self._unread.startswith(b"\n"):
            del self._unread[:1]
        return record

    def _cut(self, size: int) -> bytes:
        piece = bytes(self._unread[:size])
        del self._unread[:size]
        return piece

    def finish(self) -> list[str]:
        """Return what there is of a record that was never completed."""
        is_text = self._missing is not None or not self._unread.startswith(MAGIC)
        rest = self._cut(len(self._unread))
        self._missing = None
        return _texts(_pieces(rest, self._bytes_max) if rest and is_text else [])


def _pieces(line: bytes, bytes_max: int) -> list[bytes]:
    starts = range(0, max(len(line), 1), bytes_max)
    return [line[start : start + bytes_max] for start in starts]


def _texts(records: list[bytes]) -> list[str]:
    return [record.decode(errors="replace") for record in records]
