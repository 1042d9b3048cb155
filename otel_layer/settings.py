"""Settings, read once from the environment; the only place that touches ``os.environ``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from otel_layer.core.resource import configured_attributes

_SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
_LIMITS = (
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
)

_TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
_TEMPORALITIES = ("delta", "cumulative", "lowmemory")
"""The first is the default, unlike the specification's: an execution environment is short-lived,
and there are many, so sums since its start would be as many series."""

_AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
_AGGREGATIONS = ("explicit_bucket_histogram", "base2_exponential_bucket_histogram")

_ALL_LOGGING = "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED"

OWN_HANDLER = "otel_layer.handler.handler"
"""The handler name that leads here, to be configured by hand or by us."""


class SettingError(ValueError):
    """A variable holds what cannot be used, and nothing can be done without it."""


class MetricSettings:
    """What becomes of the function's metrics."""

    def __init__(self, environ: Mapping[str, str], complaints: list[str]) -> None:
        self.are_exported = _exporters(environ, "OTEL_METRICS_EXPORTER", complaints) != ("none",)
        self.include_http = _is_true(environ, "OTEL_LAYER_HTTP_METRICS", complaints)
        """Whether the instrumentors of HTTP clients record theirs."""
        self.temporality = _choice(environ, _TEMPORALITY, _TEMPORALITIES, complaints)
        histograms = _choice(environ, _AGGREGATION, _AGGREGATIONS, complaints)
        self.have_exponential_histograms = histograms == _AGGREGATIONS[1]


class LogSettings:
    """What becomes of the function's log records, and of its lines of text."""

    def __init__(self, environ: Mapping[str, str], complaints: list[str]) -> None:
        self.are_exported = _exporters(environ, "OTEL_LOGS_EXPORTER", complaints) != ("none",)
        self.include_logging = _is_true(environ, _ALL_LOGGING, complaints)
        """Whether all that is logged with ``logging`` is among them."""
        self.show_trace = _is_true(environ, "OTEL_PYTHON_LOG_CORRELATION", complaints)
        """Whether the lines of Lambda's text format show the ids of their trace, and its JSON
        has them under the names of the SDK's users, too."""
        self.format = environ.get("OTEL_PYTHON_LOG_FORMAT", "")
        """Of lines of text; empty for Lambda's with a column more."""


