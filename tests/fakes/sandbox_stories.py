"""What stories of a sandbox begin with: a function that obeys, a layer, and an event for each deed.

The function is ``tests/integration/sandbox_task``, the extensions are those in
``tests/integration/sandbox_extensions``.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from lambda_sandbox.sandbox import Function, Sandbox

INTEGRATION = Path(__file__).parents[1] / "integration"
TASK = INTEGRATION / "sandbox_task"
EXTENSIONS = INTEGRATION / "sandbox_extensions"


def function(handler: str = "obey", **kwargs: Any) -> Function:
    """Return the function.

    Args:
        handler: Its handler in the task's ``app.py``; ``obey`` does what its event says.
        **kwargs: What else ``Function`` is to be given.
    """
    return Function(task=TASK, handler=f"app.{handler}", name="story", **kwargs)


def told(what: str, **kwargs: Any) -> bytes:
    """Return the event that tells ``obey`` what to do."""
    return json.dumps({"do": what, **kwargs}).encode()


def layer_with(layer: Path, names: tuple[str, ...]) -> Path:
    """Make a layer that holds the named extensions; return it."""
    folder = layer / "extensions"
    folder.mkdir(parents=True)
    for name in names:
        shutil.copy(EXTENSIONS / name, folder / name)
    return layer


def said(sandbox: Sandbox, name: str) -> list[str]:
    """Return the lines of the log of the function, of an extension, or of ``lambda``."""
    return [line.text for line in sandbox.logs if line.name == name]
