"""Waiting for an import, without a trace."""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
import threading
import traceback
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import Any

import pytest

from otel_layer.edge.import_hook import ImportHook


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of modules that are forgotten afterwards."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.fixture
def hook():
    hook = ImportHook()
    hook.install()
    yield hook
    hook.uninstall()


class TestAModuleThatIsAwaited:
    """The callback gets it when its code has run."""

    def test_the_callback_gets_the_module(self, hook, folder):
        (folder / "awaited.py").write_text("value = 1\n")
        seen: list[Any] = []
        hook.when_imported("awaited", lambda module: seen.append(module.value))

        importlib.import_module("awaited")

        assert seen == [1]

    def test_it_is_called_once(self, hook, folder):
        (folder / "awaited.py").write_text("")
        seen: list[Any] = []
        hook.when_imported("awaited", seen.append)

        module = importlib.import_module("awaited")
        importlib.reload(module)

        assert seen == [module]

    def test_one_that_is_there_already_is_given_at_once(self, hook):
        seen: list[Any] = []

        hook.when_imported("json", seen.append)

        assert seen == [sys.modules["json"]]

    def test_one_that_is_being_imported_is_given_when_it_is_ready(self, hook, folder):
        (folder / "awaited.py").write_text("import subscriber\nvalue = 1\n")
        (folder / "subscriber.py").write_text("")
        seen: list[Any] = []
        hook.when_imported("awaited", lambda _: None)
        hook.when_imported(
            "subscriber",
            lambda _: hook.when_imported("awaited", lambda module: seen.append(vars(module))),
        )

        importlib.import_module("awaited")

        assert seen[0]["value"] == 1

    def test_one_awaited_only_when_it_is_being_imported_is_given_too(self, hook, folder):
        (folder / "awaited.py").write_text("import subscriber\nvalue = 1\n")
        (folder / "subscriber.py").write_text("")
        seen: list[Any] = []
        hook.when_imported(
            "subscriber",
            lambda _: hook.when_imported("awaited", lambda module: seen.append(vars(module))),
        )

        module = importlib.import_module("awaited")

        assert seen[0]["value"] == 1
        assert type(module.__spec__) is ModuleSpec

    def test_a_package_and_its_modules_are_found_in_their_place(self, hook, folder):
        (folder / "package").mkdir()
        (folder / "package" / "__init__.py").write_text("")
        (folder / "package" / "inner.py").write_text("")
        seen: list[Any] = []
        hook.when_imported("package.inner", seen.append)

        assert seen == []
        assert importlib.import_module("package.inner") is seen[0]

    def test_others_wait_until_the_callback_is_done(self, hook, folder):
        (folder / "awaited.py").write_text("")
        in_callback, go_on = threading.Event(), threading.Event()

        def callback(module):
            in_callback.set()
            go_on.wait(20)
            module.is_instrumented = True

        hook.when_imported("awaited", callback)
        importing = threading.Thread(target=importlib.import_module, args=("awaited",))
        importing.start()
        in_callback.wait(20)
        seen: list[Any] = []
        other = threading.Thread(
            target=lambda: seen.append(importlib.import_module("awaited").is_instrumented)
        )
        other.start()
        go_on.set()
        importing.join()
        other.join()

        assert seen == [True]

    def test_one_imported_without_our_notice_is_caught_up_with(self, hook, folder):
        (folder / "awaited.py").write_text("")
        seen: list[Any] = []
        hook.when_imported("awaited", seen.append)
        hook.uninstall()
        module = importlib.import_module("awaited")
        hook.install()

        hook.catch_up()
        hook.catch_up()

        assert seen == [module]


class TestNoTrace:
    """The module, its loader and its tracebacks are what they would be."""

    def test_specification_and_loader_are_the_usual_ones(self, hook, folder):
        (folder / "awaited.py").write_text("")
        hook.when_imported("awaited", lambda _: None)

        module = importlib.import_module("awaited")

        assert type(module.__spec__) is ModuleSpec
        assert type(module.__loader__) is SourceFileLoader
        assert "_otel_layer_hook" not in vars(module.__spec__)
        assert vars(module.__spec__)["_initializing"] is False

    def test_classes_of_the_module_can_be_pickled(self, hook, folder):
        (folder / "awaited.py").write_text("class Value:\n    pass\n")
        hook.when_imported("awaited", lambda _: None)

        module = importlib.import_module("awaited")

        assert type(pickle.loads(pickle.dumps(module.Value()))) is module.Value  # noqa: S301  # ours

    def test_looking_for_it_does_not_import_it(self, hook, folder):
        (folder / "awaited.py").write_text("")
        seen: list[Any] = []
        hook.when_imported("awaited", seen.append)

        assert importlib.util.find_spec("awaited") is not None
        assert seen == []

    @pytest.mark.parametrize(
        "statement",
        ["import awaited", "__import__('awaited')", "importlib.import_module('awaited')"],
    )
    def test_a_traceback_out_of_it_reads_as_without_us(self, folder, statement):
        (folder / "awaited.py").write_text("def fail():\n    raise ValueError\nfail()\n")

        def text():
            try:
                exec(f"import importlib\n{statement}")  # noqa: S102  # the statement to test
            except ValueError:
                return traceback.format_exc()

        without = text()
        hook = ImportHook()
        hook.install()
        seen: list[Any] = []
        hook.when_imported("awaited", seen.append)
        try:
            assert text() == without
        finally:
            hook.uninstall()
        assert seen == []

    def test_a_module_that_is_not_there_is_reported_as_without_us(self, hook):
        hook.when_imported("not_there_at_all", lambda _: None)

        with pytest.raises(ModuleNotFoundError, match="No module named 'not_there_at_all'"):
            importlib.import_module("not_there_at_all")

    def test_an_import_that_failed_may_succeed_later(self, hook, folder):
        (folder / "awaited.py").write_text("import not_there_at_all\n")
        seen: list[Any] = []
        hook.when_imported("awaited", seen.append)
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("awaited")
        (folder / "not_there_at_all.py").write_text("")
        importlib.invalidate_caches()

        module = importlib.import_module("awaited")

        assert seen == [module]


class TestOtherFinders:
    """Ours is not the only one that may be in front."""

    def test_what_is_no_finder_is_passed_over(self, hook, folder, monkeypatch):
        (folder / "awaited.py").write_text("")
        monkeypatch.setattr(sys, "meta_path", [hook, object(), *sys.meta_path])
        seen: list[Any] = []
        hook.when_imported("awaited", seen.append)

        importlib.import_module("awaited")

        assert len(seen) == 1

    def test_a_specification_of_another_kind_is_left_alone(self, hook, folder, monkeypatch):
        class OwnSpec(ModuleSpec):
            pass

        class Finder:
            def find_spec(self, name, _path=None, _target=None):
                return OwnSpec(name, SourceFileLoader(name, str(folder / "awaited.py")))

        (folder / "awaited.py").write_text("")
        monkeypatch.setattr(sys, "meta_path", [hook, Finder(), *sys.meta_path])
        seen: list[Any] = []
        hook.when_imported("awaited", seen.append)

        module = importlib.import_module("awaited")
        hook.catch_up()

        assert type(module.__spec__) is OwnSpec
        assert seen == [module]
