"""The version of this half, as a constant: reading package metadata costs 20 ms."""

VERSION = "0.1.0"
DISTRIBUTION = "otel-layer"
"""What ``telemetry.distro.name`` says."""
