"""Folders are read-only for what one thread starts, and for nobody else."""

from __future__ import annotations

import ctypes
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambda_sandbox.edge.mounts import METHOD, make_read_only

CAP_SYS_ADMIN = 1 << 21
WRITE = "echo x >$1/below/file"


def may_mount():
    status = Path("/proc/self/status").read_text()
    capabilities = next(line for line in status.splitlines() if line.startswith("CapEff"))
    return bool(int(capabilities.split()[1], 16) & CAP_SYS_ADMIN)


needs_privileges = pytest.mark.skipif(not may_mount(), reason="may not mount: no CAP_SYS_ADMIN")


@pytest.fixture
def folders(tmp_path):
    """Two folders, deep in a temporary one; each has another below."""
    made = [tmp_path / "a b" / name for name in ("task", "layer")]
    for folder in made:
        (folder / "below").mkdir(parents=True)
    return made


@pytest.fixture
def thread():
    """Another thread, which ends with the test."""
    with ThreadPoolExecutor(1) as executor:
        yield lambda call, *args: executor.submit(call, *args).result()


def give_up_privileges():
    """Let the thread that calls this have no capabilities any more."""
    version_3, this_thread = 0x20080522, 0
    header = (ctypes.c_uint32 * 2)(version_3, this_thread)
    assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0


def wrong_with_writing(folder):
    """Return what a process complains of that writes below a folder."""
    argv = ["/bin/sh", "-c", WRITE, "sh", folder]
    ended = subprocess.run(argv, check=False, stderr=subprocess.PIPE, text=True)
    return ended.stderr.rpartition(": ")[2].strip()


@needs_privileges
class TestReadOnlyFolders:
    """Are what a thread asked for, that may mount."""

    def test_cannot_be_written_to_by_a_process_that_the_thread_starts(self, thread, folders):
        done = thread(make_read_only, folders)

        complaints = [thread(wrong_with_writing, folder) for folder in folders]
        assert METHOD[done] == "read-only mounts"
        assert complaints == ["Read-only file system"] * 2

    def test_can_be_written_to_by_everybody_else(self, thread, folders):
        thread(make_read_only, folders)

        assert [wrong_with_writing(folder) for folder in folders] == ["", ""]

    def test_leave_writable_what_is_beside_them(self, thread, folders, tmp_path):
        (tmp_path / "below").mkdir()

        thread(make_read_only, folders)

        assert thread(wrong_with_writing, tmp_path) == ""

    def test_leave_no_mount_behind(self, thread, folders):
        before = Path("/proc/self/mountinfo").read_text()

        thread(make_read_only, folders)

        assert Path("/proc/self/mountinfo").read_text() == before

    def test_go_on_to_forbid_what_was_forbidden(self, thread, folders):
        thread(make_read_only, [])  # a namespace, in which a mount is the thread's own affair
        mount = ["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec", "none", folders[0]]
        thread(subprocess.check_call, mount)

        thread(make_read_only, folders[:1])

        flags = thread(os.statvfs, folders[0]).f_flag
        forbidden = os.ST_RDONLY | os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC
        assert flags & forbidden == forbidden

    def test_are_no_affair_of_whom_mounts_are_shared_with(self, thread, folders):
        task = folders[0]
        thread(make_read_only, [])
        thread(subprocess.check_call, ["mount", "-t", "tmpfs", "none", task])
        thread(subprocess.check_call, ["mount", "--make-shared", task])
        before = thread(Path("/proc/thread-self/mountinfo").read_text)

        with ThreadPoolExecutor(1) as child:
            done = thread(child.submit, make_read_only, [task]).result()

            assert METHOD[done] == "read-only mounts"
            assert thread(Path("/proc/thread-self/mountinfo").read_text) == before

    def test_are_all_of_them_or_none(self, thread, folders, tmp_path):
        done = thread(make_read_only, [*folders, tmp_path / "missing"])

        complaints = [thread(wrong_with_writing, folder) for folder in folders]
        assert METHOD[done] == "writable as they are"
        assert complaints == ["", ""]


class TestWithoutPrivileges:
    """Nothing changes, and it is said."""

    def test_folders_stay_writable(self, thread, folders):
        thread(give_up_privileges)

        done = thread(make_read_only, folders)

        complaints = [thread(wrong_with_writing, folder) for folder in folders]
        assert METHOD[done] == "writable as they are"
        assert complaints == ["", ""]
