"""A folder of payloads that wait, for the next process of a reset environment.

Lambda resets an environment whose function timed out or crashed: the collector is killed and
started anew, and /tmp is as it was. A file for each exporter holds what waited for it last.
It is for the function's own user, and what anybody else could have put there is not read.

Loaded when spilling is configured.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import errno
import os
import stat

from collector_ext.core import percent
from collector_ext.core.delivery import spill
from collector_ext.core.otlp import Payload
from collector_ext.edge import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn, TypeVar

    Result = TypeVar("Result")

_SUFFIX = ".spill"
_PART = ".spill.part"  # what was not renamed: no name of an exporter has a dot in it

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that nobody writes to must not hold the opening.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_REASONS = {
    errno.ENOTDIR: "it is a symbolic link or no folder",
    errno.ELOOP: "it is a symbolic link",
}


class SpillError(Exception):
    """The folder cannot be used; the message is one clause."""


class _RefusedError(Exception):
    """What is there is not to be trusted."""


class SpillStore:
    """Keep what waits for each exporter in a file of its own.

    The folder is opened for each use: functions that clear /tmp are many.

    Args:
        folder: Its path; it is made when there is something to keep.
        size_bytes_max: Bound of each exporter's file.
    """

    def __init__(self, folder: str, size_bytes_max: int) -> None:
        self._folder = folder
        self._size_bytes_max = size_bytes_max

    def write(self, exporter: str, payloads: Sequence[Payload]) -> int:
        """Keep these payloads, and none that were kept for the exporter before.

        Args:
            exporter: Its id in the configuration.
            payloads: Oldest first. The newest that have room are kept, and no file of none.

        Returns:
            How many of the oldest had no room.

        Raises:
            SpillError: What was kept before still is, and nothing else.
        """
        kept = spill.newest(payloads, self._size_bytes_max)
        name = percent.encoded(exporter)
        if kept:
            self._in_folder(lambda folder: _replace(folder, name, spill.encode(kept)))
        elif files.is_there(self._folder):
            self._in_folder(lambda folder: _unlink(folder, name + _SUFFIX))
        return len(payloads) - len(kept)

    def read_all(self) -> tuple[dict[str, tuple[Payload, ...]], tuple[str, ...]]:
        """Return what is kept. It stays until the exporter's next ``write``.

        Returns:
            The payloads by the ids of their exporters, oldest first; and of what could not be
            read and was deleted, a sentence each.

        Raises:
            SpillError: Nothing can be read.
        """
        if not files.is_there(self._folder):
            return {}, ()
        return self._in_folder(self._read_files)

    def _read_files(self, folder: int) -> tuple[dict[str, tuple[Payload, ...]], tuple[str, ...]]:
        found: dict[str, tuple[Payload, ...]] = {}
        remarks: list[str] = []
        names = sorted(os.listdir(folder))
        for name in [name for name in names if name.endswith((_SUFFIX, _PART))]:
            payloads, fault = self._read(folder, name)
            if fault:
                remarks.append(f"{self._folder}/{name} is given up: {fault}")
            else:
                found[percent.decoded(name.removesuffix(_SUFFIX))] = payloads
        return found, tuple(remarks)

    def _read(self, folder: int, name: str) -> tuple[tuple[Payload, ...], str]:
        """Return what is in a file, and why it cannot be used, which deletes it."""
        try:
            if name.endswith(_PART):
                _refuse("it was not written to its end")
            return spill.decode(self._content(folder, name)), ""
        except (OSError, ValueError, _RefusedError) as fault:
            _unlink(folder, name)
            return (), _reason(fault)

    def _content(self, folder: int, name: str) -> bytes:
        descriptor = os.open(name, _READ_FLAGS, dir_fd=folder)
        try:
            self._check_file(os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def _check_file(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            _refuse("it is no file")
        if status.st_uid != os.geteuid():
            _refuse("it belongs to another user")
        if status.st_size > self._size_bytes_max:
            _refuse(f"it has {status.st_size} of at most {self._size_bytes_max} bytes")

    def _in_folder(self, use: Callable[[int], Result]) -> Result:
        """Return what is made of a descriptor of the folder, which is made if there is none."""
        try:
            descriptor = self._descriptor()
            try:
                _check_folder(os.fstat(descriptor))
                return use(descriptor)
            finally:
                os.close(descriptor)
        except (OSError, _RefusedError) as fault:
            message = f"cannot keep payloads in {self._folder}: {_reason(fault)}"
            raise SpillError(message) from fault

    def _descriptor(self) -> int:
        try:
            return os.open(self._folder, _FOLDER_FLAGS)
        except FileNotFoundError:
            os.makedirs(self._folder, _FOLDER_MODE)  # noqa: PTH103 - `pathlib` costs 6 ms
            return os.open(self._folder, _FOLDER_FLAGS)


def _check_folder(status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        _refuse("it belongs to another user")
    if status.st_mode & _OTHERS_WRITE:
        _refuse("others may write to it")


def _replace(folder: int, name: str, content: bytes) -> None:
    """Write a file that is there whole, or as it was."""
    _unlink(folder, name + _PART)
    try:
        descriptor = os.open(name + _PART, _WRITE_FLAGS, _FILE_MODE, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        # No fsync: a reset ends processes, and what they wrote is in the cache of the same
        # kernel. With the kernel the environment ends, and /tmp with it.
        os.rename(name + _PART, name + _SUFFIX, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        _unlink(folder, name + _PART)
        raise


def _unlink(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except (FileNotFoundError, IsADirectoryError):
        return  # There is nothing, or nothing that we made.


def _refuse(why: str) -> NoReturn:
    raise _RefusedError(why)


def _reason(fault: Exception) -> str:
    if not isinstance(fault, OSError):
        return str(fault)
    return _REASONS.get(fault.errno or 0) or fault.strerror or type(fault).__name__
