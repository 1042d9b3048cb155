"""Tells the exceptions of the customer's signal handlers from faults of ours.

A handler runs between any two steps of the main thread, ours included. What it raises, such
as the customer's own time limit (``SIGALRM``), has to reach the code that waits for it.
"""

from __future__ import annotations

from functools import partial
from types import CodeType, TracebackType


def is_interruption(fault: BaseException) -> bool:
    """Return whether a signal handler raised it.

    A file name would not do: a propagator or a library of the customer's that fails when we
    call it is not to cost an invocation. So the traceback is searched for the handlers that
    are installed; this takes some 20 µs, after a fault only.
    """
    where = fault.__traceback__
    handlers = _handlers() if where is not None else set()
    return bool(handlers) and _passes(where, handlers)


def _passes(where: TracebackType | None, codes: set[CodeType]) -> bool:
    while where is not None:
        if where.tb_frame.f_code in codes:
            return True
        where = where.tb_next
    return False


def _handlers() -> set[CodeType]:
    import signal  # noqa: PLC0415  # 1 ms: only after a fault

    found = set()
    for number in range(1, signal.NSIG):
        handler: object = signal.getsignal(number)
        while isinstance(handler, partial):
            handler = handler.func
        if not callable(handler):
            continue  # the default action, or none
        # A method has its function's; another object is called by its class's.
        code = getattr(handler, "__code__", None) or getattr(
            type(handler).__call__, "__code__", None
        )
        if isinstance(code, CodeType):
            found.add(code)
    return found
