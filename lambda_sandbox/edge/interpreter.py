"""Which Python the function runs on: the real one, beneath any virtual environment."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DESCRIBE = """
import json, os, sys
version = "%d.%d" % sys.version_info[:2]
beneath = os.path.join(sys.base_prefix, "bin", "python" + version)
real = beneath if os.path.exists(beneath) else os.path.realpath(sys.executable)
print(json.dumps([real, version]))
"""
DESCRIBE_TIMEOUT_S = 20.0
"""An interpreter says who it is in 0.02 s; a shim that looks for one may take seconds."""


class InterpreterError(Exception):
    """The interpreter that was asked for is none."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python.

    Attributes:
        executable: Its binary, not that of a virtual environment.
        version: Such as ``3.13``.
    """

    executable: Path
    version: str


@cache
def interpreter_of(python: Path) -> Interpreter:
    """Find out what a ``python`` really is, by asking it.

    Raises:
        InterpreterError: It cannot be run, or does not answer.
    """
    try:
        answer = subprocess.run(  # noqa: S603  # the caller names the interpreter
            [python, "-I", "-c", _DESCRIBE],
            capture_output=True,
            check=True,
            timeout=DESCRIBE_TIMEOUT_S,
        )
        executable, version = json.loads(answer.stdout)
    except OSError as error:
        message = f"cannot run Python at {str(python)!r}: {error.strerror}"
        raise InterpreterError(message) from error
    except (ValueError, subprocess.SubprocessError) as error:
        message = f"{str(python)!r} is not a Python interpreter that works here"
        raise InterpreterError(message) from error
    return Interpreter(Path(executable), version)
