"""The folder of one sandbox: what stands for ``/var/runtime``, ``/var/lang/bin`` and ``/opt``.

::

    runtime/bootstrap.py    and links to the runtime's packages      LAMBDA_RUNTIME_DIR
    bin/python3             links to the function's interpreter      first on PATH
    opt                     link to the layer, if there is one
    task/                   the task, if packages had to be put into it
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_sandbox.edge.interpreter import Interpreter

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")


class Workspace:
    """A temporary folder, gone after ``close``."""

    def __init__(self) -> None:
        self._temporary = TemporaryDirectory(prefix="lambda-sandbox-")
        self.root = Path(self._temporary.name)

    @property
    def runtime(self) -> Path:
        """Stands for ``/var/runtime``."""
        return self.root / "runtime"

    @property
    def python_bin(self) -> Path:
        """Stands for ``/var/lang/bin``."""
        return self.root / "bin"

    def furnish(self, interpreter: Interpreter, packages: Path, layer: Path | None) -> None:
        """Make the folders.

        Args:
            interpreter: The function's.
            packages: The runtime's own packages, for this interpreter.
            layer: What stands for ``/opt``.
        """
        self.runtime.mkdir()
        shutil.copyfile(BOOTSTRAP, self.runtime / BOOTSTRAP.name)
        for entry in packages.iterdir():
            (self.runtime / entry.name).symlink_to(entry)
        self.python_bin.mkdir()
        for name in ("python", "python3", f"python{interpreter.version}"):
            (self.python_bin / name).symlink_to(interpreter.executable)
        if layer is not None:
            (self.root / "opt").symlink_to(layer)

    def close(self) -> None:
        """Remove the folder."""
        self._temporary.cleanup()
