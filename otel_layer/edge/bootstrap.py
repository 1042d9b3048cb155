"""What stands between ``awslambdaric/bootstrap.py`` and the customer's handler.

It has that file's name: the runtime leaves leading frames of ``…/bootstrap.py`` out of the
stack it reports. So an exception's stack begins at the customer's code even with a version
of the runtime where ``runtime.py`` finds nothing to hook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otel_layer.edge.invocation import Invocations

Handler = Callable[[Any, Any], Any]
Trace = Callable[[Handler], Handler]


class TracedHandler:
    """The customer's handler, and a root span around each of its calls."""

    __slots__ = ("_handler", "_invocations")

    def __init__(self, handler: Handler, invocations: Invocations) -> None:
        self._handler = handler
        self._invocations = invocations

    def __call__(self, event: Any, lambda_context: Any) -> Any:  # noqa: ANN401  # the customer's
        """Call the customer's handler: same arguments, same result, same exception."""
        invocation = self._invocations.begin(event, lambda_context)
        try:
            result = self._handler(event, lambda_context)
        except BaseException as exception:
            self._invocations.raised(invocation, exception)
            raise
        self._invocations.returned(invocation, result)
        return result


def tracing_finder(
    find: Callable[[str], Handler],
    activate: Callable[[], Trace],
    failed: Callable[[BaseException], None],
) -> Callable[[str], Handler]:
    """Return what replaces the runtime's function that finds a handler by its name.

    Args:
        find: The runtime's function: which handler a name means, every error and its text
            stay its own.
        activate: Called before the customer's module is imported, when ``sys.path`` is
            final. Returns what makes a handler a traced one.
        failed: Called with what is raised instead: there will be no handler.
    """

    def find_handler(name: str) -> Handler:
        trace = activate()
        try:
            handler = find(name)
        except BaseException as exception:
            failed(exception)
            raise
        return trace(handler)

    return find_handler


def tracing_caller(call: Callable[..., Any], trace: Trace) -> Callable[..., Any]:
    """Return what replaces the runtime's function that calls the handler it is given.

    Args:
        call: The runtime's function; its second argument is the handler.
        trace: Makes a handler a traced one.
    """

    def call_traced(client: object, handler: Handler, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the runtime's
        return call(client, trace(handler), *args, **kwargs)

    return call_traced


def announcing_post(post: Callable[..., Any], announce: Callable[..., None]) -> Callable[..., Any]:
    """Return what replaces a method by which the runtime client posts a result or an error.

    Args:
        post: The method; its arguments are the client, the request id and the content.
        announce: Called just before, with the request id and the content.
    """

    def post_announced(client: object, invoke_id: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the runtime's
        announce(invoke_id, args[0] if args else None)
        return post(client, invoke_id, *args, **kwargs)

    return post_announced
