"""What becomes of telemetry between its arrival and its end."""
