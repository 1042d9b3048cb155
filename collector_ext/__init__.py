"""A minimal OpenTelemetry Collector that runs as an external Lambda extension."""
