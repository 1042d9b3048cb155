"""Instants as telemetry and the log write them."""

from __future__ import annotations

from lambda_sandbox.core.instant import iso_time


class TestAnInstant:
    """ISO 8601, UTC, with milliseconds, which are cut and not rounded."""

    def test_it_has_milliseconds(self):
        assert iso_time(1795410000.1239) == "2026-11-23T05:00:00.123Z"

    def test_it_has_them_even_if_there_are_none(self):
        assert iso_time(0) == "1970-01-01T00:00:00.000Z"
