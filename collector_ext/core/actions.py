"""What to do next: the orders the lifecycle gives, in the imperative."""

from __future__ import annotations

from collector_ext.core.otlp import ExportRequest, Payload
from collector_ext.core.value import Value

INFO = "INFO"
WARN = "WARN"


class AskNext(Value):
    """Call ``/event/next``. From here on Lambda may freeze the environment."""


class Export(Value):
    """Send these requests, one after the other; feed ``ExportFinished`` back, once."""

    exporter: str  # by whom: its id in the configuration
    requests: tuple[ExportRequest, ...]
    deadline_at: float  # s since the epoch; what is not delivered by then is given back


class Keep(Value):
    """Write these payloads where the next process of the environment finds them.

    They replace what was kept for the exporter before; none of them means: forget it.
    """

    exporter: str  # its id in the configuration
    payloads: tuple[Payload, ...]  # oldest first


class Say(Value):
    """Write one line to the log."""

    level: str  # INFO or WARN
    text: str


class Exit(Value):
    """Leave the process."""


Action = AskNext | Export | Keep | Say | Exit
