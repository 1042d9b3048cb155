"""A local Lambda execution environment: Runtime, Extensions and Telemetry APIs, and the freeze."""
