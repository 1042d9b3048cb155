"""Where the collector is looked for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from otel_layer.core import rendezvous
from otel_layer.edge.collector import Whereabouts, locate


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(rendezvous, "path", lambda runtime_api: str(tmp_path / runtime_api))
    return tmp_path / "api"


def test_our_collector_is_where_it_wrote(file):
    file.write_text(f"5555 {os.getpid()}\n")

    assert locate("api") == (5555, True)


def test_without_a_file_a_foreign_one_is_assumed(file):
    assert locate("api") == (4318, False)
    assert not file.exists()


def test_a_file_that_cannot_be_understood_is_as_good_as_none(file):
    file.write_text("somewhere")

    assert locate("api") == (4318, False)


def test_a_dead_one_listens_nowhere(file):
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    file.write_text(f"5555 {finished.pid}\n")

    assert locate("api") == (4318, False)


def test_one_of_another_user_is_alive(file, monkeypatch):
    def kill(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    file.write_text("5555 1\n")

    assert locate("api") == (5555, True)


class TestAnotherPlace:
    """A function that is restored from a snapshot finds another collector."""

    def test_it_is_looked_up_anew(self, file):
        file.write_text(f"5555 {os.getpid()}\n")
        whereabouts = Whereabouts("api")
        file.write_text(f"6666 {os.getpid()}\n")

        assert (whereabouts.port(), whereabouts.is_own) == (6666, True)

    def test_one_that_is_gone_was_where_it_was(self, file):
        file.write_text(f"5555 {os.getpid()}\n")
        whereabouts = Whereabouts("api")
        file.unlink()

        assert (whereabouts.port(), whereabouts.is_own) == (5555, True)

    def test_a_foreign_one_stays_where_it_is(self, file):
        whereabouts = Whereabouts("api")
        file.write_text(f"5555 {os.getpid()}\n")

        assert (whereabouts.port(), whereabouts.is_own) == (4318, False)
