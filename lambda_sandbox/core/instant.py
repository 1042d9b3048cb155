"""Instants as the platform writes them."""

from __future__ import annotations

from datetime import datetime, timezone


def iso_time(epoch_s: float) -> str:
    """Return an instant as telemetry and the log write it: ISO 8601, UTC, milliseconds."""
    instant = datetime.fromtimestamp(epoch_s, timezone.utc)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
