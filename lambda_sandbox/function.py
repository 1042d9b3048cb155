"""A function as one would configure it on Lambda, and what Lambda would say to that."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lambda_sandbox.core.function import (
    MANAGED_INSTANCES,
    MAX_CONCURRENCY_DEFAULT,
    MAX_CONCURRENCY_MAX,
    ON_DEMAND,
    InitializationType,
)
from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.core.process_environment import configuration_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNTIME_REQUIREMENTS = Path(__file__).with_name("runtime-requirements.txt")
"""The newest runtime client; what managed runtimes hold is not told by anyone."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, as one would configure it on Lambda.

    Attributes:
        task: Its code: what ``/var/task`` holds. With a ``requirements.txt`` in it, the
            sandbox puts the packages beside the code, as a build tool would.
        handler: ``module.function``.
        layer: What ``/opt`` holds. The folder is used where it is, under its real name.
        environ: The function's own variables, as far as Lambda would accept them. An
            ``AWS_LAMBDA_EXEC_WRAPPER`` under ``/opt/`` is looked for in the layer.
        name: Its name.
        version: ``$LATEST``, or a number.
        memory_mb: Its memory size.
        timeout_s: The time an invocation may take, extensions included.
        python: The interpreter it runs on; beneath a virtual environment, the real one.
        initialization_type: How an environment comes to be, in the words of
            ``AWS_LAMBDA_INITIALIZATION_TYPE``.
        max_concurrency: How many workers a managed instance has; nothing to the other types.
        runtime_requirements: What ``/var/runtime`` holds, as a requirements file: ``awslambdaric``
            as a custom image pins it. Ours pins the newest.
    """

    task: Path
    handler: str
    layer: Path | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    name: str = "function"
    version: str = "$LATEST"
    memory_mb: int = 128
    timeout_s: float = 3.0
    python: Path = Path(sys.executable)
    initialization_type: InitializationType = ON_DEMAND
    max_concurrency: int = MAX_CONCURRENCY_DEFAULT
    runtime_requirements: Path = RUNTIME_REQUIREMENTS


def check(function: Function) -> None:
    """Insist on what Lambda would insist on, and on what has to be there.

    Raises:
        SandboxError: In one sentence, what is wrong.
    """
    if not function.task.is_dir():
        message = f"no task folder at {str(function.task)!r}"
        raise SandboxError(message)
    if function.layer is not None and not function.layer.is_dir():
        message = f"no layer folder at {str(function.layer)!r}"
        raise SandboxError(message)
    if not function.runtime_requirements.is_file():
        message = f"no requirements of the runtime at {str(function.runtime_requirements)!r}"
        raise SandboxError(message)
    fault = configuration_fault(function.environ)
    if fault is not None:
        raise SandboxError(fault)
    if function.initialization_type not in get_args(InitializationType):
        message = (
            f"no environment comes to be by {function.initialization_type!r}: it is one of "
            f"{', '.join(get_args(InitializationType))}"
        )
        raise SandboxError(message)
    is_managed = function.initialization_type == MANAGED_INSTANCES
    if is_managed and not 1 <= function.max_concurrency <= MAX_CONCURRENCY_MAX:
        message = (
            f"a managed instance has 1 to {MAX_CONCURRENCY_MAX} workers, "
            f"not {function.max_concurrency}"
        )
        raise SandboxError(message)


DISABLED_BY = "disable-extensions-jwigqn8j"
"""A file of this name in the layer disables all extensions; the platform's own switch."""


def are_extensions_disabled(layer: Path | None) -> bool:
    """Return whether the layer says that there are no extensions."""
    return layer is not None and (layer / DISABLED_BY).exists()


def extension_files(layer: Path | None) -> list[Path]:
    """Return the files that Lambda would start: regular ones, sub-folders are ignored."""
    folder = layer / "extensions" if layer else None
    if folder is None or not folder.is_dir() or are_extensions_disabled(layer):
        return []
    return sorted(file for file in folder.iterdir() if file.is_file())
