"""Where our faults end, and what is said about them."""

from __future__ import annotations

import json
import re

import pytest

from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield


@pytest.fixture
def stderr(capfd):
    return lambda: capfd.readouterr().err


class TestAShield:
    """No fault of ours leaves it."""

    def test_a_fault_ends_there_with_one_line(self, stderr):
        shield = Shield(Log(as_json=False))

        for _ in range(3):
            with shield("count the spans", "they are not counted"):
                raise ValueError(3)

        assert re.fullmatch(
            r"otel-layer: cannot count the spans: ValueError: 3"
            r" \(.*test_shield.py:\d+\); they are not counted\n",
            stderr(),
        )

    def test_the_line_names_where_it_happened(self, stderr):
        with Shield(Log(as_json=False))("read", "nothing is read"):
            json.loads("{")

        assert "/json/decoder.py:" in stderr()

    def test_faults_of_different_purposes_have_a_line_each(self, stderr):
        shield = Shield(Log(as_json=False))

        for purpose in ("start", "end"):
            with shield(purpose, "so be it"):
                raise ValueError

        assert stderr().count("\n") == 2

    def test_without_a_fault_nothing_is_said(self, stderr):
        with Shield(Log(as_json=False))("start", "so be it"):
            pass

        assert stderr() == ""

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
    def test_what_ends_the_process_passes(self, kind):
        with pytest.raises(kind), Shield(Log(as_json=False))("start", "so be it"):
            raise kind


class TestALine:
    """Written in one piece, in the format of the function's own log."""

    def test_it_is_one_line_whatever_is_in_it(self, stderr):
        Log(as_json=False).say("two\nlines \ud83e")

        assert stderr() == "otel-layer: two lines ?\n"

    def test_in_json_it_is_one_object(self, stderr):
        Log(as_json=True).say("a sentence")

        record = json.loads(stderr())
        assert record["level"] == "WARN"
        assert record["message"] == "otel-layer: a sentence"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["timestamp"])

    def test_a_kind_is_said_once(self, stderr):
        log = Log(as_json=False)
        log.say_once("kind", "first")
        log.say_once("kind", "second")

        assert stderr() == "otel-layer: first\n"
