"""The sandbox's end of a snapshot."""

from __future__ import annotations

import os
import socket

import pytest

from lambda_sandbox.core.events import TimeReached
from lambda_sandbox.edge import clock
from lambda_sandbox.edge.snapshot import MESSAGE_BYTES_MAX, Snapshot


class Owner:
    """Remembers what it is told."""

    def __init__(self, loop):
        self.loop = loop
        self.told = []

    def snapshot_taken(self, pid):
        self.tell("ready", pid)

    def clone_started(self, pid):
        self.tell("forked", pid)

    def clone_exited(self, pid, returncode):
        self.tell("exited", pid, returncode)

    def snapshot_lost(self):
        self.tell("lost")

    def tell(self, *what):
        self.told.append(what)
        self.loop.emit(TimeReached())  # any event: the loop waits for one


@pytest.fixture
def owner(loop):
    return Owner(loop)


@pytest.fixture
def snapshot(loop, owner):
    snapshot = Snapshot(loop, owner)
    yield snapshot
    snapshot.close()


@pytest.fixture
def template(snapshot):
    """The other end, as the template inherits it."""
    with socket.socket(fileno=os.dup(snapshot.descriptor)) as template:
        snapshot.hand_over()
        yield template


def tell(loop):
    """Let one message, or whatever there is to tell, be told."""
    loop.take(clock.now() + 20)


class TestWhatATemplateSays:
    """Is told message by message."""

    @pytest.mark.parametrize(
        ("message", "told"),
        [
            (b"ready 16", ("ready", 16)),
            (b"forked 17", ("forked", 17)),
            (b"exited 17 0", ("exited", 17, 0)),
            (b"exited 4194304 -64", ("exited", 4_194_304, -64)),
        ],
        ids=repr,
    )
    def test_is_told(self, loop, owner, template, message, told):
        template.send(message)

        tell(loop)

        assert owner.told == [told]

    def test_is_told_in_order_even_when_the_template_has_ended_since(self, loop, owner, template):
        template.send(b"forked 17")
        template.send(b"exited 17 1")
        template.close()

        for _ in range(3):
            tell(loop)

        assert owner.told == [("forked", 17), ("exited", 17, 1), ("lost",)]


class TestAnOrder:
    """Asks the template for a clone."""

    def test_is_one_message(self, snapshot, template):
        snapshot.fork()

        assert template.recv(MESSAGE_BYTES_MAX) == b"fork"

    def test_that_was_never_read_is_told_as_a_lost_template(self, loop, owner, snapshot, template):
        snapshot.fork()
        template.close()

        tell(loop)

        assert owner.told == [("lost",)]

    def test_to_a_template_that_has_ended_is_told_as_a_lost_one(
        self, loop, owner, snapshot, template
    ):
        template.close()

        snapshot.fork()
        tell(loop)

        assert owner.told == [("lost",)]


class TestTheEnd:
    """Of what is said, by either side."""

    def test_is_end_of_file_for_the_template(self, snapshot, template):
        snapshot.close()

        assert template.recv(MESSAGE_BYTES_MAX) == b""

    def test_by_the_sandbox_is_not_told(self, loop, owner, snapshot, template):
        template.send(b"ready 16")

        snapshot.close()
        taken = loop.take(clock.now())

        assert (taken, owner.told) == (None, [])

    def test_may_come_twice(self, snapshot):
        snapshot.close()

        snapshot.close()
