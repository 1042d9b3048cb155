"""The layer as a file: its tree is a public contract, and a build can be repeated."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT

TOP = [
    "collector-config",
    "collector-lib",
    "collector_ext",
    "extensions",
    "otel-handler",
    "otel-instrument",
    "python",
]


class TestTheTree:
    """What ``/opt`` holds once Lambda has unpacked it."""

    def test_it_is_the_one_that_is_promised(self, layer):
        assert sorted(path.name for path in layer.iterdir()) == TOP
        assert [path.name for path in (layer / "extensions").iterdir()] == ["collector_ext"]

    @pytest.mark.parametrize(
        "name", ["otel-instrument", "otel-handler", "extensions/collector_ext"]
    )
    def test_what_lambda_starts_is_executable(self, layer, name):
        assert (layer / name).stat().st_mode & 0o777 == 0o755

    def test_it_holds_no_compiled_code_of_a_processor(self, layer):
        assert [path.name for path in layer.rglob("*.so")] == []

    def test_every_module_has_bytecode_for_the_python_that_runs_this(self, layer):
        sources = [path for path in layer.rglob("*.py") if "tests" not in path.parts]

        missing = [
            path for path in sources if not Path(importlib.util.cache_from_source(path)).exists()
        ]
        assert missing == []

    def test_bytecode_is_valid_whatever_time_the_files_carry(self, layer):
        """Bits 0 and 1 of the flags: hash-based, and not checked against the source (PEP 552)."""
        flags = {path.read_bytes()[4:8] for path in layer.rglob("*.pyc")}

        assert flags == {(0b01).to_bytes(4, "little")}

    def test_no_path_of_the_machine_that_built_it_is_in_it(self, layer):
        found = [
            path
            for path in layer.rglob("*")
            if path.is_file() and str(ROOT).encode() in path.read_bytes()
        ]

        assert found == []


class TestTheZip:
    """What is uploaded to Lambda."""

    def test_it_holds_the_tree(self, layer):
        (archive,) = layer.parent.glob("otel-layer-[0-9]*.zip")

        with zipfile.ZipFile(archive) as packed:
            entries = {entry.filename: packed.read(entry) for entry in packed.infolist()}
        files = {
            str(path.relative_to(layer)): path.read_bytes()
            for path in layer.rglob("*")
            if path.is_file()
        }
        assert entries == files

    def test_two_builds_in_two_folders_are_equal(self, tmp_path):
        hashes = {build_in(tmp_path / name) for name in ("one", "another, with a longer name")}

        assert len(hashes) == 1


def build_in(folder: Path) -> str:
    """Build the layer from a copy of the sources; return the zip's SHA-256."""
    for name in ("otel_layer", "collector_ext", "config", "scripts", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    command = [sys.executable, "-m", "scripts.build_layer", "out"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (archive,) = (folder / "out").glob("*.zip")
    return hashlib.sha256(archive.read_bytes()).hexdigest()


class TestAnyFolder:
    """The layer runs from where it is: /opt on Lambda, anywhere else."""

    def test_a_folder_with_a_space_in_its_name_will_do(self, run, layer, endpoint, tmp_path):
        elsewhere = tmp_path / "my layers" / "otel"
        shutil.copytree(layer, elsewhere)
        environ = {
            "AWS_LAMBDA_EXEC_WRAPPER": f"{elsewhere}/otel-handler",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url,
        }
        sandbox = run("app.greet", environ, layer=elsewhere)

        outcome = sandbox.invoke(b"{}")

        sandbox.wait_frozen()
        assert json.loads(outcome.payload)["hello"] == "world"
        assert [span.name for span in endpoint.spans()] == ["story"]
