"""Start file: run by the interpreter before anything else, if the exec wrapper named its folder.

It removes every trace of how it got there, runs the ``sitecustomize`` it stands before, and
waits for Lambda's runtime to be imported. A process that is not the runtime, such as another
wrapper written in Python, notices nothing and pays for nothing but this.

It runs before our own modules can be imported, so it reads and restores ``PYTHONPATH`` itself.
"""

# ruff: noqa: PLC0415  # what is imported here is paid for by every Python process
# ruff: noqa: PTH100, PTH120  # pathlib costs 8 ms
# ruff: noqa: TID251  # settings.py cannot be imported yet
# ruff: noqa: INP001  # a folder on sys.path, no package

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would cost 2 ms
if TYPE_CHECKING:
    from types import ModuleType

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_LIBRARIES = os.path.dirname(os.path.dirname(_FOLDER))
_STDERR = 2


def _restore_pythonpath() -> None:
    # The wrapper put our folder first: ``<ours>`` if the variable was unset, ``<ours>/`` if it
    # was empty, ``<ours>:<value>`` else. Other wrappers may have put more before it.
    before = os.environ.get("PYTHONPATH")
    if before is None:
        return
    entries = before.split(os.pathsep)
    kept = [entry for entry in entries if not _is_ours(entry)]
    if kept == entries:
        return
    if kept or any(_is_ours(entry) and entry.endswith("/") for entry in entries):
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    else:
        del os.environ["PYTHONPATH"]


def _is_ours(entry: str) -> bool:
    return bool(entry) and os.path.abspath(entry) == _FOLDER


def _say(fault: Exception) -> None:
    line = f"otel-layer: cannot wait for the runtime: {type(fault).__name__}: {fault}; "
    line += "the function runs without traces\n"
    try:
        os.write(_STDERR, line.encode("utf-8", "replace"))
    except OSError:
        return  # closed, broken or full: nobody reads it


def _await_runtime() -> None:
    sys.path.append(_LIBRARIES)  # last: everything of the customer's goes first
    from otel_layer.edge.import_hook import ImportHook

    hook = ImportHook()

    def met(bootstrap: ModuleType) -> None:
        try:
            from otel_layer.assembly import layer

            layer(hook).meet_runtime(bootstrap)
        except Exception as fault:  # noqa: BLE001  # the shield of what the shield needs
            _say(fault)

    hook.when_imported("awslambdaric.bootstrap", met)
    hook.install()


def _run_shadowed() -> None:
    # While this module is still being imported, its name is free for the one behind it.
    own = sys.modules.pop(__name__)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401  # run, if there is one
    except ModuleNotFoundError as fault:
        if fault.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, own)


_restore_pythonpath()
sys.path[:] = [entry for entry in sys.path if not _is_ours(entry)]
try:
    _await_runtime()
except Exception as fault:  # noqa: BLE001  # as above
    _say(fault)
_run_shadowed()
