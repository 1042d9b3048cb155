"""Payloads kept in real files for the next process of an environment."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from collector_ext.core.delivery import spill
from collector_ext.core.otlp import JSON, LOGS, PROTOBUF, TRACES, Payload
from collector_ext.edge.spill_store import SpillError, SpillStore
from tests.fakes.collector_process import SOURCE
from tests.fakes.room import room_for
from tests.fakes.trace_requests import export_request, span_id

A = Payload(TRACES, PROTOBUF, export_request(("a", span_id(1))), 1, is_suspect=False)
B = Payload(LOGS, JSON, b'{"resourceLogs":[]}', 0, is_suspect=True)
LARGE = Payload(TRACES, PROTOBUF, bytes(100_000), 1, is_suspect=False)
SIZE_BYTES_MAX = 1_000_000

OTHER_USER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

KILLED = """
import os, sys; sys.path.insert(0, sys.argv[1])
from collector_ext.core.otlp import PROTOBUF, TRACES, Payload
from collector_ext.edge.spill_store import SpillStore
os.rename = lambda *_, **__: os.kill(os.getpid(), 9)
payload = Payload(TRACES, PROTOBUF, b"", 1, is_suspect=False)
SpillStore(sys.argv[2], 1000).write("otlp_http", [payload])
"""


@pytest.fixture
def folder(tmp_path):
    """One that is not there yet."""
    return tmp_path / "otel-layer"


def store_in(folder, size_bytes_max=SIZE_BYTES_MAX):
    return SpillStore(str(folder), size_bytes_max)


def written(folder, payloads=(A,), exporter="otlp_http"):
    """The file that holds these payloads."""
    store_in(folder).write(exporter, payloads)
    return folder / f"{exporter}.spill"


def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def descriptors():
    """What this process has open."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


class TestKeeping:
    """What waits is in one file for each exporter, and another process finds it."""

    def test_what_is_written_is_read(self, folder):
        written(folder, [A, B])

        assert store_in(folder).read_all() == ({"otlp_http": (A, B)}, ())

    def test_each_exporter_has_its_own(self, folder):
        written(folder, [A], "otlp_http")
        store_in(folder).write("otlp_grpc/../über", [B])

        found, remarks = store_in(folder).read_all()

        assert (found, remarks) == ({"otlp_http": (A,), "otlp_grpc/../über": (B,)}, ())
        assert {path.parent for path in folder.rglob("*")} == {folder}

    def test_what_was_kept_before_is_kept_no_more(self, folder):
        written(folder, [A])
        written(folder, [B])

        assert store_in(folder).read_all() == ({"otlp_http": (B,)}, ())

    def test_it_stays_until_something_else_is_written(self, folder):
        written(folder)

        assert store_in(folder).read_all() == store_in(folder).read_all()

    def test_of_nothing_there_is_no_file(self, folder):
        written(folder)

        assert store_in(folder).write("otlp_http", []) == 0
        assert content_of(folder) == {}

    def test_and_no_folder(self, folder):
        assert store_in(folder).write("otlp_http", []) == 0
        assert store_in(folder).read_all() == ({}, ())
        assert not folder.exists()

    def test_a_folder_that_the_function_deleted_is_made_again(self, folder):
        store = store_in(folder)
        store.write("otlp_http", [A])
        (folder / "otlp_http.spill").unlink()
        folder.rmdir()

        store.write("otlp_http", [B])

        assert store.read_all() == ({"otlp_http": (B,)}, ())

    def test_nothing_is_left_open(self, folder):
        before = descriptors()

        written(folder).write_bytes(b"nonsense")
        (folder / "folder.spill").mkdir()
        store_in(folder).read_all()
        store_in(folder).write("otlp_http", [])

        assert descriptors() == before


class TestTheBound:
    """A file has no more bytes than it may have: the newest payloads have room first."""

    def test_the_oldest_have_no_room(self, folder):
        size_bytes_max = len(spill.encode([B, A]))
        store = store_in(folder, size_bytes_max)

        assert store.write("otlp_http", [LARGE, A, B, A]) == 2
        assert store.read_all() == ({"otlp_http": (B, A)}, ())
        assert (folder / "otlp_http.spill").stat().st_size == size_bytes_max

    def test_if_none_has_room_there_is_no_file(self, folder):
        store = store_in(folder, 1000)
        store.write("otlp_http", [A])

        assert store.write("otlp_http", [A, LARGE]) == 2
        assert content_of(folder) == {}

    def test_a_larger_file_is_not_read(self, folder):
        path = written(folder, [LARGE])
        size_bytes = path.stat().st_size

        found = store_in(folder, 1000).read_all()

        assert found == ({}, (f"{path} is given up: it has {size_bytes} of at most 1000 bytes",))


