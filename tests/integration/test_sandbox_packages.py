"""Packages are installed once, and put beside the task's files."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from lambda_sandbox.edge.interpreter import interpreter_of
from lambda_sandbox.edge.packages import PackagesError, ensure
from lambda_sandbox.sandbox import Function, Sandbox

PYTHON = interpreter_of(Path(sys.executable))
REQUIREMENT = (
    "snapshot-restore-py==1.0.0 \\\n"
    "    --hash=sha256:38f99e696793790f54658e71c68c7a8a40cea877c81232b5052383b1301aceba\n"
)


@pytest.fixture
def requirements(tmp_path):
    """One small package of no dependencies."""
    path = tmp_path / "requirements.txt"
    path.write_text(REQUIREMENT)
    return path


class TestEnsure:
    """A folder of packages for a requirements file and a Python."""

    def test_says_what_to_do_where_there_is_no_home(self, monkeypatch):
        def no_home():
            raise RuntimeError

        monkeypatch.delenv("LAMBDA_SANDBOX_CACHE", raising=False)
        monkeypatch.setattr(Path, "home", no_home)

        with pytest.raises(PackagesError, match="this user has no home; set LAMBDA_SANDBOX_CACHE"):
            Sandbox(Function(task=Path(__file__).parent, handler="app.handler"))

    def test_says_what_to_do_where_nothing_can_be_kept(self, requirements):
        sentence = (
            "packages cannot be kept in '/proc/nothing': No such file or directory; "
            "set LAMBDA_SANDBOX_CACHE to another folder"
        )

        with pytest.raises(PackagesError, match=sentence):
            ensure(requirements, PYTHON, Path("/proc/nothing"))

    def test_installs_once(self, requirements, tmp_path):
        first = ensure(requirements, PYTHON, tmp_path / "cache")
        installed_at = first.stat().st_mtime_ns

        second = ensure(requirements, PYTHON, tmp_path / "cache")

        assert (first / "snapshot_restore_py.py").is_file()
        assert (second, second.stat().st_mtime_ns) == (first, installed_at)

    def test_leaves_nothing_to_compile(self, requirements, tmp_path):
        folder = ensure(requirements, PYTHON, tmp_path / "cache")

        assert Path(cache_from_source(folder / "snapshot_restore_py.py")).is_file()

    def test_may_be_asked_for_by_two_at_once(self, requirements, tmp_path):
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(ensure, requirements, PYTHON, tmp_path / "cache") for _ in "ab"]
            folders = {future.result() for future in asked}

        assert [path.name for path in (tmp_path / "cache").iterdir()] == [folders.pop().name]

    def test_installs_for_another_python(self, requirements, tmp_path):
        folder = ensure(requirements, replace(PYTHON, version="3.99"), tmp_path / "cache")

        assert folder.name.startswith("compiled-3.99-")
        assert (folder / "snapshot_restore_py.py").is_file()

    def test_says_what_cannot_be_installed_and_leaves_nothing(self, tmp_path):
        wrong = tmp_path / "wrong.txt"
        wrong.write_text("./nowhere\n")

        with pytest.raises(PackagesError, match="nowhere"):
            ensure(wrong, PYTHON, tmp_path / "cache")

        assert list((tmp_path / "cache").iterdir()) == []


class TestATaskWithRequirements:
    """Runs as a build tool would have made it."""

    def test_imports_its_packages_from_its_root(self, requirements):
        task = requirements.parent
        (task / "app.py").write_text(
            "import os, snapshot_restore_py\n"
            "def handler(event, context):\n"
            "    return [__file__, snapshot_restore_py.__file__, os.getcwd()]\n"
        )

        with Sandbox(Function(task=task, handler="app.handler")) as sandbox:
            app, package, cwd = json.loads(sandbox.invoke().payload)

        assert app == f"{cwd}/app.py"
        assert package == f"{cwd}/snapshot_restore_py.py"
