"""Where our faults end, and what is said about them."""

from __future__ import annotations

import functools
import json
import os
import re
import signal

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


class OutOfTimeError(OSError):
    """The customer's."""


class Alarm:
    """Handlers of every kind."""

    def on_signal(self, _number, _frame):
        raise OutOfTimeError

    def __call__(self, _number, _frame):
        raise OutOfTimeError


def on_signal(_number, _frame):
    raise OutOfTimeError


def prefixed(_prefix, _number, _frame):
    json.loads("{")


@pytest.fixture
def install():
    """Install a handler for SIGUSR1 until the end of the test."""
    previous = signal.getsignal(signal.SIGUSR1)
    yield functools.partial(signal.signal, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, previous)


class TestASignalHandlerThatRaises:
    """Its exception is the customer's, wherever it interrupts us."""

    @pytest.mark.parametrize(
        "handler",
        [on_signal, Alarm().on_signal, Alarm(), functools.partial(prefixed, 1)],
        ids=["function", "method", "object", "partial, failing in a library"],
    )
    def test_its_exception_passes(self, install, handler, stderr):
        install(handler)

        with pytest.raises((OutOfTimeError, json.JSONDecodeError)):  # noqa: SIM117
            with Shield(Log(as_json=False))("start", "so be it"):
                signal.raise_signal(signal.SIGUSR1)

        assert stderr() == ""

    def test_it_passes_while_a_line_is_written(self, install, monkeypatch):
        install(on_signal)
        monkeypatch.setattr(os, "write", lambda *_: signal.raise_signal(signal.SIGUSR1))

        with pytest.raises(OutOfTimeError), Shield(Log(as_json=False))("start", "so be it"):
            raise ValueError

    def test_one_that_was_caught_in_time_changes_nothing(self, install, stderr):
        install(on_signal)

        with Shield(Log(as_json=False))("start", "so be it"):
            raise OutOfTimeError

        assert stderr().startswith("otel-layer: cannot start: OutOfTimeError")


class TestALineThatCannotBeWritten:
    """Standard error is the customer's, who may have closed it: it is gone without."""

    @pytest.mark.parametrize("kind", [OSError, BrokenPipeError, BlockingIOError])
    def test_nothing_is_said(self, monkeypatch, kind):
        def write(*_):
            raise kind

        monkeypatch.setattr(os, "write", write)
        Log(as_json=False).say("a sentence")

    def test_a_fault_that_cannot_be_described_ends_all_the_same(self):
        class UnreadableError(Exception):
            def __str__(self):
                raise RuntimeError

        with Shield(Log(as_json=False))("start", "so be it"):
            raise UnreadableError


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
