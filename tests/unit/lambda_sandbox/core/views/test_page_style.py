"""The style sheet of the page."""

from __future__ import annotations

import re

from lambda_sandbox.core.views.page_style import STYLE


class TestTheStyleSheet:
    """It stands alone, in light and in dark."""

    def test_it_loads_nothing(self):
        assert not re.search(r"url\(|@import|@font-face|https?:", STYLE)

    def test_it_cannot_end_the_element_it_is_in(self):
        assert "<" not in STYLE

    def test_every_colour_of_the_light_scheme_is_in_the_dark_one_too(self):
        light, dark = STYLE.split("prefers-color-scheme: dark")

        colours = re.compile(r"(--[\w-]+): #")
        assert set(colours.findall(light)) == set(colours.findall(dark))

    def test_every_variable_that_is_used_is_defined(self):
        used = set(re.findall(r"var\((--[\w-]+)\)", STYLE))

        assert used <= {*re.findall(r"(--[\w-]+):", STYLE), "--depth"}
