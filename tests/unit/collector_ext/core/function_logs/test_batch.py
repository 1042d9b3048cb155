"""What is read of a batch that the function may have written into."""

from __future__ import annotations

import json

import pytest

from collector_ext.core.events import FunctionLogged, PlatformReported, RuntimeDone
from collector_ext.core.function_logs.batch import entries_in, events_in
from tests.fakes.platform_entries import at_s, batch, report, runtime_done, start

NOW = 5_000.0
LINE = {"time": "2026-11-23T07:10:41.800Z", "type": "function", "record": "hello"}
DROPPED = {"time": "2026-11-23T07:10:41.800Z", "type": "platform.logsDropped", "record": {}}
DONE = b'{"type":"platform.runtimeDone","record":{"requestId":"r-1","status":"success"}}'
DEEP = b'{"type":"function","record":' + b"[" * 100_000 + b'"\\"]"' + b"]" * 100_000 + b"}"


def read(body):
    return events_in(body, NOW)


def kinds(events):
    return [type(event) for event in events]


class TestABatch:
    """Is what the function wrote, and then what the platform tells."""

    def test_the_functions_part_is_one_event_and_comes_first(self):
        done = runtime_done("r-1", 0, 30)
        body = batch(start("r-1", 0), LINE, done, LINE)

        logged, *others = read(body)

        assert logged == FunctionLogged(hash(body), (start("r-1", 0), LINE, LINE))
        assert kinds(others) == [PlatformReported, PlatformReported, RuntimeDone]

    def test_it_has_what_says_whose_a_record_is(self):
        entries = (start("r-1", 0), LINE, report("r-1", 0, 30), DROPPED)

        assert read(batch(*entries))[0].entries == entries

    def test_the_end_of_an_invocation_is_read_as_without_it(self):
        events = read(batch(LINE, runtime_done("r-1", 0, 30)))

        assert events[-1] == RuntimeDone("r-1", "success", "", at_s(30))

    def test_what_nobody_wants_is_no_event(self):
        extension = {**LINE, "type": "extension"}

        assert read(json.dumps([extension, {"type": 1}, "x", {}]).encode()) == []

    @pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[", b"nothing", b"7"])
    def test_what_is_no_batch_has_no_entries(self, body):
        assert entries_in(body) == []


class TestARecordThatIsNoJson:
    """Costs nobody the end of an invocation."""

    @pytest.mark.parametrize(
        "record",
        [b"NaN", b"-Infinity", b"9" * 5_000, b'"\xff"', b'"\x01"', b'"\\ud800"', b"1e999"],
    )
    def test_it_is_read_as_far_as_it_can_be(self, record):
        body = b'[{"type":"function","record":' + record + b"}, " + DONE + b"]"

        assert kinds(read(body)) == [FunctionLogged, RuntimeDone]

    @pytest.mark.parametrize("between", [b",", b" ,\n"])
    def test_one_that_is_too_deep_is_its_text(self, between):
        body = b"[" + DEEP + between + DONE + b"]"

        logged, done = read(body)

        assert logged.entries == ({"type": "function", "record": DEEP.decode()},)
        assert done == RuntimeDone("r-1", "success", "", NOW)

    @pytest.mark.parametrize("rest", [b"", b'"', b"]", b', "type'])
    def test_what_is_cut_off_ends_with_the_batch(self, rest):
        body = b"[" + DONE + b"," + DEEP[:-100_001] + rest

        assert kinds(read(body))[-1] is RuntimeDone

    def test_what_comes_after_nonsense_is_not_found(self):
        assert entries_in(b'[{"a":1}, {"b" 2}, {"c":3}]') == [{"a": 1}]


def test_a_batch_that_comes_again_is_known_as_such():
    first, again = read(batch(LINE)), read(batch(LINE))

    assert first == again
    assert read(json.dumps([LINE, LINE]).encode()) != first
