"""The handler that makes OpenTelemetry's log records of all that is logged with ``logging``.

Source: https://docs.python.org/3/library/logging.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from otel_layer.edge.shield import Shield


class RootLogHandler(logging.Handler):
    """The SDK's handler, made when there is something to handle."""

    def __init__(self, make: Callable[[], logging.Handler], shield: Shield) -> None:
        super().__init__()
        self._make = make
        self._shielded = shield("make an OpenTelemetry log record", "it is not exported")
        self._is_begun = False
        self._made: logging.Handler | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on a record; ``handle`` holds a lock meanwhile."""
        with self._shielded:
            if not self._is_begun:
                self._is_begun = True  # what is logged while it is made goes without
                self._made = self._make()
            if self._made is not None:
                self._made.emit(record)
