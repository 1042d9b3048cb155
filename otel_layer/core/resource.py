"""Lambda's environment to resource attributes: who sends the spans.

Source: https://opentelemetry.io/docs/specs/semconv/resource/faas/ and .../cloud/
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_layer.version import DISTRIBUTION, VERSION

_BYTES_PER_MB = 1024 * 1024
"""Lambda's "MB" are mebibytes; ``faas.max_memory`` is in bytes."""

_FROM_ENVIRONMENT = {
    "faas.name": "AWS_LAMBDA_FUNCTION_NAME",
    "faas.version": "AWS_LAMBDA_FUNCTION_VERSION",
    # Not set under SnapStart: every clone would share the log stream of the snapshot.
    "faas.instance": "AWS_LAMBDA_LOG_STREAM_NAME",
    "cloud.region": "AWS_REGION",
}


def attributes(
    environ: Mapping[str, str], sdk_version: str, configured: Mapping[str, str]
) -> dict[str, str | int]:
    """Describe the function.

    Args:
        environ: The variables of Lambda; what is absent or empty is left out.
        sdk_version: Of the ``opentelemetry-sdk`` in use.
        configured: ``OTEL_RESOURCE_ATTRIBUTES``, decoded. They win over what was detected.

    Returns:
        Resource attributes. ``service.name`` is ``OTEL_SERVICE_NAME``, else the configured
        one, else the function's name, else what the specification prescribes.
    """
    detected: dict[str, str | int] = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": DISTRIBUTION,
        "telemetry.distro.version": VERSION,
        "cloud.provider": "aws",
        "cloud.platform": "aws_lambda",
    }
    for attribute, variable in _FROM_ENVIRONMENT.items():
        if value := environ.get(variable):
            detected[attribute] = value
    memory_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if memory_mb.isdecimal():
        detected["faas.max_memory"] = int(memory_mb) * _BYTES_PER_MB
    detected["service.name"] = detected.get("faas.name", "unknown_service:python")
    detected.update(configured)
    if service_name := environ.get("OTEL_SERVICE_NAME"):
        detected["service.name"] = service_name
    return detected


def configured_attributes(text: str) -> tuple[dict[str, str], list[str]]:
    """Read ``OTEL_RESOURCE_ATTRIBUTES``.

    Args:
        text: ``key=value`` pairs between commas; keys and values are percent-encoded where
            they hold a comma or an equals sign.

    Returns:
        The attributes, and the pairs that are none.

    Source: https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
    """
    found: dict[str, str] = {}
    malformed = []
    for pair in text.split(","):
        key, equals, value = pair.partition("=")
        key = _decoded(key.strip())
        if key and equals:
            found[key] = _decoded(value.strip())
        elif pair.strip():
            malformed.append(pair)
    return found, malformed


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # noqa: PLC0415  # 2 ms: only if something is encoded

    return unquote(text)
