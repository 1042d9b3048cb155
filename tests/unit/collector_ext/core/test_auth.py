"""The headers by which an exporter says who it is."""

from __future__ import annotations

from collector_ext.core.auth import headers_of
from collector_ext.core.config.configuration import BasicAuth, BearerAuth


def test_a_user_and_a_password():
    assert headers_of(BasicAuth("me", "wörd")) == {"authorization": "Basic bWU6d8O2cmQ="}


def test_a_token():
    assert headers_of(BearerAuth("t0ken\n")) == {"authorization": "Bearer t0ken"}
