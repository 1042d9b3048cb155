"""Imports the customer's handler where the runtime's own function for that was not found."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

from otel_layer.core.handler_name import parsed

if TYPE_CHECKING:
    from otel_layer.edge.bootstrap import Handler


def load(name: str) -> Handler:
    """Import the handler's module and return the handler.

    Raises whatever the customer's module raises: it is theirs to read.
    """
    where = parsed(name, sys.builtin_module_names)
    handler: Handler = getattr(importlib.import_module(where.module), where.attribute)
    return handler
