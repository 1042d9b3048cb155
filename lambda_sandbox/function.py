"""A function as one would configure it on Lambda, and what Lambda would say to that."""

from __future__ import annotations

import re
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

NAME_LENGTH_MAX = 64
"""The longest name of a function."""

MEMORY_MB_MIN, MEMORY_MB_MAX = 128, 10_240
TIMEOUT_S_MAX = 900.0
"""Lambda's limits. It has whole seconds, from 1; here parts of one are as good, because nobody
wants to wait for a timeout.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_VERSION = re.compile(r"\$LATEST(\.PUBLISHED)?|[0-9]+")


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
        name: Its name: letters, digits, hyphens and underscores, 64 at most.
        version: ``$LATEST``, or a number; None for ``1`` with the types of initialisation that
            only published versions have, and for ``$LATEST`` with the others.
        memory_mb: Its memory size, 128 to 10,240.
        timeout_s: The time an invocation may take, extensions included: 900 at most.
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
    version: str | None = None
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
    fault = configuration_fault(function.environ) or _fault(function)
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


def _fault(function: Function) -> str | None:
    """Say in one sentence why Lambda would not accept a function's facts; None if it would."""
    name, version = function.name, function.version
    if not _NAME.fullmatch(name) or len(name) > NAME_LENGTH_MAX:
        return (
            f"no function can be called {name!r}: names have letters, digits, hyphens and "
            f"underscores, {NAME_LENGTH_MAX} at most"
        )
    if version is not None and not _VERSION.fullmatch(version):
        return f"a function's version is $LATEST or a number, not {version!r}"
    if not MEMORY_MB_MIN <= function.memory_mb <= MEMORY_MB_MAX:
        return (
            f"a function has {MEMORY_MB_MIN} to {MEMORY_MB_MAX} MB of memory, "
            f"not {function.memory_mb}"
        )
    # Not the other way round: nan is refused, too.
    if not 0 < function.timeout_s <= TIMEOUT_S_MAX:
        return (
            f"a function's timeout is more than 0 and up to {TIMEOUT_S_MAX:.0f} seconds, "
            f"not {function.timeout_s}"
        )
    return None


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
