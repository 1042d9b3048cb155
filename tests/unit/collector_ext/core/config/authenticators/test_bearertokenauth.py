"""``bearertokenauth`` in a document."""

from __future__ import annotations

from collector_ext.core.config.authenticators import bearertokenauth
from collector_ext.core.config.configuration import BearerAuth
from tests.fakes.documents import section


class TestAToken:
    """Is what is sent."""

    def test_is_read(self):
        assert bearertokenauth.read(section("token: t\nscheme: Bearer")) == BearerAuth("t")

    def test_that_is_missing_is_said(self):
        found = section("filename: /tmp/token", "extensions.bearertokenauth")

        assert bearertokenauth.read(found) is None
        assert found.remarks.complaints == (
            "collector.yaml:1: extensions.bearertokenauth has no token; it cannot be used",
        )
