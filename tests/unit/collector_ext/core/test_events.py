"""The words of the header Lambda-Invocation-Phase."""

from __future__ import annotations

from collector_ext.core.events import PHASES


def test_the_phases_are_those_of_the_protocol_and_none():
    assert PHASES == ("start", "snapshot", "end", "")
