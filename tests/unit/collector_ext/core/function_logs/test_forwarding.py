"""From batches of telemetry to log records with the trace of their invocation."""

from __future__ import annotations

import json

import pytest

from collector_ext.core.actions import WARN, Say
from collector_ext.core.events import FunctionLogged
from collector_ext.core.function_logs.batch import events_in
from collector_ext.core.function_logs.forwarding import (
    BATCH_COUNT_MAX,
    INVOCATION_COUNT_MAX,
    PAYLOAD_BYTES_MAX,
    RECORD_COUNT_MAX,
    FunctionLogs,
)
from collector_ext.core.otlp import LOGS, TRACES
from collector_ext.core.otlp_items import item_count
from collector_ext.core.platform.root import root_in
from tests.fakes.platform_entries import at_ns, at_s, entry, init, report, restore, start
from tests.fakes.platform_entries import runtime_done as done
from tests.fakes.telemetry_requests import TRACE_ID, items_in, plain, request, span

NOW = at_s(200)
ROOT_ID = bytes(7) + b"\x01"
ROOT = request(TRACES, span("root", span_id=ROOT_ID))
OTHER_TRACE, OTHER_SPAN = "72fd7c8e21a2c1a04d11f9b2ea46d2b8", "1f0a2c49d6b7c11e"


def written(record, at_ms=0):
    return {**entry("", record, at_ms), "type": "function"}


def dropped(**record):
    return entry("logsDropped", record, 0)


class Told:
    """The log records of batches."""

    def __init__(self, *, is_concurrent=False):
        self.logs = FunctionLogs({"service.name": "shop"}, "0.1.0", is_concurrent=is_concurrent)
        self.payloads = []

    def tell(self, *entries):
        """Tell one batch, and return its records."""
        payloads = []
        for event in events_in(json.dumps(entries).encode(), NOW):
            if isinstance(event, FunctionLogged):
                payloads += self.logs.told(event, NOW)
        self.payloads += payloads
        return [record for payload in payloads for record in items_in(LOGS, payload.body)]

    def request_ids(self, *entries):
        return [attributes(record).get("faas.invocation_id") for record in self.tell(*entries)]


def attributes(record):
    return {each.key: plain(each.value) for each in record.attributes}


@pytest.fixture
def told():
    return Told()


class TestARecord:
    """Is read in whichever format it is."""

    def test_a_printed_line_is_a_body_with_the_platforms_time(self, told):
        (record,) = told.tell(written("hello", at_ms=5))

        assert (record.body.string_value, record.severity_number) == ("hello", 0)
        assert (record.time_unix_nano, record.observed_time_unix_nano) == (at_ns(5), at_ns(200))

    def test_a_line_of_logging_is_read(self, told):
        (record,) = told.tell(written("[INFO]\t2026-11-23T07:10:41.800Z\tr-1\thello"))

        assert (record.body.string_value, record.severity_text) == ("hello", "INFO")
        assert attributes(record) == {"faas.invocation_id": "r-1"}

    @pytest.mark.parametrize("shape", [dict, json.dumps])
    def test_an_object_is_read_as_such_or_as_text(self, told, shape):
        found = {"message": "hello", "level": "ERROR", "requestId": "r-1", "sku": 7}

        (record,) = told.tell(written(shape(found)))

        assert (record.body.string_value, record.severity_number) == ("hello", 17)
        assert attributes(record) == {"faas.invocation_id": "r-1", "sku": 7}

    @pytest.mark.parametrize("text", ["{hello}", "{", '{"a":1} and so on', "{1:2}"])
    def test_what_only_begins_as_one_is_text(self, told, text):
        (record,) = told.tell(written(text))

        assert record.body.string_value == text

    @pytest.mark.parametrize("record", [["a", 1], 7, None, True])
    def test_whatever_else_there_is_is_a_body(self, told, record):
        (found,) = told.tell(written(record))

        assert plain(found.body) == record

    def test_without_a_time_there_is_none(self, told):
        (record,) = told.tell({**written("hello"), "time": None})

        assert record.time_unix_nano == 0

    def test_the_function_does_not_choose_its_invocation_id_by_accident(self, told):
        fields = {"message": "so", "requestId": "r-1", "faas.invocation_id": "forged"}

        assert told.request_ids(written(fields)) == ["r-1"]


class TestItsInvocation:
    """Is the one that it names, else the one in progress."""

    def test_it_is_between_the_start_and_the_report(self, told):
        batch = [written("a"), start("r-1", 0), written("b"), done("r-1", 0, 1), written("c")]

        assert told.request_ids(*batch) == [None, "r-1", "r-1"]
        assert told.request_ids(written("d"), report("r-1", 0, 1), written("e")) == ["r-1", None]

    def test_what_it_names_counts(self, told):
        told.tell(start("r-2", 0))

        line = "[INFO]\t2026-11-23T07:10:41.800Z\tr-1\tlate"
        assert told.request_ids(written(line), written("now")) == ["r-1", "r-2"]

    @pytest.mark.parametrize("entries", [init(0, 9, phase="invoke"), restore(0, 9)])
    def test_what_is_written_in_an_initialisation_is_of_none(self, told, entries):
        told.tell(start("r-1", 0))

        assert told.request_ids(*entries, written("importing")) == [None]

    def test_it_is_not_guessed_where_there_may_be_several(self):
        told = Told(is_concurrent=True)
        named = {"message": "so", "requestId": "r-1"}

        assert told.request_ids(start("r-1", 0), written("a"), written(named)) == [None, "r-1"]

    @pytest.mark.parametrize("record", [None, {}, {"requestId": 7}, "r-1"])
    def test_a_start_without_an_id_is_of_nobody(self, told, record):
        assert told.request_ids(entry("start", record, 0), written("a")) == [None]


