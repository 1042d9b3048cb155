"""The full layer, if it was built: ``make layer-full PYTHON_VERSION=3.13 ARCH=x86_64``.

Not built for the tests: it is 7 MB of download for one Python and one architecture. What the
collector does with `grpcio` is tested from the sources, in ``integration/``.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import ROOT
from tests.e2e.test_layer import TOP

if TYPE_CHECKING:
    from pathlib import Path

LAYER = ROOT / "dist" / "layer-full"
LIBRARIES = LAYER / "collector-lib"

if not LAYER.is_dir():
    pytest.skip("make layer-full was not run", allow_module_level=True)

IMPORT = """
import sys; sys.path.insert(0, sys.argv[1])
from collector_ext.edge import grpc_library
print(grpc_library.load().__file__)
"""


@pytest.fixture
def compiled():
    """The one file that depends on the Python and the architecture."""
    (compiled,) = LAYER.rglob("*.so")
    return compiled


def built_for(compiled: Path) -> tuple[str, str]:
    """Return the version and the architecture that a file's name stands for."""
    found = re.fullmatch(r"cygrpc\.cpython-3(\d+)-(\w+)-linux-gnu\.so", compiled.name)
    assert found
    return f"3.{found[1]}", found[2]


class TestTheTree:
    """It is the slim layer's, with one library more for the collector."""

    def test_it_is_the_one_that_is_promised(self):
        assert sorted(path.name for path in LAYER.iterdir()) == TOP

    def test_the_collector_has_its_libraries(self):
        modules = {path.name for path in LIBRARIES.iterdir() if path.suffix != ".dist-info"}

        assert modules - {"__pycache__"} == {"grpc", "typing_extensions.py", "yaml"}

    def test_compiled_code_is_in_that_folder(self, compiled):
        assert compiled.parent == LIBRARIES / "grpc" / "_cython"

    def test_the_licence_is_there(self):
        assert list(LIBRARIES.glob("grpcio-*.dist-info/licenses/LICENSE")) != []

    def test_the_function_cannot_import_it(self):
        program = "import sys; sys.path.insert(0, sys.argv[1]); import grpc"
        command = [sys.executable, "-I", "-S", "-c", program, str(LAYER / "python")]

        failed = subprocess.run(command, capture_output=True, text=True, check=False)

        assert "No module named 'grpc'" in failed.stderr

    def test_the_collector_can(self, compiled):
        if sysconfig.get_config_var("SOABI") not in compiled.name:
            pytest.skip(f"built for {' '.join(built_for(compiled))}")
        command = [sys.executable, "-I", "-S", "-c", IMPORT, str(LAYER)]

        found = subprocess.run(command, capture_output=True, text=True, check=True)

        assert found.stdout.strip() == str(LIBRARIES / "grpc" / "__init__.py")

    def test_bytecode_is_valid_whatever_time_the_files_carry(self):
        """Bits 0 and 1 of the flags: hash-based, and not checked against the source (PEP 552)."""
        flags = {path.read_bytes()[4:8] for path in LAYER.rglob("*.pyc")}

        assert flags <= {(0b01).to_bytes(4, "little")}

    def test_no_path_of_the_machine_that_built_it_is_in_it(self):
        files = [path for path in LAYER.rglob("*") if path.is_file()]

        assert [path for path in files if str(ROOT).encode() in path.read_bytes()] == []


class TestTheZip:
    """What is uploaded to Lambda, named after what it was built for."""

    def test_it_holds_the_tree(self, compiled):
        version, architecture = built_for(compiled)
        name = f"otel-layer-full-*-python{version}-{architecture}.zip"
        (archive,) = LAYER.parent.glob(name)

        with zipfile.ZipFile(archive) as packed:
            entries = {entry.filename: packed.read(entry) for entry in packed.infolist()}
        files = [path for path in LAYER.rglob("*") if path.is_file()]
        assert entries == {str(file.relative_to(LAYER)): file.read_bytes() for file in files}

    def test_two_builds_in_two_folders_are_equal(self, compiled, tmp_path):
        version, architecture = built_for(compiled)
        hashes = {
            build_in(tmp_path / name, version, architecture)
            for name in ("one", "another, with a longer name")
        }

        assert len(hashes) == 1


def build_in(folder: Path, version: str, architecture: str) -> str:
    """Build the layer from a copy of the sources; return the zip's SHA-256."""
    for name in ("otel_layer", "collector_ext", "config", "scripts", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    command = [sys.executable, "-m", "scripts.build_layer_full", "out"]
    command += ["--python-version", version, "--arch", architecture]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (archive,) = (folder / "out").glob("*.zip")
    return hashlib.sha256(archive.read_bytes()).hexdigest()
