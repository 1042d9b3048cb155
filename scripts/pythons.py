"""Which CPython interpreters this machine has, wherever its tools put them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST_SUPPORTED = (3, 10)
"""python3.10 is the oldest managed runtime that has not been retired."""

_NAME = re.compile(r"python(3)\.(\d+)")


def installed(oldest: tuple[int, int] = OLDEST_SUPPORTED) -> dict[tuple[int, int], Path]:
    """Find one CPython for each minor version, the running one included.

    Args:
        oldest: The oldest (major, minor) wanted.

    Returns:
        (major, minor) → path of the executable, in ascending order.
    """
    found = {sys.version_info[:2]: Path(sys.executable)}
    for version, candidate in _candidates():
        if version not in found and _is_cpython(candidate, version):
            found[version] = candidate
    return {version: found[version] for version in sorted(found) if version >= oldest}


def _candidates() -> Iterator[tuple[tuple[int, int], Path]]:
    home = Path.home()
    roots = [Path(entry) for entry in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    for versions in (pyenv / "versions", home / ".local/share/uv/python"):
        if versions.is_dir():
            roots += sorted(versions.glob("*/bin"), reverse=True)
    for file in (file for root in roots if root.is_dir() for file in root.iterdir()):
        if match := _NAME.fullmatch(file.name):
            yield (int(match[1]), int(match[2])), file


def _is_cpython(executable: Path, version: tuple[int, int]) -> bool:
    # A version manager's shim answers to every name and runs only some of them.
    ask = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    command = [str(executable), "-I", "-S", "-c", ask]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    answer: list[str] = asked.stdout.split()
    return answer == ["cpython", *map(str, version)]


if __name__ == "__main__":
    for version, executable in installed().items():
        print(f"{version[0]}.{version[1]}", executable)
