"""Build the layer: ``dist/layer/`` (what ``/opt`` holds) and its zip.

Two builds of the same sources are equal byte for byte, whatever folder they run in:
dependencies are pinned by hash, file times and modes are fixed, and bytecode is compiled
with a fixed hash seed under the path it has on Lambda.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from scripts.pythons import installed

ROOT = Path(__file__).resolve().parent.parent
LAYER_ROOT = "/opt"
"""Where Lambda unpacks a layer: the folder that tracebacks name."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip entry can carry."""

METADATA_KEPT = {"METADATA", "entry_points.txt", "licenses", "LICENSE"}
"""Of a distribution's metadata: its version, its entry points and its licence. The rest
(RECORD, INSTALLER, …) names the machine it was installed on or is wrong after pruning."""

PYTHON_FOLDERS = ("collector_ext", "collector-lib", "python")
"""Folders with modules: the collector's own, those it alone imports, the function's."""

PACKAGES_LEFT_OUT = ("bin", "opentelemetry/test", "wrapt/*.so")

LIBRARIES_LEFT_OUT = ("_yaml", "yaml/*.so")
"""PyYAML has no pure wheel, but does without its compiled code."""


def main() -> None:
    """Build the layer into the folder given on the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "dist")
    out = parser.parse_args().out.resolve()
    archive = out / f"otel-layer-{version()}.zip"
    build(stage, layer=out / "layer", archive=archive, pythons=installed())


def build(
    lay_out: Callable[[Path], None],
    *,
    layer: Path,
    archive: Path,
    pythons: dict[tuple[int, int], Path],
) -> None:
    """Build one layer and say what came of it.

    Args:
        lay_out: Fills an empty folder with all but the bytecode.
        layer: Where the tree goes; what is there is replaced.
        archive: Where its zip goes.
        pythons: (major, minor) → executable, of the versions to compile for.
    """
    with tempfile.TemporaryDirectory(prefix="otel-layer-") as scratch:
        staged = Path(scratch, "layer")
        lay_out(staged)
        compile_bytecode(staged, pythons)
        archive.parent.mkdir(parents=True, exist_ok=True)
        pack(staged, archive)
        shutil.rmtree(layer, ignore_errors=True)
        shutil.move(staged, layer)
    unzipped = sum(file.stat().st_size for file in layer.rglob("*") if file.is_file())
    compiled = ", ".join(f"{major}.{minor}" for major, minor in pythons) or "no Python"
    print(f"{archive.name}: {megabytes(archive.stat().st_size)} MB zipped,", end=" ")
    print(f"{megabytes(unzipped)} MB unzipped, bytecode for {compiled}")
    print(f"sha256 {hashlib.sha256(archive.read_bytes()).hexdigest()}")


def version() -> str:
    """Return the one version of both halves."""
    text = (ROOT / "pyproject.toml").read_text()
    match = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert match, "pyproject.toml names the version"
    return match[1]


def stage(layer: Path) -> None:
    """Lay out the layer's tree, a public contract, without bytecode."""
    copy_file(ROOT / "config/otel-instrument", layer / "otel-instrument", mode=0o755)
    copy_file(ROOT / "config/otel-instrument", layer / "otel-handler", mode=0o755)
    copy_file(ROOT / "config/collector_ext", layer / "extensions/collector_ext", mode=0o755)
    for data in (ROOT / "config/defaults.env", *sorted((ROOT / "config").glob("*.yaml"))):
        copy_file(data, layer / "collector-config" / data.name, mode=0o644)
    copy_package(ROOT / "collector_ext", layer / "collector_ext")
    install_libraries(layer / "collector-lib")
    install_dependencies(layer / "python")
    copy_package(ROOT / "otel_layer", layer / "python/otel_layer")


def copy_file(source: Path, target: Path, *, mode: int) -> None:
    """Copy one file, its folders made on the way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def copy_package(source: Path, target: Path) -> None:
    """Copy a package's sources."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))


def install_dependencies(target: Path) -> None:
    """Install the pinned dependencies, pure wheels only: one layer for every architecture."""
    pure = ["--platform=any", "--implementation=py", "--abi=none", "--python-version=3.10"]
    install_wheels(target, ROOT / "requirements/layer.txt", pure)
    leave_out(target, PACKAGES_LEFT_OUT)


def install_libraries(target: Path) -> None:
    """Install what the collector alone imports, beside ``python/``: the function never does.

    From the wheel of any platform: what differs between them is left out.
    """
    any_platform = ["--platform=manylinux2014_x86_64", "--python-version=3.10"]
    install_wheels(target, ROOT / "requirements/collector.txt", any_platform)
    leave_out(target, LIBRARIES_LEFT_OUT)


def leave_out(folder: Path, patterns: tuple[str, ...]) -> None:
    """Remove what was installed and is not wanted."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def install_wheels(target: Path, requirements: Path, platform: list[str]) -> None:
    """Install what is pinned by hash, and nothing of the machine that does it.

    Args:
        target: The folder, which may not exist yet.
        requirements: Complete: what they depend on is not looked for.
        platform: Arguments of pip that say whom the wheels are for.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
    command += ["--disable-pip-version-check", "--root-user-action=ignore", "--require-hashes"]
    command += ["--only-binary=:all:", *platform, "--target", str(target)]
    subprocess.run([*command, "-r", requirements], check=True)
    for metadata in target.glob("*.dist-info"):
        for path in metadata.iterdir():
            if path.name not in METADATA_KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def compile_bytecode(layer: Path, pythons: dict[tuple[int, int], Path]) -> None:
    """Compile every module, for each of these Pythons.

    ``/opt`` is read-only, so without bytecode in the layer each cold start compiles
    everything. Unchecked-hash files are valid whatever time the unpacked source carries.

    Source: https://peps.python.org/pep-0552/
    """
    folders = [layer / name for name in PYTHON_FOLDERS]
    for python in pythons.values():
        command = [str(python), "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"]
        command += ["-s", str(layer), "-p", LAYER_ROOT]
        command += [str(folder) for folder in folders if folder.is_dir()]
        # The order of a set is written into the bytecode: the seed makes it the same each time.
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": "0"})


def pack(layer: Path, archive: Path) -> None:
    """Zip the layer so that equal trees make equal archives."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for file in sorted(layer.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(str(file.relative_to(layer)), EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.create_system = 3  # Unix, whatever this machine is: the mode counts
                mode = 0o755 if file.stat().st_mode & 0o100 else 0o644
                entry.external_attr = (0o100000 | mode) << 16
                packed.writestr(entry, file.read_bytes())


def megabytes(size_bytes: int) -> str:
    """Spell a size as people compare layers: in MB, one decimal."""
    return f"{size_bytes / 1e6:.1f}"


if __name__ == "__main__":
    main()
