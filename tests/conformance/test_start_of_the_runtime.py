"""The start of the runtime: the path, ``.pth`` files, the exec wrapper."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_sandbox.sandbox import Function, Sandbox
from tests.conformance.story import TASK, Story, described, function, layer_of, told

PREINSTALLED = {
    "awslambdaric",
    "boto3",
    "botocore",
    "dateutil",
    "jmespath",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot_restore_py",
    "urllib3",
}
NOT_INSTALLED = {"google", "grpc", "opentelemetry", "requests"}

HOOK = "import os; os.environ['HOOKED_{0}'] = ' '.join(name for name in ('awslambdaric', 'app')"
HOOK += " if name in __import__('sys').modules)\n"


def hooked(folder, **environ):
    """Return the story of a function with ``.pth`` files in every folder that may have them."""
    layer = layer_of(folder)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = layer / "python" / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    task = folder / "task"
    task.mkdir()
    (task / "app.py").write_bytes((TASK / "app.py").read_bytes())
    for place, where in (("SITE", site), ("LAYER", layer / "python"), ("TASK", task)):
        (where / "hook.pth").write_text(HOOK.format(place))
    there = Function(
        task=task, handler="app.handler", layer=layer, environ=environ, name="story", timeout_s=30
    )
    with Sandbox(there) as sandbox:
        facts = json.loads(sandbox.invoke(told("describe")).payload)
    story = Story(sandbox)
    story.outcomes |= {"facts": facts, "layer": layer, "task": task, "site": site}
    return story


@pytest.fixture(scope="module")
def unset(tmp_path_factory):
    """PYTHONPATH is not set."""
    return hooked(tmp_path_factory.mktemp("unset"))


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """PYTHONPATH is set."""
    return hooked(tmp_path_factory.mktemp("set"), PYTHONPATH="/elsewhere")


def hooks(story):
    """Return which ``.pth`` files were obeyed."""
    return sorted(name for name in story.variables if name.startswith("HOOKED"))


class TestThePath:
    """Is set up as the managed runtime's own ``bootstrap.py`` does."""

    @pytest.mark.rule("§7.3", "PYTHONPATH unset: the task, the layer's two folders, the runtime's")
    def test_has_the_layer_behind_the_task(self, unset):
        kept = unset.outcomes

        assert kept["facts"]["path"][:4] == [
            str(kept["task"]),
            str(kept["site"]),
            str(kept["layer"] / "python"),
            unset.variables["LAMBDA_RUNTIME_DIR"],
        ]

    @pytest.mark.rule("§7.3", "The AWS SDK and what it needs are there, behind task and layer")
    def test_has_the_packages_of_the_managed_runtime(self, tmp_path):
        layer = layer_of(tmp_path)
        (layer / "python" / "six.py").touch()
        modules = [*PREINSTALLED, *NOT_INSTALLED]
        with Sandbox(function(layer)) as sandbox:
            found = json.loads(sandbox.invoke(told("find", modules=modules)).payload)
            runtime = json.loads(sandbox.invoke(told("describe")).payload)["path"][3]

        assert {name for name in modules if found[name] is None} == NOT_INSTALLED
        shadowed = found.pop("six")
        assert shadowed == str(layer / "python" / "six.py")
        assert all(found[name].startswith(f"{runtime}/") for name in PREINSTALLED - {"six"})

    @pytest.mark.rule("§7.3", "PYTHONPATH unset: `.pth` files of task and layer are obeyed")
    def test_obeys_pth_files(self, unset):
        assert hooks(unset) == ["HOOKED_LAYER", "HOOKED_SITE", "HOOKED_TASK"]

    @pytest.mark.rule(
        "§7.3", "`.pth` files are obeyed before runtime client and handler are loaded"
    )
    def test_obeys_pth_files_early(self, unset):
        assert {unset.variables[name] for name in hooks(unset)} == {""}

    @pytest.mark.rule("§7.3", "PYTHONPATH unset: it is the runtime's folder for child processes")
    def test_is_not_inherited(self, unset):
        folder = unset.variables["LAMBDA_RUNTIME_DIR"]

        assert unset.outcomes["facts"]["of_child"] == folder
        assert unset.variables["PYTHONPATH"] == folder

    @pytest.mark.rule("§7.3", "PYTHONPATH set: the task is first, the layer is not on the path")
    def test_has_no_layer_with_pythonpath_set(self, preset):
        kept = preset.outcomes

        path = kept["facts"]["path"]
        assert path[0] == str(kept["task"])
        assert "/elsewhere" in path
        assert [entry for entry in path if entry.startswith(str(kept["layer"]))] == []

    @pytest.mark.rule("§7.3", "PYTHONPATH set: `.pth` files of the task alone are obeyed")
    def test_obeys_no_pth_files_of_the_layer_with_pythonpath_set(self, preset):
        assert hooks(preset) == ["HOOKED_TASK"]

    @pytest.mark.rule("§7.3", "PYTHONPATH set: it stays as it is")
    def test_leaves_pythonpath_alone(self, preset):
        assert preset.variables["PYTHONPATH"] == "/elsewhere"

    @pytest.mark.rule("§7.3", "A `.pth` file can put another handler into `_HANDLER`")
    def test_may_change_the_handler(self, tmp_path):
        layer = layer_of(tmp_path)
        swap = "import os; os.environ['_HANDLER'] = 'app.answer'\n"
        (layer / "python" / "swap.pth").write_text(swap)
        with Sandbox(function(layer, handler="app.nothing")) as sandbox:
            outcome = sandbox.invoke(request_id="r-1")

        assert json.loads(outcome.payload)["request_id"] == "r-1"


