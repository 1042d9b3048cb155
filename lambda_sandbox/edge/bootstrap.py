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

For SnapStart the sandbox names a descriptor in ``_LAMBDA_SANDBOX_SNAPSHOT_FD``: the process is
then a template that is cloned when the runtime client asks for ``restore/next``.
"""

# It is part of every cold start that is measured: it imports what the runtime's own file does.
# ruff: noqa: PTH100, PTH118, PTH120, TID251

import os
import site
import sys


def main() -> None:
    """Set the path up and hand over to the runtime client; it does not return."""
    # Before any code of the function runs, which neither knows the variable nor passes it on.
    control = os.environ.pop("_LAMBDA_SANDBOX_SNAPSHOT_FD", "")
    if control:
        os.set_inheritable(int(control), False)  # noqa: FBT003  # positional-only
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

    if control:
        clone_at_restore_next(int(control))
    # Read late: a .pth file may have put another handler there.
    runtime_client.main([task, os.environ["_HANDLER"]])


def clone_at_restore_next(control: int) -> None:
    """Let ``restore/next`` be asked for by the clones of this process, not by itself."""
    from _lambda_sandbox_template import (  # type: ignore[import-not-found]  # noqa: PLC0415
        become_clone,
    )
    from awslambdaric import lambda_runtime_client  # noqa: PLC0415

    # Release 4 has two clients with one base; release 3, one client.
    module = vars(lambda_runtime_client)
    client = module.get("BaseLambdaRuntimeClient") or module["LambdaRuntimeClient"]
    restore_next = client.restore_next

    # Its frame is in the stack trace when ``restore/next`` fails: that is why it is in this file.
    def clone_and_restore_next(self: object) -> None:
        become_clone(control)
        restore_next(self)

    client.restore_next = clone_and_restore_next


if __name__ == "__main__":
    main()
