"""Connections of stopped processes to the outside are cut, and no others."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from lambda_sandbox.edge import clock, idle_connections, proc
from lambda_sandbox.edge.idle_connections import cut_idle_connections

CHILD = """
import json, os, socket, sys

outside, platform = json.loads(sys.argv[1])
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
gone = socket.create_server(("127.0.0.1", 0))
alone = socket.create_connection(gone.getsockname())
other_end, _ = gone.accept()
gone.close()
six = socket.socket(socket.AF_INET6)
if socket.has_dualstack_ipv6():
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    six.bind(("::", 0))
    six.connect(("::ffff:127.0.0.1", platform[1]))
unix = socket.socketpair()
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.connect(tuple(outside))
print(server.getsockname()[1], flush=True)
from_outside, _ = server.accept()
connections = {
    "outside": socket.create_connection(outside),
    "platform": socket.create_connection(platform),
    "from outside": from_outside,
    "inside": client,
    "inside, not accepted": socket.create_connection(server.getsockname()),
    "inside, without its listener": alone,
}
copy = os.dup(connections["outside"].fileno())
print("ready", flush=True)
sys.stdin.readline()


def is_cut(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False


print(json.dumps([name for name, each in connections.items() if is_cut(each)]), flush=True)
sys.stdin.readline()
"""


class Child:
    """A process with connections, stopped until it is asked which of them are cut."""

    def __init__(self, outside, platform):
        addresses = json.dumps([outside, platform])
        self._popen = subprocess.Popen(
            [sys.executable, "-S", "-c", CHILD, addresses],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._popen.pid
        assert self._popen.stdout is not None
        self.port = int(self._popen.stdout.readline())

    def stop(self):
        assert self._popen.stdout is not None
        assert self._popen.stdout.readline() == "ready\n"
        os.kill(self.pid, signal.SIGSTOP)
        deadline_at = clock.now() + 5
        while proc.state(self.pid) != "T":
            assert clock.now() < deadline_at

    def cut(self):
        """Let it run; return which of its connections are cut."""
        os.kill(self.pid, signal.SIGCONT)
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write("\n")
        self._popen.stdin.flush()
        return json.loads(self._popen.stdout.readline())

    def close(self):
        self._popen.kill()
        self._popen.communicate()


@pytest.fixture
def world():
    """Listeners outside of the environment: somebody's, and the platform's."""
    with ExitStack() as afterwards:
        yield [afterwards.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]


@pytest.fixture
def child(world):
    """A stopped process, connected to both, to itself, and from outside."""
    outside, platform = (each.getsockname() for each in world)
    made = Child(outside, platform)
    with socket.create_connection(("127.0.0.1", made.port)):
        made.stop()
        yield made
    made.close()


class TestALongFreeze:
    """Cuts what a peer outside of the environment would have given up."""

    def test_cuts_connections_to_the_outside_and_leaves_the_others(self, child, world):
        _, platform = (each.getsockname() for each in world)

        count = cut_idle_connections([child.pid], {platform})

        assert child.cut() == ["outside"]
        assert count == 1

    def test_is_noticed_by_the_peer(self, child, world):
        outside, platform = world
        peer, _ = outside.accept()

        cut_idle_connections([child.pid], {platform.getsockname()})

        with peer:
            peer.settimeout(5)
            assert peer.recv(1) == b""

    def test_leaves_none_of_their_descriptors_with_us(self, child):
        before = os.listdir("/proc/self/fd")  # noqa: PTH208  # their names

        cut_idle_connections([child.pid], set())

        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208  # as above

    def test_does_not_mind_a_process_that_is_gone(self, child):
        child.close()

        assert cut_idle_connections([child.pid], set()) == 0


class TestAMachineThatDoesNotAllowIt:
    """Is told of, and nothing is cut."""

    def test_because_the_processes_are_not_ours_to_reach_into(self, child, monkeypatch):
        def refuse(*_args):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(idle_connections, "_copy", refuse)

        assert cut_idle_connections([child.pid], set()) is None
        assert child.cut() == []

    def test_because_its_kernel_has_no_such_call(self, child, monkeypatch):
        monkeypatch.setattr(idle_connections, "_PIDFD_GETFD", 9999)
        ctypes.set_errno(0)

        assert cut_idle_connections([child.pid], set()) is None
        assert child.cut() == []
