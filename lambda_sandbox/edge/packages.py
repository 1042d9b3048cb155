"""Packages for the function: installed once by pip into a cache, then only linked to.

Source: https://pip.pypa.io/en/stable/cli/pip_install/
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lambda_sandbox.edge.interpreter import Interpreter

INSTALL_TIMEOUT_S = 600.0
"""For a slow index: an installation that takes longer will not end."""


class PackagesError(Exception):
    """What was required could not be installed, or not be kept."""


def ensure(requirements: Path, python: Interpreter, cache: Path) -> Path:
    """Return a folder that holds the required packages; install them if there is none.

    They have bytecode, as Lambda's own packages have: without it each start would compile them.

    Two processes may do this at once: each installs into a folder of its own, the first to be
    ready gives it its name, the other's is thrown away.

    Args:
        requirements: A requirements file; it is its content that counts.
        python: Whom the packages are for; need not be the one that runs this.
        cache: Where such folders are kept; made if need be.

    Raises:
        PackagesError: pip failed, and the message holds what it said; or the cache cannot be
            written to.
    """
    content = requirements.read_bytes()
    key = hashlib.sha256(content + b"\0" + python.version.encode()).hexdigest()[:24]
    folder = cache / f"compiled-{python.version}-{key}"
    try:
        if folder.is_dir():
            return folder
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="installing-") as temporary:
            unfinished = os.path.join(temporary, "packages")  # noqa: PTH118  # a string for pip
            _install(requirements, python.version, unfinished)
            _compile(python, unfinished)
            _rename(unfinished, folder)
    except OSError as error:
        message = (
            f"packages cannot be kept in {str(cache)!r}: {error.strerror}; "
            "set LAMBDA_SANDBOX_CACHE to another folder"
        )
        raise PackagesError(message) from error
    return folder


def _rename(unfinished: str, folder: Path) -> None:
    try:
        os.rename(unfinished, folder)  # noqa: PTH104  # atomic: there or not there
    except OSError:
        if not folder.is_dir():  # else another process was first
            raise


def _install(requirements: Path, python_version: str, target: str) -> None:
    # A wheel for another Python can be chosen only if nothing has to be built.
    other = ["--python-version", python_version, "--only-binary=:all:"]
    ours = "{}.{}".format(*sys.version_info[:2])
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-warn-conflicts", "--no-input", "--no-compile", "--target", target),
        *("--requirement", str(requirements)),
        *(other if python_version != ours else []),
    ]
    try:
        subprocess.run(  # noqa: S603  # pip, with a file the caller named
            command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
        )
    except subprocess.CalledProcessError as error:
        message = f"cannot install {str(requirements)!r} for Python {python_version}: "
        raise PackagesError(message + error.stderr.strip()) from error
    except subprocess.TimeoutExpired as error:
        message = f"cannot install {str(requirements)!r}: not done in {INSTALL_TIMEOUT_S:.0f} s"
        raise PackagesError(message) from error


def _compile(python: Interpreter, folder: str) -> None:
    command = [str(python.executable), "-m", "compileall", "-qq", "-s", folder, folder]
    # What does not compile is a file of another Python; its import would say so.
    subprocess.run([*command, "--invalidation-mode=unchecked-hash"], check=False)  # noqa: S603  # ours


def task_with_packages(task: Path, python: Interpreter, cache: Path, into: Path) -> Path:
    """Return the task's root, as a build tool would have made it.

    Args:
        task: The function's folder. Without a ``requirements.txt`` it is the root itself.
        python: Whom the packages are for.
        cache: Where packages are kept.
        into: A folder of the caller's, where a root may be made: the packages, and over them
            a copy of the task's files.
    """
    requirements = task / "requirements.txt"
    if not requirements.is_file():
        return task
    packages = ensure(requirements, python, cache)
    root = into / "task"
    shutil.copytree(packages, root, symlinks=True)
    shutil.copytree(task, root, symlinks=True, dirs_exist_ok=True)
    return root
