"""What the platform tells: events, log lines, and the Telemetry API that delivers them."""
