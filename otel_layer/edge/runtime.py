"""Lambda's runtime client for Python: what of it is replaced, and what if it is not there.

Checked against ``awslambdaric`` 3.0.0 and 4.2.2; every name is looked for before it is used.

Source: https://github.com/aws/aws-lambda-python-runtime-interface-client
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from otel_layer.core.stack import kept
from otel_layer.edge.bootstrap import (
    Handler,
    Trace,
    announcing_post,
    tracing_caller,
    tracing_finder,
)

if TYPE_CHECKING:
    from logging import Handler as LogHandler

    from otel_layer.edge.invocation import Invocations

BOOTSTRAP = "awslambdaric.bootstrap"
_CLIENT = "awslambdaric.lambda_runtime_client"


def running_bootstrap() -> ModuleType | None:
    """Return the runtime's main module, if this process runs it."""
    return sys.modules.get(BOOTSTRAP)


def finder(bootstrap: ModuleType | None) -> Callable[[str], Handler] | None:
    """Return the runtime's function that finds a handler by its name, if it is known."""
    found = getattr(bootstrap, "_get_handler", None)
    return found if callable(found) else None


def trace_found_handler(
    bootstrap: ModuleType,
    activate: Callable[[], Trace],
    failed: Callable[[BaseException], None],
) -> bool:
    """Trace the handler that the runtime will find.

    Args:
        bootstrap: The runtime's main module, just imported.
        activate: Called when the runtime looks for the handler.
        failed: Called with the exception if it does not find one.

    Returns:
        Whether the runtime is one that lets us.
    """
    find = finder(bootstrap)
    if find is None:
        return False
    bootstrap._get_handler = tracing_finder(find, activate, failed)  # type: ignore[attr-defined]  # noqa: SLF001  # the hook
    return True


def trace_called_handler(bootstrap: ModuleType, trace: Trace) -> None:
    """Trace the handler that the runtime has found already, or is about to have found."""
    call = getattr(bootstrap, "handle_event_request", None)
    if callable(call):
        bootstrap.handle_event_request = tracing_caller(call, trace)  # type: ignore[attr-defined]  # as above


def hide_our_frames(bootstrap: ModuleType, package_folder: str) -> None:
    """Report the stack of an exception as it would be without us.

    The exception itself keeps its traceback; only what the runtime makes of it is filtered.

    Args:
        bootstrap: The runtime's main module.
        package_folder: Of our own package, ending in a slash.
    """
    extract = getattr(bootstrap, "extract_traceback", None)
    if not callable(extract):
        return

    def extract_traceback(traceback: Any) -> list[Any]:  # noqa: ANN401  # the runtime's
        frames = extract(traceback)
        return [frames[i] for i in kept([frame[0] for frame in frames], package_folder)]

    bootstrap.extract_traceback = extract_traceback  # type: ignore[attr-defined]  # as above


def announce_posts(invocations: Invocations) -> bool:
    """Tell the invocations when the runtime is about to post a result or an error.

    Returns:
        Whether it will: else an invocation has to end when the handler returns.
    """
    client = sys.modules.get(_CLIENT)
    posts = ("post_invocation_result", "post_invocation_error")
    classes = (
        [
            kind
            for kind in vars(client).values()
            if isinstance(kind, type) and all(post in vars(kind) for post in posts)
        ]
        if client
        else []
    )
    for kind in classes:
        result, error = (getattr(kind, post) for post in posts)
        kind.post_invocation_result = announcing_post(  # type: ignore[attr-defined]  # found above
            result, lambda request_id, content: invocations.posted(request_id, result=content)
        )
        kind.post_invocation_error = announcing_post(error, invocations.posted)  # type: ignore[attr-defined]  # found above
    return bool(classes)


def log_handlers() -> list[LogHandler]:
    """Return the handlers that the runtime has given the root logger."""
    logging = sys.modules.get("logging")
    handlers: list[LogHandler] = logging.getLogger().handlers if logging else []
    return [handler for handler in handlers if type(handler).__module__ == BOOTSTRAP]
