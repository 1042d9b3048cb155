"""A folder is looked at again and again; one that is not there has not changed."""

from __future__ import annotations

import threading

import pytest

from lambda_sandbox.edge.folder_watch import FolderWatch

DEADLINE_S = 20.0


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "task"
    (folder / "library").mkdir(parents=True)
    (folder / "app.py").write_text("1")
    return folder


class TestAFolder:
    """Is compared with what it was the last time."""

    def test_that_stays_the_same_tells_nothing(self, folder):
        assert FolderWatch([folder])._changed() is None

    def test_tells_of_a_file_once(self, folder):
        watch = FolderWatch([folder])

        (folder / "library" / "names.py").touch()

        assert watch._changed() == folder / "library" / "names.py"
        assert watch._changed() is None

    def test_is_one_of_several(self, folder, tmp_path):
        watch = FolderWatch([tmp_path / "other", folder])

        (folder / "app.py").unlink()

        assert watch._changed() == folder / "app.py"

    def test_tells_nothing_while_it_is_not_there(self, folder, tmp_path):
        watch = FolderWatch([folder])

        folder.rename(tmp_path / "elsewhere")
        gone = watch._changed()
        (tmp_path / "elsewhere" / "app.py").write_text("12")
        (tmp_path / "elsewhere").rename(folder)

        assert gone is None
        assert watch._changed() == folder / "app.py"

    def test_may_hold_links_to_nothing(self, folder):
        watch = FolderWatch([folder])

        (folder / "link").symlink_to("nothing")

        assert watch._changed() is None


class TestWhatDoesNotMatter:
    """Changes without a word."""

    @pytest.mark.parametrize("name", ["__pycache__/app.pyc", ".git/index", ".app.py.swp"])
    def test_is_hidden_or_bytecode(self, folder, name):
        watch = FolderWatch([folder])

        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()

        assert watch._changed() is None

    def test_is_what_was_named(self, folder, tmp_path):
        linked = tmp_path / "linked"
        linked.symlink_to(folder)
        watch = FolderWatch([linked], ignored=[folder / "events.jsonl"])

        (folder / "events.jsonl").touch()

        assert watch._changed() is None


class TestTelling:
    """Goes on as long as somebody listens."""

    def test_names_each_change(self, folder):
        told, heard = [], threading.Semaphore(0)

        def listen(path):
            told.append(path)
            heard.release()

        with FolderWatch([folder]).telling(listen):
            (folder / "a.py").touch()
            assert heard.acquire(timeout=DEADLINE_S)
            (folder / "b.py").touch()
            assert heard.acquire(timeout=DEADLINE_S)

        assert told == [folder / "a.py", folder / "b.py"]
        assert not any(thread.name == "folder watch" for thread in threading.enumerate())
