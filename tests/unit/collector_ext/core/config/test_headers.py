"""Which headers may be added to a request."""

from __future__ import annotations

import pytest

from collector_ext.core.config.headers import is_header


class TestAHeader:
    """Is a token and a printable value, which nothing can be smuggled in by."""

    @pytest.mark.parametrize(("name", "value"), [("x-api-key", "a b"), ("X", ""), ("x", "ü")])
    def test_can_be_sent(self, name, value):
        assert is_header(name, value)

    @pytest.mark.parametrize(
        ("name", "value"), [("", "x"), ("a b", "x"), ("ü", "x"), ("x", "a\r\nb: c"), ("x", "€")]
    )
    def test_that_would_be_read_as_something_else_cannot(self, name, value):
        assert not is_header(name, value)
