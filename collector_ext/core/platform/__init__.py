"""What the platform tells of its own part, as spans and metrics. Loaded where it is wanted."""