class Settings:
    """What the operator and Lambda decided.

    A value that cannot be used is left out, and complained about.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Read the settings from the variables given, by default this process's."""
        given = dict(os.environ if environ is None else environ)
        # A blank value is none, and blanks around one are no part of it.
        environ = {name: value.strip() for name, value in given.items() if value.strip()}
        complaints: list[str] = []
        self.environ: Mapping[str, str] = environ
        """The variables that are set, for what describes the function."""
        self.is_enabled = _is_enabled(environ, complaints)
        self.disabled_instrumentations = _names(environ, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
        """In lower case; ``*`` is all of them."""
        self.correlates_logs = not {"logging", "*"}.intersection(self.disabled_instrumentations)
        """Whether log records get the ids of their trace."""
        self.metrics = MetricSettings(environ, complaints)
        self.logs = LogSettings(environ, complaints)
        self.propagators = _names(environ, "OTEL_PROPAGATORS") or ("tracecontext", "baggage")
        self.resource_attributes = _resource_attributes(environ, complaints)
        self.handler = environ.get("OTEL_LAYER_HANDLER") or environ.get("ORIG_HANDLER", "")
        """The customer's, where ours is configured by hand."""
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        self.initialization_type = environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", "")
        self.runtime_api = environ.get("AWS_LAMBDA_RUNTIME_API", "")
        self.has_json_logs = environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        # The API would scan all installed packages to find the propagators.
        self.sdk_environ: dict[str, str | None] = {"OTEL_PROPAGATORS": None}
        """What the SDK shall read instead of what there is; None for nothing."""
        self.sdk_environ.update(
            (name, environ.get(name))
            for name in (*_LIMITS, "OTEL_TRACES_SAMPLER")
            if given.get(name) != environ.get(name)
        )
        self.sdk_environ.update(_corrections(environ, complaints))
        self.complaints: Sequence[str] = complaints
        """One sentence for each value that is not used."""


@contextmanager
def corrected(values: Mapping[str, str | None]) -> Iterator[None]:
    """Change the environment for a moment.

    The SDK reads its variables when it is imported, and some bad values make that import
    fail. Afterwards the environment is as it was: it is the customer's.

    Args:
        values: What each variable shall read; None for nothing.
    """
    before = {name: os.environ.get(name) for name in values}
    _apply(values)
    try:
        yield
    finally:
        _apply(before)


def _apply(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is not None:
            os.environ[name] = value
        elif name in os.environ:
            del os.environ[name]


def swap_handler(name: str) -> str | None:
    """Make ``_HANDLER`` read ``name``; return what it read before."""
    previous = os.environ.get("_HANDLER")
    os.environ["_HANDLER"] = name
    return previous


def _is_enabled(environ: Mapping[str, str], complaints: list[str]) -> bool:
    is_disabled = _is_true(environ, "OTEL_SDK_DISABLED", complaints)
    return not is_disabled and _exporters(environ, "OTEL_TRACES_EXPORTER", complaints) != ("none",)


def _exporters(environ: Mapping[str, str], variable: str, complaints: list[str]) -> tuple[str, ...]:
    exporters = _names(environ, variable)
    unknown = [name for name in exporters if name not in ("otlp", "none")]
    if unknown:
        complaints.append(f"{variable}={unknown[0]!r} is not an exporter of this layer; using otlp")
    return exporters


def _choice(
    environ: Mapping[str, str], variable: str, choices: Sequence[str], complaints: list[str]
) -> str:
    text = environ.get(variable, choices[0]).lower()
    if text not in choices:
        complaints.append(
            f"{variable}={text!r} is none of {', '.join(choices)}; using {choices[0]}"
        )
    return text if text in choices else choices[0]


def _is_true(environ: Mapping[str, str], variable: str, complaints: list[str]) -> bool:
    text = environ.get(variable, "").lower()
    if text not in ("", "true", "false"):
        complaints.append(f"{variable}={text!r} is neither true nor false; using false")
    return text == "true"


def _names(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    names = [name.strip().lower() for name in environ.get(variable, "").split(",")]
    return tuple(name for name in names if name)


def _resource_attributes(environ: Mapping[str, str], complaints: list[str]) -> dict[str, str]:
    found, malformed = configured_attributes(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    complaints.extend(
        f"OTEL_RESOURCE_ATTRIBUTES: {pair!r} is not a key=value pair; leaving it out"
        for pair in malformed
    )
    if not found.get("service.name", "").strip():
        found.pop("service.name", None)  # as if it were not there: a service has a name
    return found


def _corrections(
    environ: Mapping[str, str], complaints: list[str]
) -> Iterator[tuple[str, str | None]]:
    for variable in _LIMITS:
        text = environ.get(variable, "")
        if text and not text.isdecimal():
            complaints.append(
                f"{variable}={text!r} is not a non-negative whole number; using the default"
            )
            yield variable, None
    sampler = environ.get("OTEL_TRACES_SAMPLER", "parentbased_always_on").lower()
    if sampler not in _SAMPLERS:
        complaints.append(
            f"OTEL_TRACES_SAMPLER={sampler!r} is not a sampler of the SDK;"
            " using parentbased_always_on"
        )
        yield "OTEL_TRACES_SAMPLER", None
    elif sampler.endswith("traceidratio"):
        yield "OTEL_TRACES_SAMPLER_ARG", _ratio(environ, complaints)


def _ratio(environ: Mapping[str, str], complaints: list[str]) -> str:
    text = environ.get("OTEL_TRACES_SAMPLER_ARG", "1")
    try:
        is_ratio = 0 <= float(text) <= 1
    except ValueError:
        is_ratio = False
    if not is_ratio:
        complaints.append(f"OTEL_TRACES_SAMPLER_ARG={text!r} is not between 0 and 1; using 1")
    return text if is_ratio else "1"
