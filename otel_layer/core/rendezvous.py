"""Where the collector is: what it wrote down before the runtime was started.

The file is ``/tmp/otel-layer-<address of the Runtime API, ':' as '-'>``, its content
``<port> <process id>`` and a newline. Without it the port is OpenTelemetry's own.
"""

from __future__ import annotations

DEFAULT_PORT = 4318
"""OTLP over HTTP. Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp-default-port"""

_PORT_MAX = 65535
_PID_MAX = 1 << 22
"""The largest there can be on Linux: proc(5), ``pid_max``."""


def path(runtime_api: str) -> str:
    """Return the file's path.

    Args:
        runtime_api: ``AWS_LAMBDA_RUNTIME_API``, for example ``127.0.0.1:9001``.
    """
    # The only folder that can be written to on Lambda.
    return "/tmp/otel-layer-" + runtime_api.replace(":", "-")  # noqa: S108  # see above


def parsed(content: bytes) -> tuple[int, int] | None:
    """Read the file's content; anything else than two numbers is none of ours.

    Returns:
        The collector's port and its process id.
    """
    parts = content.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):  # noqa: PLR2004  # port, pid
        return None
    port, pid = int(parts[0]), int(parts[1])
    return (port, pid) if 0 < port <= _PORT_MAX and 0 < pid <= _PID_MAX else None
