"""Handler names, read exactly as ``awslambdaric`` reads them.

Used only where its own function for that was not found. The texts are the runtime's: they
are what the function's owner knows and searches for.

Source: https://github.com/aws/aws-lambda-python-runtime-interface-client, ``bootstrap.py``
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class HandlerName(NamedTuple):
    """Where a handler is: the attribute of a module."""

    module_as_written: str  # what error messages name
    module: str  # what is imported
    attribute: str


class HandlerNameError(ValueError):
    """The name cannot name a handler."""


def parsed(name: str, builtin_modules: Collection[str]) -> HandlerName:
    """Split ``folder/module.function`` at its last dot; slashes lead into packages.

    Args:
        name: As configured, for example ``app.handler`` or ``pkg/app.handler``.
        builtin_modules: Modules inside the interpreter, which no file can replace.

    Raises:
        HandlerNameError: There is no dot, or the module is a built-in one.
    """
    module, dot, attribute = name.rpartition(".")
    if not dot:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise HandlerNameError(message)
    if module.split(".")[0] in builtin_modules:
        message = f"Cannot use built-in module {module} as a handler module"
        raise HandlerNameError(message)
    return HandlerName(module, module.replace("/", "."), attribute)