def wrapped(folder, text, mode=0o755):
    """Return layer and variables of a function with an exec wrapper."""
    layer = layer_of(folder)
    if text is not None:
        (layer / "wrapper").write_text(text)
        (layer / "wrapper").chmod(mode)
    return layer, {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}


class TestTheExecWrapper:
    """Is run in place of the interpreter, and runs it."""

    @pytest.mark.rule("§7.1", "The wrapper gets the interpreter first and bootstrap.py last")
    def test_gets_the_command(self, tmp_path):
        text = '#!/bin/sh\nexport WRAPPED="$# $1 $2"\nexec "$@"\n'
        layer, environ = wrapped(tmp_path, text)

        variables = described(layer, environ=environ).variables

        number, interpreter, script = variables["WRAPPED"].split()
        version = variables["AWS_EXECUTION_ENV"].removeprefix("AWS_Lambda_")
        assert (number, Path(interpreter).name) == ("2", version)
        assert script == f"{variables['LAMBDA_RUNTIME_DIR']}/bootstrap.py"

    @pytest.mark.rule("§7.1", "The wrapper may insert options of the interpreter")
    def test_may_insert_options(self, tmp_path):
        layer, environ = wrapped(tmp_path, '#!/bin/sh\nexec "$1" -X dev "$2"\n')

        assert described(layer, environ=environ).outcomes["facts"]["argv"][1:3] == ["-X", "dev"]

    @pytest.mark.parametrize(
        ("text", "status"),
        [
            pytest.param(
                None, 127, marks=pytest.mark.rule("§7.1", "No such wrapper: exit status 127")
            ),
            pytest.param(
                "#!/bin/sh\n",
                126,
                marks=pytest.mark.rule("§7.1", "A wrapper that is not executable: 126"),
            ),
        ],
        ids=["127", "126"],
    )
    def test_that_cannot_run_ends_as_in_a_shell(self, tmp_path, text, status):
        layer, environ = wrapped(tmp_path, text, mode=0o644)
        with Sandbox(function(layer, environ=environ)) as sandbox:
            init = sandbox.init()
            outcome = sandbox.invoke(request_id="r-1")

        assert init.error_type == "Runtime.ExitError"
        error: dict[str, Any] = json.loads(outcome.payload)
        assert error["errorMessage"].endswith(f"exit status {status}")
