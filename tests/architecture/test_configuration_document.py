"""What docs/configuration.md and config/defaults.env claim, held against the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from collector_ext.core.config.components import AUTHENTICATORS
from collector_ext.core.config.delivery import DEFAULTS as DELIVERY
from collector_ext.core.config.delivery import SPILL_PATH, delivery_from
from collector_ext.core.config.mapped import KEYS
from collector_ext.core.processors.table import MODULES as PROCESSORS
from collector_ext.edge.senders.table import MODULES as EXPORTERS
from scripts.configuration import variables

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
DEFAULTS = (ROOT / "config" / "defaults.env").read_text()

UNSAID = {
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "the layer sets it, for the SDK it has imported",
    "OTEL_PYTHON_TRACER_PROVIDER": "as above",
}
"""Variables in the code that nobody is to set."""


def named_in_the_code():
    """The variables that the two halves name in whole."""
    files = [p for half in ("collector_ext", "otel_layer") for p in (ROOT / half).rglob("*.py")]
    text = "\n".join(path.read_text() for path in files)
    names = set(re.findall(r'"((?:OTEL|OPENTELEMETRY)_[A-Z0-9_]*[A-Z0-9])"', text))
    return names - {"OTEL_EXPORTER_OTLP"}


class TestTheDocument:
    """Lists what there is; ``python -m scripts.configuration`` writes its tables."""

    def test_has_the_tables_that_the_code_makes(self):
        check = [sys.executable, "-m", "scripts.configuration", "--check"]

        checked = subprocess.run(check, cwd=ROOT, capture_output=True, check=False, text=True)

        assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr

    @pytest.mark.parametrize("component_type", [*EXPORTERS, *AUTHENTICATORS, *PROCESSORS, *KEYS])
    def test_has_a_table_for_each_component(self, component_type):
        titles = [line for line in DOCUMENT.splitlines() if line.startswith("### ")]

        assert any(f"`{component_type}`" in title for title in titles)

    @pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
    def test_names_each_preset(self, path):
        assert f"`{path.stem}`" in DOCUMENT or f"/{path.name}" in DOCUMENT


class TestTheListOfVariables:
    """Is complete, and says of each what it means."""

    def test_has_each_that_the_code_names(self):
        listed = {variable.name for variable in variables(DEFAULTS)}

        assert named_in_the_code() - listed - set(UNSAID) == set()

    @pytest.mark.parametrize(
        "option",
        [
            "ENDPOINT",
            "HEADERS",
            "PROTOCOL",
            "COMPRESSION",
            "TIMEOUT",
            "CERTIFICATE",
            "CLIENT_KEY",
            "CLIENT_CERTIFICATE",
            "INSECURE",
        ],
    )
    def test_has_each_option_of_the_exporter(self, option):
        listed = {variable.name for variable in variables(DEFAULTS)}

        assert f"OTEL_EXPORTER_OTLP_{option}" in listed

    def test_has_a_meaning_for_each(self):
        assert [variable.name for variable in variables(DEFAULTS) if not variable.meaning] == []

    def test_has_the_defaults_that_the_collector_has(self):
        listed = {variable.name: variable.default for variable in variables(DEFAULTS)}

        assert {name: listed[name] for name in DELIVERY} == {
            name: str(default) for name, default in DELIVERY.items()
        }
        assert listed["OTEL_LAYER_SPILL_PATH"] == SPILL_PATH
        assert listed["OTEL_LAYER_FLUSH_STRATEGY"] == delivery_from({}).strategy

    def test_has_each_once(self):
        names = [variable.name for variable in variables(DEFAULTS)]

        assert len(names) == len(set(names))
