"""``debug`` in a document."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import SIGNALS
from collector_ext.edge.senders import debug
from collector_ext.edge.senders.debug import Debug
from tests.fakes.documents import section


class TestAnExporter:
    """Says as much as it is told to, by the new key or by the old."""

    @pytest.mark.parametrize(
        ("text", "verbosity"),
        [
            ("", "basic"),
            ("verbosity: detailed", "detailed"),
            ("loglevel: debug", "detailed"),
            ("loglevel: info", "normal"),
            ("loglevel: error", "basic"),
            ("loglevel: debug\nverbosity: normal", "normal"),
        ],
    )
    def test_has_a_verbosity(self, text, verbosity):
        assert debug.read(section(text, "exporters.debug/x"), {}) == Debug("debug/x", verbosity)

    def test_goes_to_the_log(self):
        assert Debug("debug", "basic").names() == dict.fromkeys(SIGNALS, "the log")

    def test_tells_its_settings(self):
        assert Debug("debug", "normal").rows() == [("verbosity", "normal")]
