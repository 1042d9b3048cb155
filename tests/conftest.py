"""What holds for every run of the tests: it leaves nothing behind."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _left_behind():
    """Fail if a thread, a child process or a socket of this run is there when it ends."""
    before = _sockets()
    yield
    assert threading.enumerate() == [threading.main_thread()], "threads are left"
    assert _children() == [], "processes are left"
    assert _sockets() - before == set(), "sockets are left"


def _sockets():
    """Return the sockets of this process, by the names the kernel gives them."""
    names = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists the folder
            names.add(str(descriptor.readlink()))
    return {name for name in names if name.startswith("socket:")}


def _children():
    """Return the processes that descend from this one, by their command lines."""
    children = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is gone
            if int(_parent(process)) == os.getpid():
                children.append((process / "cmdline").read_text())
    return children


def _parent(process):
    return (process / "stat").read_text().rpartition(")")[2].split()[1]
