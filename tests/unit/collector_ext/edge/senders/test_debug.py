"""``debug`` in a document."""

from __future__ import annotations

import pytest

from collector_ext.core.config.configuration import Debug
from collector_ext.core.config.exporters import debug
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
