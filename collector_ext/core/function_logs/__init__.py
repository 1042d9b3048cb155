"""What the function writes to its standard output and error, as OTLP logs. Loaded if wanted."""
