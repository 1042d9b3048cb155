"""``basicauth`` in a document."""

from __future__ import annotations

import pytest

from collector_ext.core.config.authenticators import basicauth
from collector_ext.core.config.configuration import BasicAuth
from tests.fakes.documents import section


class TestANameAndAPassword:
    """Are of the client."""

    def test_are_read(self):
        found = section("client_auth:\n  username: 123\n  password: p")

        assert basicauth.read(found) == BasicAuth("123", "p")

    @pytest.mark.parametrize("text", ["", "client_auth: {password: p}", "htpasswd: {inline: x}"])
    def test_without_a_name_are_unusable(self, text):
        found = section(text, "extensions.basicauth")

        assert basicauth.read(found) is None
        assert found.remarks.complaints == (
            (
                "collector.yaml:1: extensions.basicauth has no client_auth.username; "
                "it cannot be used"
            ),
        )
