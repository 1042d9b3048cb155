"""Of whom the collector's own telemetry is: the function, by the names of OpenTelemetry.

Source: https://opentelemetry.io/docs/specs/semconv/resource/faas/
"""

from __future__ import annotations

from collector_ext.core import percent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_ATTRIBUTES = {
    "cloud.region": "AWS_REGION",
    "faas.name": "AWS_LAMBDA_FUNCTION_NAME",
    "faas.version": "AWS_LAMBDA_FUNCTION_VERSION",
    "faas.instance": "AWS_LAMBDA_LOG_STREAM_NAME",
}


def resource_of(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of the function's resource; what is configured wins."""
    found = {"cloud.provider": "aws", "cloud.platform": "aws_lambda"}
    for name, variable in _ATTRIBUTES.items():
        if variables.get(variable):
            found[name] = variables[variable]
    found["service.name"] = found.get("faas.name", "unknown_service")
    for member in variables.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = member.partition("=")
        if equals and key.strip():
            found[percent.decoded(key.strip())] = percent.decoded(value.strip())
    if variables.get("OTEL_SERVICE_NAME"):
        found["service.name"] = variables["OTEL_SERVICE_NAME"]
    return found
