"""Handler names, as the runtime reads them."""

from __future__ import annotations

import pytest

from otel_layer.core.handler_name import HandlerName, HandlerNameError, parsed


class TestANameThatNamesAHandler:
    """Everything after the last dot is the attribute."""

    @pytest.mark.parametrize(
        ("name", "where"),
        [
            ("app.handler", HandlerName("app", "app", "handler")),
            ("pkg/app.handler", HandlerName("pkg/app", "pkg.app", "handler")),
            ("pkg.mod.handler", HandlerName("pkg.mod", "pkg.mod", "handler")),
            (".handler", HandlerName("", "", "handler")),
        ],
    )
    def test_it_is_split_at_the_last_dot(self, name, where):
        assert parsed(name, {"sys"}) == where


class TestANameThatNamesNone:
    """The texts are the runtime's own."""

    def test_there_has_to_be_a_dot(self):
        expected = "Bad handler 'app': not enough values to unpack"

        with pytest.raises(HandlerNameError, match=expected):
            parsed("app", {"sys"})

    @pytest.mark.parametrize("name", ["sys.exit", "sys.path.append"])
    def test_a_built_in_module_holds_no_handler(self, name):
        expected = "Cannot use built-in module .* as a handler module"

        with pytest.raises(HandlerNameError, match=expected):
            parsed(name, {"sys"})
