"""Cheap stand-ins for modules that OpenTelemetry imports and a Lambda function never needs.

They are in ``sys.modules`` only while the SDK or an instrumentor is imported, and only if no
other thread could import anything meanwhile: what the customer's code imports is always the
real thing. A stand-in has the few names that are
bound at import; each of them, and any other name, leads to the real module when it is used.
So they hold for every version of OpenTelemetry, and change nothing but the time of the import.

The gains are CPU milliseconds on the machine where ``python3 -I -S -c pass`` takes 8 ms,
CPython 3.13, bytecode cached, after ``requests`` and ``awslambdaric`` are imported.
"""

from __future__ import annotations

import _thread
import gc
import importlib
import os
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

_Target = TypeVar("_Target")

bystanders: set[int] = set()
"""The threads of ours, by ident: what they import, if anything, nothing here stands for."""


class _StandIn(ModuleType):
    """A module that is imported at the first use of one of its names."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the module has
        if name.startswith("__"):  # the import system looks for __path__ and the like
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


def _real(name: str) -> ModuleType:
    """Import the module itself, whatever stands for it at the moment."""
    stand_in = sys.modules.get(name)
    if isinstance(stand_in, _StandIn):
        del sys.modules[name]
    return importlib.import_module(name)


def _stand_in(name: str, **names: object) -> _StandIn:
    stand_in = _StandIn(name)
    stand_in.__dict__.update(names)
    return stand_in


def _dependencies() -> _StandIn:
    # 9 ms: it imports packaging.requirements, and importlib.metadata where the customer's
    # code has not. Used only by instrument() without skip_dep_check.
    name = "opentelemetry.instrumentation.dependencies"
    bound = ("get_dependency_conflicts", "DependencyConflict", "DependencyConflictError")
    return _stand_in(name, **{one: _deferred(name, one) for one in bound})


def _packaging() -> _StandIn:
    # 5 ms: its version module, to compare two schema versions where several signals meet.
    return _stand_in("packaging", version=_StandIn("packaging.version"))


def _typing_extensions() -> _StandIn:
    # 1.5 ms. Everything else in it is for type checkers.
    return _stand_in("typing_extensions", deprecated=_deprecated, assert_never=_assert_never)


def _tracer_metrics() -> _StandIn:
    # 1 ms: metrics about spans, off unless OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED is set.
    name = "opentelemetry.sdk.trace._tracer_metrics"
    measured = _deferred(name, "create_tracer_metrics")

    def create_tracer_metrics(meter_provider: object, enabled: bool) -> Any:  # noqa: ANN401, FBT001  # its signature
        return measured(meter_provider, enabled) if enabled else _Unmeasured()

    return _stand_in(name, create_tracer_metrics=create_tracer_metrics)


def _db_attributes() -> _StandIn:
    # 1.5 ms: eight enumerations, of which no instrumentor of an HTTP client needs one.
    return _stand_in(
        "opentelemetry.semconv._incubating.attributes.db_attributes",
        DB_NAME="db.name",
        DB_OPERATION="db.operation",
        DB_REDIS_DATABASE_INDEX="db.redis.database_index",
        DB_STATEMENT="db.statement",
        DB_SYSTEM="db.system",
        DB_USER="db.user",
    )


def _uuid() -> _StandIn:
    # 0.5 ms: for keys that must be unique in this process.
    return _stand_in("uuid", uuid4=lambda: os.urandom(16).hex())


def _subprocess() -> _StandIn:
    # 1 ms: for detectors of resources that are not used here.
    return _stand_in("subprocess")


def _platform() -> _StandIn:
    # 0.5 ms: as subprocess.
    return _stand_in("platform")


_STAND_INS = (
    _dependencies,
    _packaging,
    _typing_extensions,
    _tracer_metrics,
    _db_attributes,
    _uuid,
    _subprocess,
    _platform,
)


class _Unmeasured:
    """Counts no spans."""

    def start_span(self, *_: object) -> None:
        """Return nothing to be called at the span's end."""


@contextmanager
def cheap_imports() -> Iterator[None]:
    """Import within this context what shall not pay for modules it does not need.

    The garbage collector rests meanwhile: what is imported stays, and looking through it
    all for something to collect costs 5 ms. Beside other threads nothing is changed: they
    would get the stand-ins too, and keep them.
    """
    if _thread._count() and _others():  # noqa: SLF001  # of threads that were started: 0 in the only one
        yield
        return
    placed: dict[str, _StandIn] = {}
    for make in _STAND_INS:
        stand_in = make()
        if stand_in.__name__ not in sys.modules:
            placed[stand_in.__name__] = stand_in
    sys.modules.update(placed)
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_collecting:
            _age()
            gc.enable()
        for name, stand_in in placed.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


def _others() -> set[int]:
    return set(sys._current_frames()) - bystanders - {_thread.get_ident()}  # noqa: SLF001  # their idents


def _age() -> None:
    # Makes everything there is part of the oldest generation, as it would become after two
    # collections that find nothing: 2 ms each. What the customer has frozen stays frozen.
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()


def _deferred(module: str, name: str) -> Any:  # noqa: ANN401  # stands for a function or a class
    def call(*args: object, **kwargs: object) -> object:
        return getattr(_real(module), name)(*args, **kwargs)

    return call


def _never(value: object) -> typing.NoReturn:
    message = f"Expected code to be unreachable, but got: {value!r}"
    raise AssertionError(message)


_assert_never = getattr(typing, "assert_never", _never)  # there since Python 3.11


def _deprecated(
    message: str,
    /,
    *,
    category: type[Warning] | None = DeprecationWarning,  # noqa: ARG001  # its signature
    stacklevel: int = 1,  # noqa: ARG001  # as above
) -> Any:  # noqa: ANN401  # a decorator of functions and classes
    """Mark what OpenTelemetry calls deprecated, without a warning at each of its uses."""

    def mark(target: _Target) -> _Target:
        target.__deprecated__ = message  # type: ignore[attr-defined]  # PEP 702
        return target

    return mark
