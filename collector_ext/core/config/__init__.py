"""What the operator wants, as values; read from variables or from a Collector's YAML."""
