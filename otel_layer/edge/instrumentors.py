"""The libraries that are instrumented, each when the customer's code imports it, or never."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from types import ModuleType

from opentelemetry.util.http import redact_url

from otel_layer.edge.import_hook import ImportHook
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
            hook.when_imported(library, lambda module: _instrument(module, shield))


def _instrument(library: ModuleType, shield: Shield) -> None:
    name = library.__name__
    with shield(f"instrument {name}", "its calls are not traced"), cheap_imports():
        module, instrumentor = INSTRUMENTORS[name]
        made = getattr(importlib.import_module(module), instrumentor)()
        # The version check reads package metadata: 20 ms, for what a pinned table knows.
        # Not every instrumentor takes secrets out of addresses by itself.
        made.instrument(skip_dep_check=True, url_filter=redact_url)
