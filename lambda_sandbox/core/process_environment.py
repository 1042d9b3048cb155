"""The variables that the runtime and the extensions see: what Lambda sets, and what it hides.

Nothing of the host's environment gets in.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_sandbox.core.function import MANAGED_INSTANCES, SNAP_START

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_sandbox.core.function import FunctionFacts

EXTENSION_NEVER_SEES = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""Beside every name that begins with an underscore, ``_HANDLER`` first of all."""

RESERVED = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""What a function cannot be configured with, beside every name that begins with an underscore."""

CUSTOMER_BYTES_MAX = 4096
"""The size of a function's own variables as one JSON object."""

LOG_DESCRIPTOR = "_LAMBDA_TELEMETRY_LOG_FD"
"""Names the descriptor that the runtime client writes its log to, in frames."""

LOG_SOCKET = "_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET"
"""Names the unix socket that the workers of a managed instance write their output to."""

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")

SYSTEM_PATH = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"
SYSTEM_LIBRARIES = ("/lib64", "/usr/lib64")
EXEC_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "example",
}
"""Of AWS's documentation: whatever is signed with them is refused."""

CREDENTIALS_PATH = "/2021-04-23/credentials"
"""Where a function under SnapStart gets its credentials: those of a snapshot would be stale."""

AUTHORIZATION_TOKEN = "example-authorization-token"  # noqa: S105  # guards what is no secret
"""The ``Authorization`` that it has to show there.

The same in every environment: what it gives access to are ``CREDENTIALS``.
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on this machine.

    Attributes:
        task: Stands for ``/var/task``.
        runtime: Stands for ``/var/runtime``.
        python_bin: Stands for ``/var/lang/bin``: holds ``python3``.
        layer: Stands for ``/opt``; empty for none.
        log_socket: Where the workers of a managed instance find ``LOG_SOCKET``; means nothing
            to the other types of initialisation.
    """

    task: str
    runtime: str
    python_bin: str
    layer: str
    log_socket: str = ""


def configuration_fault(customer: Mapping[str, str]) -> str | None:
    """Say in one sentence why Lambda would not accept a function's own variables.

    Args:
        customer: The variables.

    Returns:
        The sentence; None if there is nothing to say.
    """
    invalid = sorted(name for name in customer if not _NAME.fullmatch(name))
    if invalid:
        return (
            f"no function can have a variable called {', '.join(map(repr, invalid))}: names have"
            " letters, digits and underscores, two characters at least, a letter first"
        )
    reserved = sorted(RESERVED.intersection(customer))
    if reserved:
        return f"Lambda itself sets {', '.join(reserved)}: a function's variables cannot"
    size_bytes = len(json.dumps(dict(customer), separators=(",", ":"), ensure_ascii=False).encode())
    if size_bytes > CUSTOMER_BYTES_MAX:
        return (
            f"the function's variables have {size_bytes} bytes as JSON, more than"
            f" {CUSTOMER_BYTES_MAX}"
        )
    return None


def runtime_variables(
    function: FunctionFacts, customer: Mapping[str, str], places: Places, runtime_api: str
) -> dict[str, str]:
    """Return the environment of the runtime's process.

    Args:
        function: Whose it is.
        customer: The function's own variables, acceptable to ``configuration_fault``. They
            override what Lambda only presets: what comes before them here.
        places: Where things are.
        runtime_api: ``host:port`` of the three APIs.
    """
    layer = places.layer or "/opt"
    system_path = SYSTEM_PATH.replace("/opt/", f"{layer}/")
    # Nothing stands for /var/lang/lib: the interpreter finds what is its own by itself.
    own = (places.runtime, f"{places.runtime}/lib", places.task, f"{places.task}/lib")
    libraries = (*SYSTEM_LIBRARIES, *own, f"{layer}/lib")
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"{places.python_bin}:{system_path}",
        "LD_LIBRARY_PATH": ":".join(libraries),
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        **{name: _of_this_machine(name, value, places) for name, value in customer.items()},
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_LAMBDA_INITIALIZATION_TYPE": function.initialization_type,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        **_of_initialization_type(function, places, runtime_api),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{function.python_version}",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "_HANDLER": function.handler,
        "LAMBDA_TASK_ROOT": places.task,
        "LAMBDA_RUNTIME_DIR": places.runtime,
    }


def _of_initialization_type(
    function: FunctionFacts, places: Places, runtime_api: str
) -> dict[str, str]:
    if function.initialization_type == SNAP_START:
        # Part of a snapshot, a log stream and keys would be those of another environment.
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{runtime_api}{CREDENTIALS_PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": AUTHORIZATION_TOKEN,
        }
    usual = {
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": function.log_stream,
        **CREDENTIALS,
    }
    if function.initialization_type == MANAGED_INSTANCES:
        return {
            **usual,
            "AWS_LAMBDA_LOG_FORMAT": "JSON",  # whatever the customer's variable says
            "AWS_LAMBDA_MAX_CONCURRENCY": str(function.max_concurrency),
            LOG_SOCKET: places.log_socket,
        }
    return usual


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
