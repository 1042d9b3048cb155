"""The folder of one sandbox: what stands for ``/var/runtime``, ``/var/lang/bin`` and ``/opt``.

::

    runtime/bootstrap.py    and its SnapStart half, and links to     LAMBDA_RUNTIME_DIR
                            the runtime's packages
    bin/python3             links to the function's interpreter      first on PATH
    lib/                    link to the same packages, beside bin as in /var/lang
    opt                     link to the layer, if there is one
    workers                 socket, in a managed instance
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
TEMPLATE = Path(__file__).with_name("template.py")
TEMPLATE_NAME = "_lambda_sandbox_template.py"
"""Its name in the function's process, where a module ``template`` would be the function's own."""


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

    @property
    def log_socket(self) -> Path:
        """Where the workers of a managed instance write their output to."""
        return self.root / "workers"

    def furnish(self, interpreter: Interpreter, packages: Path, layer: Path | None) -> None:
        """Make the folders.

        Args:
            interpreter: The function's.
            packages: The runtime's own packages, for this interpreter.
            layer: What stands for ``/opt``.
        """
        self.runtime.mkdir()
        shutil.copyfile(BOOTSTRAP, self.runtime / BOOTSTRAP.name)
        shutil.copyfile(TEMPLATE, self.runtime / TEMPLATE_NAME)
        for entry in packages.iterdir():
            (self.runtime / entry.name).symlink_to(entry)
        self.python_bin.mkdir()
        for name in ("python", "python3", f"python{interpreter.version}"):
            (self.python_bin / name).symlink_to(interpreter.executable)
        # Beside the interpreter, as in /var/lang/lib: where extensions look for the AWS SDK.
        library = self.root / "lib" / f"python{interpreter.version}"
        library.mkdir(parents=True)
        (library / "site-packages").symlink_to(packages)
        if layer is not None:
            (self.root / "opt").symlink_to(layer)

    def close(self) -> None:
        """Remove the folder."""
        self._temporary.cleanup()
