"""The table of processors."""

from __future__ import annotations

from importlib import import_module

import pytest

from collector_ext.core.config.kinds import Key
from collector_ext.core.processors.table import MODULES


@pytest.mark.parametrize("type_", MODULES)
class TestEachProcessor:
    """It is a module with its keys and the function that reads them."""

    def test_has_keys_with_meanings(self, type_):
        keys = import_module(MODULES[type_]).KEYS

        assert all(isinstance(key, Key) and key.meaning for key in keys)

    def test_has_a_reader(self, type_):
        assert callable(import_module(MODULES[type_]).read)
