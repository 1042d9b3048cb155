"""What the root span of an invocation says about it, before the handler runs.

Source: https://opentelemetry.io/docs/specs/semconv/faas/aws-lambda/
"""

from __future__ import annotations

_STARTED_FOR_AN_INVOCATION = ("", "on-demand", "snap-start")
"""Initialization types whose environments are started, or restored, because someone waits.
Provisioned concurrency and Managed Instances are started ahead of any invocation."""

_ARN_ACCOUNT = 4
_ARN_QUALIFIER = 7
"""Positions in ``arn:aws:lambda:<region>:<account>:function:<name>[:<version or alias>]``."""


def attributes(
    request_id: str, invoked_arn: str | None, version: str | None, *, coldstart: bool
) -> dict[str, str | bool]:
    """Describe an invocation.

    Args:
        request_id: Lambda's id of the invocation.
        invoked_arn: The ARN by which the function was called, as Lambda passed it on.
        version: The version of the function that runs, ``$LATEST`` or a number.
        coldstart: Whether the environment was started for this invocation.
    """
    described: dict[str, str | bool] = {
        "faas.invocation_id": request_id,
        "faas.coldstart": coldstart,
    }
    parts = invoked_arn.split(":") if invoked_arn else []
    if len(parts) < _ARN_QUALIFIER:
        return described
    described["aws.lambda.invoked_arn"] = ":".join(parts)
    described["cloud.account.id"] = parts[_ARN_ACCOUNT]
    # Several aliases lead to one version: the resource is the version that runs.
    if len(parts) > _ARN_QUALIFIER:
        parts[_ARN_QUALIFIER] = version or parts[_ARN_QUALIFIER]
    described["cloud.resource_id"] = ":".join(parts)
    return described


def is_cold_start(initialization_type: str, *, first: bool) -> bool:
    """Return whether the environment was started for this invocation.

    After a crash or a timeout Lambda starts a new process inside the next invocation, with
    the same initialization type: its first invocation is a cold start like any other.
    """
    return first and initialization_type in _STARTED_FOR_AN_INVOCATION
