"""Calls of an instrumented library, which end as they would without its instrumentor.

The instrumented method is wrapped twice: the innermost wrapper notes what became of the real
call, the outermost one hands that out whatever the instrumentor makes of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from otel_layer.edge.shield import Shield, Shielded

_CONSEQUENCE = "the call goes on, its span is incomplete"

_HEADERS = 3
"""Position of ``headers`` in ``urlopen(method, url, body, headers, …)``."""


class _RealCall:
    """The library's own method, to be called once, and what came of it."""

    __slots__ = ("_real", "error", "is_begun", "result")

    def __init__(self, real: Callable[..., Any]) -> None:
        self._real = real
        self.is_begun = False
        self.result: Any = None
        self.error: BaseException | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the library's
        self.is_begun = True
        try:
            self.result = self._real(*args, **kwargs)
        except BaseException as error:
            self.error = error
            raise
        return self.result


def guard_requests(session: Any, instrument: Callable[[], None], shield: Shield) -> None:  # noqa: ANN401  # a class of the library
    """Instrument ``Session.send`` so that a fault of the instrumentor costs the span.

    Args:
        session: The class.
        instrument: Replaces its method by one that calls the method it finds there.
        shield: For faults of the instrumentor.
    """
    real = session.send
    faults = shield("trace a call of requests", _CONSEQUENCE)
    current: ContextVar[_RealCall | None] = ContextVar("otel_layer_send", default=None)

    @functools.wraps(real)
    def noted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the library's
        return (current.get() or real)(*args, **kwargs)

    session.send = noted
    try:
        instrument()
    finally:
        instrumented = session.send
        session.send = real
    if instrumented is noted:
        return

    @functools.wraps(instrumented)
    def send(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # the library's
        def traced(call: _RealCall) -> Any:  # noqa: ANN401  # the library's
            token = current.set(call)
            try:
                return instrumented(*args, **kwargs)
            finally:
                current.reset(token)

        return _fail_open(traced, functools.partial(real, *args, **kwargs), real, faults)

    send.__wrapped__ = real  # what uninstrumenting puts back
    session.send = send


def guard_urllib3(pool: Any, instrument: Callable[[], None], shield: Shield) -> None:  # noqa: ANN401  # a class of the library
    """Do the same for ``HTTPConnectionPool.urlopen``, and leave its default headers.

    The instrumentor sends no headers but its own where a call names none.
    """
    instrument()
    instrumented = vars(pool)["urlopen"]
    wrapper = getattr(instrumented, "_self_wrapper", None)  # wrapt's, of every version
    if wrapper is None:
        return
    faults = shield("trace a call of urllib3", _CONSEQUENCE)

    def urlopen(real: Any, self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401  # wrapt's signature
        if len(args) <= _HEADERS:
            if kwargs.get("headers") is None:
                kwargs = {**kwargs, "headers": self.headers}
        elif args[_HEADERS] is None:
            args = (*args[:_HEADERS], self.headers, *args[_HEADERS + 1 :])
        return _fail_open(
            lambda call: wrapper(call, self, args, kwargs),
            functools.partial(real, *args, **kwargs),
            real,
            faults,
        )

    # In the place of the instrumentor's: uninstrumenting puts back what it wraps.
    pool.urlopen = type(instrumented)(instrumented.__wrapped__, urlopen)


def _fail_open(
    traced: Callable[[_RealCall], Any],
    untraced: Callable[[], Any],
    real: Callable[..., Any],
    faults: Shielded,
) -> Any:  # noqa: ANN401  # the library's
    call = _RealCall(real)
    try:
        return traced(call)
    except Exception as fault:
        if fault is call.error:
            raise
        with faults:
            raise
    finally:
        error, call.error = call.error, None  # its traceback refers to the call
    if error is not None:
        raise error
    return call.result if call.is_begun else untraced()
