"""What docs/platform-telemetry.md claims, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector_ext.core.platform import instruments, price, spans
from collector_ext.core.platform.instruments import Instrument
from scripts.configuration import variables

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "platform-telemetry.md").read_text()
DEFAULTS = (ROOT / "config" / "defaults.env").read_text()

INSTRUMENTS = [each for each in vars(instruments).values() if isinstance(each, Instrument)]
SPANS = (
    spans.INIT,
    spans.INIT_RUNTIME,
    spans.INIT_EXTENSIONS,
    spans.RESTORE,
    spans.RESTORE_RUNTIME,
    spans.RESPONSE_DURATION,
    "responseLatency",
    "runtimeOverhead",
    "extensionOverhead",
)


def rows():
    """The rows of all tables, by what is in code in the first cell."""
    found = re.findall(r"^\| `([^`]+)` \|.*$", DOCUMENT, re.MULTILINE)
    lines = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
    return dict(zip(found, lines, strict=True))


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.name)
def test_each_metric_is_described_with_its_kind_and_unit(instrument):
    assert f"| {instrument.kind} | `{instrument.unit}` |" in rows()[instrument.name]


def test_no_other_metric_is_described():
    kinds = ("| counter |", "| gauge |", "| histogram |")
    described = {name for name, row in rows().items() if any(kind in row for kind in kinds)}

    assert described == {each.name for each in INSTRUMENTS}


@pytest.mark.parametrize("name", SPANS)
def test_each_span_is_described(name):
    assert f"{spans.PREFIX}{name}" in rows()


def test_the_prices_are_those_of_the_code():
    x86_64, arm64 = (price.USD_PER_GB_SECOND[name] for name in ("x86_64", "arm64"))

    assert f"| USD per GB-s | {x86_64:.10f} | {arm64:.10f} |" in DOCUMENT
    each = f"{price.USD_PER_REQUEST:.7f}"
    assert f"| USD per request | {each} | {each} |" in DOCUMENT


def test_the_prices_are_those_of_the_list_of_variables():
    listed = {variable.name: variable for variable in variables(DEFAULTS)}

    assert float(listed[price.REQUEST].default) == price.USD_PER_REQUEST
    for found in price.USD_PER_GB_SECOND.values():
        assert f"{found:.10f}" in listed[price.GB_SECOND].meaning
