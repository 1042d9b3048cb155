"""The exec wrapper: what the runtime is started with, whatever is around it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from tests.fakes.runtime_api import SOURCE, layer_from_source

SHOW = (
    "import json, os, sys;"
    "print(json.dumps([sys.argv[1:], dict(os.environ), 'otel_layer' in sys.modules]))"
)
RUNTIME = [sys.executable, "-c", SHOW, "an argument", "$HOME", ""]


@pytest.fixture
def layer(tmp_path):
    return layer_from_source(tmp_path / "layer")


def run(wrapper, environ=None, cwd="/"):
    """What the runtime sees: its arguments, its environment, whether we are in it; and stderr."""
    finished = subprocess.run(
        [*wrapper, *RUNTIME],
        env={"PATH": os.defpath, "PWD": str(cwd), **(environ or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(finished.stdout), finished.stderr


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


class TestTheRuntime:
    """Started with its own arguments and environment, and with us inside."""

    @pytest.mark.parametrize("pythonpath", [None, "", "/a", "/a:/b", ":/a", "/a:"])
    def test_it_sees_what_it_would_see(self, layer, pythonpath):
        environ = {} if pythonpath is None else {"PYTHONPATH": pythonpath}

        (arguments, seen, is_there), stderr = run([str(layer / "otel-instrument")], environ)

        assert arguments == ["an argument", "$HOME", ""]
        assert seen == {"PATH": os.defpath, "PWD": "/", **environ, **locale(seen)}
        assert is_there
        assert stderr == ""

    @pytest.mark.parametrize("pythonpath", [None, "", "/a", "/a:/b", ":/a", "/a:"])
    def test_it_looks_for_modules_where_it_would_and_last_in_the_layer(self, layer, pythonpath):
        environ = {} if pythonpath is None else {"PYTHONPATH": pythonpath}
        program = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path))"]

        bare, traced = (
            json.loads(
                subprocess.run(
                    [*wrapper, *program], env=environ, capture_output=True, check=True
                ).stdout
            )
            for wrapper in ([], [str(layer / "otel-instrument")])
        )

        assert traced == [*bare, str(layer / "python")]

    def test_a_closed_standard_error_is_no_reason_to_fail(self, layer):
        (layer / "python" / "otel_layer").unlink()
        source = SOURCE / "otel_layer" / "activation"
        shutil.copytree(source, layer / "python" / "otel_layer" / "activation")
        program = [str(layer / "otel-instrument"), sys.executable, "-c", "print('done')"]

        finished = subprocess.run(
            ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *program], stdout=subprocess.PIPE, check=True
        )

        assert finished.stdout == b"done\n"

    def test_the_wrapper_may_be_named_relatively(self, layer):
        (_, seen, is_there), _ = run(["./otel-instrument"], cwd=layer)

        assert is_there
        assert "PYTHONPATH" not in seen

    def test_the_wrapper_may_be_given_to_a_shell_by_its_bare_name(self, layer):
        (_, _, is_there), _ = run(["sh", "otel-instrument"], cwd=layer)

        assert is_there

    def test_the_layer_may_lie_in_a_folder_with_a_space(self, tmp_path):
        layer = layer_from_source(tmp_path / "a layer")

        (_, _, is_there), _ = run([str(layer / "otel-instrument")])

        assert is_there

    def test_no_process_is_started_but_the_runtime(self, layer):
        wrapper = subprocess.Popen(
            [layer / "otel-instrument", sys.executable, "-c", "import os; print(os.getpid())"],
            stdout=subprocess.PIPE,
            text=True,
        )

        assert wrapper.communicate()[0].strip() == str(wrapper.pid)


class TestSwitchedOff:
    """``OTEL_SDK_DISABLED``: the runtime is started as if we were not there."""

    @pytest.mark.parametrize("disabled", ["true", "TRUE", "True"])
    def test_nothing_of_ours_is_run(self, layer, disabled):
        (_, _, is_there), stderr = run(
            [str(layer / "otel-instrument")], {"OTEL_SDK_DISABLED": disabled}
        )

        assert not is_there
        assert stderr == ""

    @pytest.mark.parametrize("value", ["false", "", "yes"])
    def test_any_other_value_is_not_true(self, layer, value):
        (_, _, is_there), _ = run([str(layer / "otel-instrument")], {"OTEL_SDK_DISABLED": value})

        assert is_there


class TestAnotherWrapper:
    """``OTEL_LAYER_EXEC_WRAPPER`` runs between us and the runtime."""

    def test_it_is_run_and_so_are_we(self, layer, tmp_path):
        other = script(tmp_path / "other", 'OTHER=1 exec "$@"')

        (arguments, seen, is_there), _ = run(
            [str(layer / "otel-instrument")], {"OTEL_LAYER_EXEC_WRAPPER": other}
        )

        assert arguments == ["an argument", "$HOME", ""]
        assert seen["OTHER"] == "1"
        assert is_there
        assert "OTEL_LAYER_EXEC_WRAPPER" not in seen

    def test_what_it_adds_to_the_path_stays(self, layer, tmp_path):
        other = script(tmp_path / "other", 'PYTHONPATH="/other:$PYTHONPATH" exec "$@"')

        (_, seen, is_there), _ = run(
            [str(layer / "otel-instrument")],
            {"OTEL_LAYER_EXEC_WRAPPER": other, "PYTHONPATH": "/a"},
        )

        assert seen["PYTHONPATH"] == "/other:/a"
        assert is_there

    def test_if_it_is_this_one_again_that_ends(self, layer):
        wrapper = str(layer / "otel-instrument")

        (_, seen, is_there), _ = run([wrapper], {"OTEL_LAYER_EXEC_WRAPPER": wrapper})

        assert is_there
        assert "PYTHONPATH" not in seen

    @pytest.mark.parametrize("kind", ["missing", "folder", "not executable"])
    def test_one_that_cannot_be_run_is_left_out_aloud(self, layer, tmp_path, kind):
        other = tmp_path / "other"
        if kind == "folder":
            other.mkdir()
        elif kind == "not executable":
            other.write_text("")

        (_, _, is_there), stderr = run(
            [str(layer / "otel-instrument")], {"OTEL_LAYER_EXEC_WRAPPER": str(other)}
        )

        assert is_there
        assert stderr == (
            f"otel-layer: OTEL_LAYER_EXEC_WRAPPER='{other}' cannot be executed;"
            " going on without it\n"
        )


class TestAnIncompleteLayer:
    """The function is started all the same."""

    def test_one_line_says_what_is_missing(self, layer):
        (layer / "python" / "otel_layer").unlink()

        (_, seen, is_there), stderr = run([str(layer / "otel-instrument")])

        assert not is_there
        assert "PYTHONPATH" not in seen
        assert stderr == (
            f"otel-layer: {layer}/python/otel_layer/activation is not there;"
            " the function runs without traces\n"
        )

    def test_a_package_without_its_modules_is_no_reason_to_fail(self, layer):
        copy = layer / "python" / "otel_layer"
        source = copy.resolve()
        copy.unlink()
        shutil.copytree(source / "activation", copy / "activation")

        (_, seen, _), stderr = run([str(layer / "otel-instrument")])

        assert "PYTHONPATH" not in seen
        assert stderr.startswith("otel-layer: cannot wait for the runtime: ModuleNotFoundError: ")
        assert stderr.count("\n") == 1


def locale(seen):
    """What the interpreter adds by itself when there is no locale."""
    return {name: seen[name] for name in ("LC_CTYPE",) if name in seen}


def test_the_wrapper_is_a_shell_script_that_anybody_may_run(layer):
    wrapper = layer / "otel-instrument"

    assert wrapper.read_text().startswith("#!/bin/sh\n")
    assert wrapper.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH) == 0o111
