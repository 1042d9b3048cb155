"""Call back when a module has been imported, leaving no trace of having waited for it.

A finder in front of ``sys.meta_path`` knows a few names. For one of these it asks the other
finders, and gives the module's specification a class that notices one assignment: the import
system sets ``_initializing`` to false when the module's code has run. Then the class is what
it was. Neither the loader nor the module differ from what they would be, and no frame of
ours is on the stack while the module's code runs: a traceback out of it reads as always.

Where an interpreter does it differently the callback is not called: nothing is instrumented,
and nothing breaks. ``catch_up`` finds such modules later.

Source: ``_load_unlocked`` in Lib/importlib/_bootstrap.py, the same from CPython 3.10 to 3.14.
This module is imported at every start of the interpreter: it imports nothing but ``sys``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing would cost 2 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Callback = Callable[[ModuleType], None]
else:
    ModuleSpec = type(__spec__)  # importlib.machinery need not be imported for its name


class _WatchedSpec(ModuleSpec):
    """A specification that tells when its module is ready."""

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401  # as its base class
        if name == "_initializing" and not value:
            self.__class__ = ModuleSpec  # type: ignore[assignment]  # as it was before
            hook = self.__dict__.pop("_otel_layer_hook")
            # Still initializing: other threads wait until the module is instrumented.
            module = sys.modules.get(self.name)
            if module is not None:  # its code did not raise
                hook.ready(self.name, module)
        object.__setattr__(self, name, value)


class ImportHook:
    """Knows which modules are awaited, and what is to be done with each."""

    def __init__(self) -> None:
        self._callbacks: dict[str, Callback] = {}

    def install(self) -> None:
        """Be asked first about each import from now on."""
        sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """Be asked no more."""
        sys.meta_path.remove(self)

    def when_imported(self, name: str, callback: Callback) -> None:
        """Call back once with the module, now if it is there already.

        Args:
            name: The module's full name.
            callback: It must not raise: it would take the customer's import down.
        """
        self._callbacks[name] = callback
        module = sys.modules.get(name)
        if is_being_imported(module):
            self._watch(module.__spec__)  # type: ignore[union-attr]  # it has one, see there
        elif module is not None:
            self.ready(name, module)

    def catch_up(self) -> None:
        """Call back for what was imported without our notice."""
        for name, callback in list(self._callbacks.items()):
            self.when_imported(name, callback)

    def ready(self, name: str, module: ModuleType) -> None:
        """Call back for a module whose code has run."""
        callback = self._callbacks.pop(name, None)
        if callback is not None:
            callback(module)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return an awaited module's specification, as the other finders make it."""
        if name not in self._callbacks or target is not None:  # with a target: a reload
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: ModuleSpec | None) -> None:
        if type(spec) is ModuleSpec:
            spec._otel_layer_hook = self  # type: ignore[attr-defined]  # noqa: SLF001  # ours
            spec.__class__ = _WatchedSpec


def is_being_imported(module: ModuleType | None) -> bool:
    """Tell whether a module's code is still running."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
