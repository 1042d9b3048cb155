"""What docs/traces.md shows of invocations that were killed is what is seen of them."""

from __future__ import annotations

import re

import pytest

from scripts.deaths import DEATHS, DOCUMENT, masked, view

README = DOCUMENT.parent.parent / "README.md"


@pytest.mark.parametrize("name", DEATHS)
def test_the_picture_is_of_today(layer, name):
    shown = re.search(
        f"<!-- {name} -->\n```\n(.*?)\n```\n", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL
    )

    assert shown is not None
    assert masked(view(DEATHS[name], layer)) == masked(shown[1])


def test_the_first_page_has_the_timeout():
    shown = masked(README.read_text(encoding="utf-8"))
    picture = masked(DOCUMENT.read_text(encoding="utf-8")).split("<!-- timeout -->\n```\n")[1]
    _, _, after_its_id = picture.partition("\n")

    assert after_its_id.split("```")[0] in shown
