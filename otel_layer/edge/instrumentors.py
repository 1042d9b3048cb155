"""The libraries that are instrumented, each when the customer's code imports it, or never."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Collection
from types import ModuleType
from typing import Any

from otel_layer.edge.fail_open import guard_requests, guard_urllib3
from otel_layer.edge.import_hook import ImportHook, is_being_imported
from otel_layer.edge.shield import Shield
from otel_layer.edge.stand_ins import cheap_imports

INSTRUMENTORS = {
    "requests": ("opentelemetry.instrumentation.requests", "RequestsInstrumentor"),
    "urllib3": ("opentelemetry.instrumentation.urllib3", "URLLib3Instrumentor"),
}
"""Library → module and class of its instrumentor. A table: to search the installed packages
for entry points costs more than everything else here together."""


def instrument(hook: ImportHook, disabled: Collection[str], shield: Shield) -> None:
    """Instrument the libraries that are imported, and each other one once it is.

    Args:
        hook: Tells when a library has been imported.
        disabled: Names not to instrument, in lower case; ``*`` for all of them.
        shield: For faults of an instrumentor.
    """
    if "*" in disabled:
        return
    for library in INSTRUMENTORS:
        if library not in disabled:
            hook.when_imported(library, lambda module: _imported(module, hook, shield))


def _imported(library: ModuleType, hook: ImportHook, shield: Shield) -> None:
    instrumentor = INSTRUMENTORS[library.__name__][0]
    if is_being_imported(sys.modules.get(instrumentor)):
        # The customer's code imported it first, and it has just imported the library.
        hook.when_imported(instrumentor, lambda _: _instrument(library, shield))
    else:
        _instrument(library, shield)


def _instrument(library: Any, shield: Shield) -> None:  # noqa: ANN401  # a module
    name = library.__name__
    with shield(f"instrument {name}", "its calls are not traced"), cheap_imports():
        module, instrumentor = INSTRUMENTORS[name]
        made = getattr(importlib.import_module(module), instrumentor)()
        if made.is_instrumented_by_opentelemetry:
            return  # by the customer
        # The version check reads package metadata: 20 ms, for what a pinned table knows.
        options = {"skip_dep_check": True, **_url_filter()}
        instrument_it = functools.partial(made.instrument, **options)
        if name == "requests":
            guard_requests(library.Session, instrument_it, shield)
        else:
            guard_urllib3(library.HTTPConnectionPool, instrument_it, shield)


def _url_filter() -> dict[str, Any]:
    # Not every instrumentor takes secrets out of addresses by itself; the customer's own
    # version of OpenTelemetry may be older than the function that does.
    util = importlib.import_module("opentelemetry.util.http")
    redact_url = getattr(util, "redact_url", None) or getattr(util, "remove_url_credentials", None)
    return {"url_filter": redact_url} if redact_url else {}
