"""The commands of ``python -m collector_ext``."""