class TestItsTrace:
    """Is the one that it names, else that of the root span of its invocation."""

    def test_it_is_the_roots(self, told):
        told.logs.started("r-1", root_in(ROOT))

        (record,) = told.tell(start("r-1", 0), written("hello"))

        assert (record.trace_id, record.span_id, record.flags) == (TRACE_ID, ROOT_ID, 1)

    def test_what_it_names_counts(self, told):
        told.logs.started("r-1", root_in(ROOT))
        fields = {"message": "so", "requestId": "r-1", "trace_id": OTHER_TRACE}

        (record,) = told.tell(written({**fields, "span_id": OTHER_SPAN, "trace_flags": "01"}))

        assert (record.trace_id.hex(), record.span_id.hex()) == (OTHER_TRACE, OTHER_SPAN)

    def test_without_a_provisional_root_its_last_spans_tell_the_trace(self, told):
        told.logs.ended("r-1", ROOT)

        (record,) = told.tell(start("r-1", 0), written("hello"))

        assert (record.trace_id, record.span_id) == (TRACE_ID, b"")

    def test_with_one_they_do_not(self, told):
        told.logs.started("r-1", root_in(ROOT))
        told.logs.ended("r-1", request(TRACES, span("call", span_id=bytes(7) + b"\x09")))

        assert told.tell(start("r-1", 0), written("hello"))[0].span_id == ROOT_ID

    @pytest.mark.parametrize(("request_id", "body"), [("", ROOT), ("r-1", b"\xff"), ("r-1", b"")])
    def test_what_has_no_root_has_no_trace(self, told, request_id, body):
        told.logs.started(request_id, root_in(body))
        told.logs.ended(request_id, body)

        assert told.tell(start("r-1", 0), written("hello"))[0].trace_id == b""

    def test_only_so_many_are_remembered(self, told):
        for number in range(INVOCATION_COUNT_MAX + 1):
            told.logs.started(f"r-{number}", root_in(ROOT))

        first, second = told.tell(start("r-0", 0), written("a"), start("r-1", 1), written("b"))

        assert (first.trace_id, second.trace_id) == (b"", TRACE_ID)


class TestABatch:
    """Is taken once, and exported as payloads of bounded size."""

    def test_one_that_comes_again_is_not_new(self, told):
        assert len(told.tell(written("a"))) == 1
        assert told.tell(written("a")) == []

    def test_it_is_known_for_a_while(self, told):
        for number in range(BATCH_COUNT_MAX + 1):
            told.tell(written(f"{number}"))

        assert told.tell(written("1")) == []
        assert len(told.tell(written("0"))) == 1

    def test_it_is_one_payload_of_the_function(self, told):
        told.tell(written("a"), written("b"))

        (payload,) = told.payloads
        assert (payload.signal, payload.item_count) == (LOGS, 2)
        assert item_count(LOGS, payload.body) == 2

    def test_without_records_it_is_none(self, told):
        told.tell(start("r-1", 0), report("r-1", 0, 1))

        assert told.payloads == []

    def test_many_records_are_several(self, told):
        told.tell(*[written("a")] * (RECORD_COUNT_MAX + 1))

        assert [payload.item_count for payload in told.payloads] == [RECORD_COUNT_MAX, 1]

    def test_large_records_are_several(self, told):
        told.tell(*[written("x" * 200_000)] * 6)

        assert [payload.item_count for payload in told.payloads] == [5, 1]
        assert max(len(payload.body) for payload in told.payloads) <= PAYLOAD_BYTES_MAX + 1_000


class TestWhatLambdaDropped:
    """Is said: at first, and when it has doubled."""

    def test_it_is_counted(self, told):
        told.tell(dropped(droppedRecords=12, droppedBytes=3400, reason="slow"))

        (said,) = told.logs.said()
        text = (
            "Lambda dropped 12 records of telemetry so far, which came faster than they were read"
        )
        assert said == Say(WARN, f"{text}; they are not exported")
        assert told.logs.said() == []

    def test_it_is_said_again_when_it_has_doubled(self, told):
        said = []
        for number in range(1, 65):
            told.tell(dropped(droppedRecords=1, droppedBytes=number))
            said += told.logs.said()

        assert [each.text.split()[2] for each in said] == ["1", "2", "4", "8", "16", "32", "64"]

    def test_the_last_word_is_exact(self, told):
        told.tell(dropped(droppedRecords=4))
        told.logs.said()
        told.tell(dropped(droppedRecords=3))
        assert told.logs.said() == []

        (said,) = told.logs.said(is_last=True)

        assert said.text.startswith("Lambda dropped 7 records")
        assert told.logs.said(is_last=True) == []

    @pytest.mark.parametrize("record", [{}, {"droppedRecords": "many"}, {"droppedRecords": -1}])
    def test_without_a_number_it_is_one(self, told, record):
        told.tell(dropped(**record))

        assert "dropped 1 record of" in told.logs.said()[0].text

    def test_nothing_is_said_of_nothing(self, told):
        told.tell(written("a"))

        assert told.logs.said() == []
