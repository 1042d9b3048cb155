"""Telemetry subscriptions: what may be asked for, and the answers.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambda_sandbox.core.api import Reply, refusal
from lambda_sandbox.core.telemetry.schema import first_violation

if TYPE_CHECKING:
    from lambda_sandbox.core.actions import PlatformEvent

PLAIN_SCHEMA_VERSION = "2022-07-01"
"""The one schema in which a line of a log is a string, whatever the log format."""

MANAGED_SCHEMA_VERSION = "2025-01-29"
"""The one schema that a managed instance accepts."""

SCHEMA_VERSIONS = (PLAIN_SCHEMA_VERSION, "2022-12-13", MANAGED_SCHEMA_VERSION)
TYPES = ("platform", "function", "extension")

BUFFERING: dict[str, tuple[int, int, int]] = {
    "maxItems": (1_000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1_000),
}
"""Smallest, largest and default value of each field, from the API's guide."""

RESERVED_PORT = 9001
"""The port of Lambda's own APIs; the only one that a listener may not have."""

SANDBOX_NAMES = frozenset({"sandbox", "sandbox.localdomain"})
"""The names of the environment's own address: telemetry does not leave it."""

_PORT_MAX = 65_535
_URI = re.compile(r"http://([^/:?#\s]+)(?::([0-9]{1,5}))?(?:[/?][^\s#]*)?", re.ASCII)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ("schemaVersion", "types", "destination"),
    "properties": {
        "schemaVersion": {"type": "string", "enum": SCHEMA_VERSIONS},
        "types": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": TYPES},
        },
        "destination": {
            "oneOf": (
                {
                    "type": "object",
                    "required": ("protocol", "URI"),
                    "properties": {
                        "protocol": {"type": "string", "enum": ("HTTP",)},
                        "URI": {"type": "string"},
                    },
                },
                {
                    "type": "object",
                    "required": ("protocol", "port"),
                    "properties": {
                        "protocol": {"type": "string", "enum": ("TCP",)},
                        "port": {"type": "integer", "minimum": 1, "maximum": _PORT_MAX},
                    },
                },
            )
        },
        "buffering": {
            "type": "object",
            "properties": {
                name: {"type": "integer", "minimum": least, "maximum": most}
                for name, (least, most, _) in BUFFERING.items()
            },
        },
    },
}
"""What a subscription has to be; what it has beside this is ignored."""

MANAGED_SCHEMA: dict[str, Any] = {
    **SCHEMA,
    "properties": {
        **SCHEMA["properties"],
        "schemaVersion": {"type": "string", "enum": (MANAGED_SCHEMA_VERSION,)},
    },
}
"""The same on a managed instance."""

SCHEMA_NAME = "telemetry-subscription-schema.json"

NOT_SUPPORTED = refusal(202, "Telemetry.NotSupported", "Telemetry API is not supported")
CLOSED = refusal(403, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed")
ALREADY_SUBSCRIBED = refusal(500, "InternalServerError", "Internal Server Error")
"""One subscription for each extension: the second is nobody's to replace."""

SUBSCRIBED = Reply(200, b'"OK"', (("Content-Type", "text/plain; charset=utf-8"),))


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a subscriber asked for, checked.

    Attributes:
        types: Of ``TYPES``, at least one.
        destination: ``http://host:port/path``, or ``tcp://host:port`` for lines.
        items_max: A batch is full with so many events.
        bytes_max: A batch is full with so many bytes, counted as they are sent.
        timeout_s: A batch is due when its oldest event has waited so long.
        schema_version: Of ``SCHEMA_VERSIONS``.
    """

    types: tuple[str, ...]
    destination: str
    items_max: int
    bytes_max: int
    timeout_s: float
    schema_version: str

    def wants(self, event: PlatformEvent) -> bool:
        """Whether an event is of the types asked for."""
        return category(event) in self.types

    @property
    def knows_objects(self) -> bool:
        """Whether a line of a log that is a JSON object is delivered as one."""
        return self.schema_version != PLAIN_SCHEMA_VERSION


def category(event: PlatformEvent) -> str:
    """Return which of ``TYPES`` an event belongs to."""
    return str(event["type"]).partition(".")[0]


def read_subscription(body: bytes, *, managed: bool = False) -> Subscription | Reply:
    """Check a subscription.

    Args:
        body: What was put.
        managed: Whether this is a managed instance.

    Returns:
        The subscription; or the 400 that names what is wrong with it.
    """
    try:
        wanted = json.loads(body)
    except ValueError as error:
        return _invalid(f"failed to parse JSON: {error}")
    violation = first_violation(wanted, MANAGED_SCHEMA if managed else SCHEMA)
    if violation:
        return _invalid(
            f"schema validation error: jsonschema: '{violation.instance}' does not validate "
            f"with {SCHEMA_NAME}#{violation.keyword}: {violation.message}"
        )
    problem = _problem_with(wanted["destination"])
    if problem:
        return _invalid(f"Invalid destination: {problem}")
    return _subscription(wanted)


def _invalid(problem: str) -> Reply:
    return refusal(400, "ValidationError", problem)


def _problem_with(destination: dict[str, Any]) -> str | None:
    port = destination.get("port")
    if destination["protocol"] == "HTTP":
        parts = _URI.fullmatch(destination["URI"])
        if parts is None or not 0 < int(parts[2] or 80) <= _PORT_MAX:
            return "could not parse destination.URI"
        if parts[1].lower() not in SANDBOX_NAMES:
            return "destination.URI host must be sandbox.localdomain"
        port = int(parts[2] or 80)
    return f"port {RESERVED_PORT} is reserved" if port == RESERVED_PORT else None


def _subscription(wanted: dict[str, Any]) -> Subscription:
    limits = {name: default for name, (_, _, default) in BUFFERING.items()}
    limits.update(wanted.get("buffering", {}))
    destination = wanted["destination"]
    is_http = destination["protocol"] == "HTTP"
    return Subscription(
        types=tuple(dict.fromkeys(wanted["types"])),
        destination=destination["URI"] if is_http else _lines_to(int(destination["port"])),
        items_max=int(limits["maxItems"]),
        bytes_max=int(limits["maxBytes"]),
        timeout_s=limits["timeoutMs"] / 1000,
        schema_version=wanted["schemaVersion"],
    )


def _lines_to(port: int) -> str:
    return f"tcp://sandbox.localdomain:{port}"
