"""The variables that the runtime and the extensions see: what Lambda sets, and what it hides.

Nothing of the host's environment gets in.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_sandbox.core.function import FunctionFacts

EXTENSION_NEVER_SEES = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Beside every name that begins with an underscore, ``_HANDLER`` first of all."""

SYSTEM_PATH = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
EXEC_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "example",
}
"""Of AWS's documentation: whatever is signed with them is refused."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on this machine.

    Attributes:
        task: Stands for ``/var/task``.
        runtime: Stands for ``/var/runtime``.
        python_bin: Stands for ``/var/lang/bin``: holds ``python3``.
        layer: Stands for ``/opt``; empty for none.
    """

    task: str
    runtime: str
    python_bin: str
    layer: str


def runtime_variables(
    function: FunctionFacts, customer: Mapping[str, str], places: Places, runtime_api: str
) -> dict[str, str]:
    """Return the environment of the runtime's process.

    Args:
        function: Whose it is.
        customer: The function's own variables. Those that Lambda reserves are overridden,
            those that it only presets (down to ``LD_LIBRARY_PATH``) are the customer's.
        places: Where things are.
        runtime_api: ``host:port`` of the three APIs.
    """
    layer = places.layer or "/opt"
    system_path = SYSTEM_PATH.replace("/opt/", f"{layer}/")
    libraries = (places.task, f"{places.task}/lib", f"{layer}/lib")
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{places.python_bin}:{system_path}",
        "LD_LIBRARY_PATH": ":".join(libraries),
        **{name: _of_this_machine(name, value, places) for name, value in customer.items()},
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": function.log_stream,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        **CREDENTIALS,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{function.python_version}",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "_HANDLER": function.handler,
        "LAMBDA_TASK_ROOT": places.task,
        "LAMBDA_RUNTIME_DIR": places.runtime,
    }


def _of_this_machine(name: str, value: str, places: Places) -> str:
    # The layer is not at /opt here, yet the wrapper has to be found where it is.
    if name == EXEC_WRAPPER and places.layer and value.startswith("/opt/"):
        return places.layer + value.removeprefix("/opt")
    return value


def extension_variables(runtime: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an extension's process, given the runtime's."""
    return {
        name: value
        for name, value in runtime.items()
        if name not in EXTENSION_NEVER_SEES and not name.startswith("_")
    }
