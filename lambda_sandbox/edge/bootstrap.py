"""Start the function as the managed runtime's own ``bootstrap.py`` does.

It runs in the function's process, in a folder that stands for ``/var/runtime``; beside that
folder, the link ``opt`` leads to the layer. It imports nothing but built-in and start-up
modules, and its name is part of the contract: the runtime client leaves frames of files called
``bootstrap.py`` out of the stack traces it reports.

With ``PYTHONPATH`` unset, ``sys.path`` becomes: the task, the layer's
``python/lib/pythonX.Y/site-packages``, the layer's ``python``, the runtime's packages, the
standard library. With it set, the task alone is put first, and the runtime's packages stay
importable because this file is among them. ``.pth`` files of the task, and of the layer where
it was added, are obeyed. The host's ``site-packages`` are taken away in both cases.
"""

# It is part of every cold start that is measured: it imports what the runtime's own file does.
# ruff: noqa: PTH100, PTH118, PTH120, TID251

import os
import site
import sys


def main() -> None:
    """Set the path up and hand over to the runtime client; it does not return."""
    runtime = os.path.dirname(os.path.abspath(__file__))
    layer = os.path.realpath(os.path.join(os.path.dirname(runtime), "opt"))
    task = os.environ["LAMBDA_TASK_ROOT"]
    hosts = {*site.getsitepackages(), site.getusersitepackages()}
    inherited = [entry for entry in sys.path if entry not in hosts]
    folders = [task]
    if "PYTHONPATH" in os.environ:
        sys.path[:] = [task, *inherited]
    else:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        python = os.path.join(layer, "python")
        folders += [os.path.join(python, "lib", version, "site-packages"), python]
        sys.path[:] = [*folders, *inherited]
        os.environ["PYTHONPATH"] = runtime
    for folder in folders:
        site.addsitedir(folder)

    # Only now does the import find what the function would find.
    from awslambdaric import (  # type: ignore[import-untyped]  # noqa: PLC0415
        __main__ as runtime_client,
    )

    # Read late: a .pth file may have put another handler there.
    runtime_client.main([task, os.environ["_HANDLER"]])


if __name__ == "__main__":
    main()
