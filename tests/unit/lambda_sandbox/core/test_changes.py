"""A folder has changed when a file in it is new, gone or another."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from lambda_sandbox.core.changes import Trait, changed, is_watched

APP, LIBRARY = PurePath("app.py"), PurePath("library/names.py")
SEEN = {APP: Trait(1, 10, 100), LIBRARY: Trait(2, 20, 200)}


class TestALook:
    """Is compared with the one before."""

    def test_that_sees_the_same_tells_nothing(self):
        assert changed(SEEN, dict(SEEN)) is None

    @pytest.mark.parametrize("trait", [Trait(3, 20, 200), Trait(2, 21, 200), Trait(2, 20, 201)])
    def test_tells_of_a_file_that_is_another(self, trait):
        assert changed(SEEN, SEEN | {LIBRARY: trait}) == LIBRARY

    def test_tells_of_a_file_that_is_new(self):
        assert changed({APP: SEEN[APP]}, SEEN) == LIBRARY

    def test_tells_of_a_file_that_is_gone(self):
        assert changed(SEEN, {LIBRARY: SEEN[LIBRARY]}) == APP

    def test_tells_of_the_first_of_several(self):
        assert changed(SEEN, {}) == APP


class TestAName:
    """Says whether a file or a folder matters."""

    @pytest.mark.parametrize("name", ["app.py", "requirements.txt", "_private", "a.b"])
    def test_is_watched(self, name):
        assert is_watched(name)

    @pytest.mark.parametrize("name", [".git", ".app.py.swp", "__pycache__"])
    def test_is_not_watched(self, name):
        assert not is_watched(name)
