"""What the operator decided, read once from the environment."""

from __future__ import annotations

import posix

from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(Value):
    """The variables that say what kind of environment this is; ``config`` reads the others."""

    is_managed_instance: bool
    is_log_json: bool


def settings_from(variables: Mapping[str, str]) -> Settings:
    """Return the settings as the variables have them."""
    initialization = variables.get("AWS_LAMBDA_INITIALIZATION_TYPE", "")
    return Settings(
        is_managed_instance=initialization == "lambda-managed-instances",
        is_log_json=variables.get("AWS_LAMBDA_LOG_FORMAT") == "JSON",
    )


def environment() -> dict[str, str]:
    """Return the process's variables; by `posix`, as `os` costs 2 ms."""
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, value in posix.environ.items()
    }


def architecture() -> str:
    """Return what Lambda calls the processor: ``x86_64`` or ``arm64``."""
    machine = posix.uname().machine
    return "arm64" if machine == "aarch64" else machine
