"""What is done to telemetry between receipt and export, on the wire format."""
