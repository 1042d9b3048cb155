"""OTLP in protobuf and in JSON, one from the other."""
