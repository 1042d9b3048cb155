"""What the API's users get who ask for a meter or a logger: the SDK's, imported when they ask.

Until a provider is set, the API hands out one of its own, which does nothing. Here it is taught
to make the SDK's when the function, or a library of its, first asks for a meter or a logger.
No provider is set: one that the function sets itself, sooner or later, takes over everything,
and there is no warning. To whom asks for the provider it is the SDK's from then on.

Nothing of this is imported in a function that records neither metrics nor log records.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container
from types import ModuleType
from typing import TYPE_CHECKING, Any

from otel_layer.edge.import_hook import ImportHook
from otel_layer.edge.shield import Shield

METRICS_API, LOGS_API = "opentelemetry.metrics._internal", "opentelemetry._logs._internal"
"""Where the API keeps its providers."""


if TYPE_CHECKING:
    from otel_layer.edge.sdk_logs import Logs
    from otel_layer.edge.sdk_metrics import Metrics


class _Late:
    """Something that is made when it is first needed; once, though it may fail."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._is_begun = False
        self._made: Any = None

    def get(self) -> Any:  # noqa: ANN401  # whatever is made
        """Return it; None if it could not be made, or to what is called while it is made."""
        if self._made is None:
            with self._lock:
                if not self._is_begun:
                    self._is_begun = True
                    self._made = self._make()
        return self._made


def offer_meters(
    hook: ImportHook,
    make: Callable[[], Metrics],
    left_out: Container[str],
    shield: Shield,
) -> None:
    """Have the API's users get the SDK's meters.

    Args:
        hook: Tells when the API has been imported.
        make: Imports the SDK.
        left_out: Names of meters that stay without, as long as no provider is set.
        shield: For faults of ours and of the SDK.
    """

    def imported(api: ModuleType) -> None:
        with shield("offer metrics", "metrics are not recorded"):
            proxy = api._PROXY_METER_PROVIDER  # noqa: SLF001  # what get_meter_provider() returns
            late = _Late(make)
            stock_get_meter = proxy.get_meter

            meters: dict[str, Any] = {}

            def get_meter(name: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # its own
                if name in left_out or not is_ours(api._METER_PROVIDER, api._PROXY_METER_PROVIDER):  # noqa: SLF001  # as above
                    return stock_get_meter(name, *args, **kwargs)
                # The API keeps each one that it makes, and some code asks in each invocation.
                wanted = repr((name, args, kwargs))
                meter = meters.get(wanted)
                if meter is None:
                    meter = meters[wanted] = stock_get_meter(name, *args, **kwargs)
                    with shield("start the SDK's metrics", "metrics are not recorded"):
                        made = late.get()
                        if made is not None:
                            made.take_over(meter, name, *args, **kwargs)
                return meter

            proxy.get_meter = get_meter
            _add_endings(proxy)

    hook.when_imported(METRICS_API, imported)


def offer_loggers(hook: ImportHook, make: Callable[[], Logs], shield: Shield) -> None:
    """Have the API's users get the SDK's loggers; the arguments are as those above."""

    def imported(api: ModuleType) -> None:
        with shield("offer log records", "log records are not exported"):
            proxy = api._PROXY_LOGGER_PROVIDER  # noqa: SLF001  # what get_logger_provider() returns
            late = _Late(make)
            stock_get_logger = proxy.get_logger

            def get_logger(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # its own
                if is_ours(api._LOGGER_PROVIDER, api._PROXY_LOGGER_PROVIDER):  # noqa: SLF001  # as above
                    with shield("start the SDK's logs", "log records are not exported"):
                        made = late.get()
                        if made is not None:
                            return made.logger(*args, **kwargs)
                return stock_get_logger(*args, **kwargs)

            proxy.get_logger = get_logger
            _add_endings(proxy)

    hook.when_imported(LOGS_API, imported)


def is_ours(provider: object, our_own: object) -> bool:
    """Tell whether the function has set no provider; or ours, which it was given before.

    Args:
        provider: The one that is set, or None.
        our_own: What the API hands out when none is set.
    """
    return provider is None or provider is our_own


def _add_endings(proxy: Any) -> None:  # noqa: ANN401  # a provider of the API's
    # What the SDK's providers have and the API's do not: nothing was recorded yet.
    proxy.force_flush = lambda timeout_millis=0: True  # noqa: ARG005  # its signature
    proxy.shutdown = lambda timeout_millis=0: None  # noqa: ARG005  # as above
