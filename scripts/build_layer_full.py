"""Build the full layer: ``dist/layer-full/`` and its zip, for one Python and one architecture.

It is the slim layer with `grpcio` in ``collector-lib/``: compiled code, 19 MB for each Python
and processor, so there is one zip for each. The folder is beside ``python/`` and not in it:
Lambda puts that one on the function's path, and this is the collector's alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from scripts import build_layer
from scripts.build_layer import ROOT
from scripts.pythons import installed

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
"""What may be asked for → how wheels spell it. Lambda says arm64."""

PLATFORMS = ("manylinux2014", "manylinux_2_17")
"""Two names of one: glibc 2.17. Amazon Linux 2, under python3.10 and 3.11, has 2.26."""


def main() -> None:
    """Build the full layer into the folder given on the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "dist")
    parser.add_argument("--python-version", required=True, type=minor_version, metavar="3.13")
    parser.add_argument("--arch", required=True, choices=sorted(ARCHITECTURES))
    arguments = parser.parse_args()
    version: tuple[int, int] = arguments.python_version
    architecture = ARCHITECTURES[arguments.arch]
    out: Path = arguments.out.resolve()
    name = f"python{version[0]}.{version[1]}-{architecture}"

    def lay_out(layer: Path) -> None:
        build_layer.stage(layer)
        install_grpc(layer / "collector-lib", version, architecture)

    pythons = {found: path for found, path in installed().items() if found == version}
    if not pythons:
        print(f"python{version[0]}.{version[1]} is not on this machine: each cold start compiles")
    build_layer.build(
        lay_out,
        layer=out / "layer-full",
        archive=out / f"otel-layer-full-{build_layer.version()}-{name}.zip",
        pythons=pythons,
    )


def minor_version(text: str) -> tuple[int, int]:
    """Return (major, minor) of ``3.13``.

    Raises:
        ValueError: It is spelled in another way.
    """
    major, minor = text.split(".")
    return int(major), int(minor)


def install_grpc(target: Path, version: tuple[int, int], architecture: str) -> None:
    """Add `grpcio` to what the collector alone imports, from wheels of the platform."""
    platform = [f"--platform={name}_{architecture}" for name in PLATFORMS]
    platform += ["--implementation=cp", f"--python-version={version[0]}.{version[1]}"]
    build_layer.install_wheels(target, ROOT / "requirements/layer-full.txt", platform)


if __name__ == "__main__":
    main()
