"""The table of exporters."""

from __future__ import annotations

import importlib

import pytest

from collector_ext.core.config.configuration import type_of
from collector_ext.core.config.variables import EXPORTERS
from collector_ext.edge.senders import otlp_http, table


class TestTheTable:
    """Names modules that read settings, and send as they say."""

    @pytest.mark.parametrize("name", sorted(set(table.MODULES.values())))
    def test_has_modules_with_all_that_an_exporter_is(self, name):
        module = importlib.import_module(name)

        assert module.KEYS
        assert callable(module.read)
        assert callable(module.sender_of)

    @pytest.mark.parametrize("exporter", EXPORTERS.values())
    def test_has_those_that_variables_make(self, exporter):
        assert type_of(exporter) in table.MODULES

    def test_has_a_reader_for_each_type(self):
        assert set(table.readers()) == set(table.MODULES)


class TestAModuleThatLoadsItsKeysLate:
    """Has nothing else that it has not."""

    def test_has_no_other_attributes(self):
        assert not hasattr(otlp_http, "KEY")
