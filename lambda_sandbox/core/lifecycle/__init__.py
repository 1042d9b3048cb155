"""The execution environment from its first process to its last: pure."""