class TestWhoseItIs:
    """The function's own user alone can write what is read, and read what is written."""

    def test_nobody_else_may_read_it(self, folder):
        path = written(folder)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_a_folder_that_is_a_link_is_refused(self, tmp_path, folder):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        folder.symlink_to(elsewhere)

        for use in (lambda: written(folder), store_in(folder).read_all):
            with pytest.raises(
                SpillError,
                match=f"^cannot keep payloads in {folder}: it is a symbolic link or no folder$",
            ):
                use()
        assert content_of(elsewhere) == {}

    def test_a_folder_that_others_may_write_to_is_refused(self, folder):
        folder.mkdir()
        folder.chmod(0o777)

        with pytest.raises(SpillError, match=r"others may write to it$"):
            written(folder)
        assert content_of(folder) == {}

    @needs_root
    def test_a_folder_of_another_user_is_refused(self, folder):
        path = written(folder)
        os.chown(folder, OTHER_USER, -1)

        with pytest.raises(SpillError, match=r"it belongs to another user$"):
            store_in(folder).read_all()
        assert path.exists()

    @needs_root
    def test_a_file_of_another_user_is_not_read(self, folder):
        path = written(folder)
        os.chown(path, OTHER_USER, -1)

        found = store_in(folder).read_all()

        assert found == ({}, (f"{path} is given up: it belongs to another user",))
        assert not path.exists()

    def test_a_link_is_not_followed(self, tmp_path, folder):
        target = written(tmp_path / "other")
        path = written(folder)
        path.unlink()
        path.symlink_to(target)

        found = store_in(folder).read_all()

        assert found == ({}, (f"{path} is given up: it is a symbolic link",))
        assert target.exists()
        assert not path.is_symlink()

    def test_nor_is_it_written_through(self, tmp_path, folder):
        target = tmp_path / "target"
        folder.mkdir(mode=0o700)
        for name in ("otlp_http.spill", "otlp_http.spill.part"):
            (folder / name).symlink_to(target)

        written(folder)

        assert store_in(folder).read_all() == ({"otlp_http": (A,)}, ())
        assert not target.exists()

    def test_what_is_no_file_is_not_read(self, folder):
        written(folder, exporter="debug")
        (folder / "folder.spill").mkdir()
        os.mkfifo(folder / "pipe.spill")

        found = store_in(folder).read_all()

        assert found == (
            {"debug": (A,)},
            tuple(
                f"{folder}/{name}.spill is given up: it is no file" for name in ("folder", "pipe")
            ),
        )

    def test_what_is_not_ours_stays(self, folder):
        written(folder)
        (folder / "notes.txt").write_text("by the function")

        store_in(folder).read_all()

        assert (folder / "notes.txt").exists()


class TestHalfAFile:
    """It is never read as a whole one, and the others are read all the same."""

    def test_what_does_not_decode_is_deleted_with_a_sentence(self, folder):
        path = written(folder)
        path.write_bytes(path.read_bytes()[:-1])
        written(folder, [B], "debug")

        found = store_in(folder).read_all()

        assert found == ({"debug": (B,)}, (f"{path} is given up: it is not whole",))
        assert not path.exists()

    def test_a_process_killed_before_it_was_done_leaves_what_was_before(self, folder):
        path = written(folder)

        killed = subprocess.run(
            [sys.executable, "-I", "-S", "-c", KILLED, str(SOURCE), str(folder)], check=False
        )

        assert killed.returncode == -9
        assert set(content_of(folder)) == {path.name, f"{path.name}.part"}
        assert store_in(folder).read_all() == (
            {"otlp_http": (A,)},
            (f"{path}.part is given up: it was not written to its end",),
        )
        assert set(content_of(folder)) == {path.name}

    def test_and_the_next_write_is_not_disturbed(self, folder):
        path = written(folder)
        path.rename(f"{path}.part")

        written(folder, [B])

        assert store_in(folder).read_all() == ({"otlp_http": (B,)}, ())


class TestFaults:
    """They are one clause, and what was kept before is still kept."""

    def test_a_disk_that_is_full(self, folder):
        path = written(folder)
        before = content_of(folder)

        with room_for(50_000), pytest.raises(SpillError) as raised:
            written(folder, [LARGE])

        assert str(raised.value) == f"cannot keep payloads in {folder}: File too large"
        assert content_of(folder) == before
        assert path.exists()

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").touch()

        with pytest.raises(SpillError, match=r"it is a symbolic link or no folder$"):
            written(tmp_path / "file" / "otel-layer")

    def test_a_name_that_is_too_long(self, folder):
        with pytest.raises(SpillError, match=r"File name too long$"):
            written(folder, exporter="x" * 300)

    def test_a_file_that_cannot_be_replaced(self, folder):
        (folder / "otlp_http.spill").mkdir(parents=True)
        folder.chmod(0o700)

        with pytest.raises(SpillError, match=r"Is a directory$"):
            written(folder)
        assert {path.name for path in folder.iterdir()} == {"otlp_http.spill"}
