"""Whatever the function may write, in whatever shape: it is one log record, within bounds."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from collector_ext.core.events import FunctionLogged, RuntimeDone
from collector_ext.core.function_logs.batch import events_in
from collector_ext.core.function_logs.forwarding import INVOCATION_ID, FunctionLogs
from collector_ext.core.otlp import LOGS
from collector_ext.core.otlp_items import item_count
from tests.fakes.platform_entries import at_s, batch, runtime_done, start
from tests.fakes.telemetry_requests import items_in

NOW = at_s(200)
DONE = json.dumps(runtime_done("r-1", 0, 30))

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)
TIMES = st.sampled_from(["2026-11-23T07:10:41.800Z", "2026-11-23T07:10:41Z"]) | JSON
IDS = st.text("0123456789abcdef", min_size=32, max_size=32) | JSON
FIELDS = {
    "timestamp": TIMES,
    "level": st.sampled_from(["INFO", "WARN", "L"]) | JSON,
    "log_level": JSON,
    "message": JSON,
    "requestId": st.sampled_from(["r-1", "r-2"]) | JSON,
    "errorType": JSON,
    "errorMessage": JSON,
    "stackTrace": st.lists(st.text(max_size=9)) | JSON,
    "location": st.sampled_from(["a:b:1", "a:b:c", ":::"]) | JSON,
    "trace_id": IDS,
    "span_id": IDS,
    "trace_flags": st.sampled_from(["01", "ffff", "-1"]) | JSON,
    "otelTraceID": IDS,
    "service.name": JSON,
    "exception.type": JSON,
}
OBJECTS = st.fixed_dictionaries({}, optional=FIELDS)
PIECES = st.sampled_from(["[INFO]", "[ERROR] ", "\t", "2026-11-23T07:10:41.8Z", "[trace_id=", "]"])
LINES = st.lists(PIECES | st.text(max_size=5) | st.sampled_from(["\nTraceback (most", " "])).map(
    "".join
)
RECORDS = OBJECTS | OBJECTS.map(json.dumps) | LINES | JSON


def told(body):
    """A batch that has been forwarded: payloads, and what else it says."""
    logs = FunctionLogs({"service.name": "shop"}, "0.1.0", is_concurrent=False)
    payloads, others = [], []
    for event in events_in(body, NOW):
        if isinstance(event, FunctionLogged):
            payloads += logs.told(event, NOW)
        else:
            others.append(event)
    return payloads, others


def decoded(payloads):
    """The records, as the protobuf library reads them; each was counted."""
    for payload in payloads:
        assert item_count(LOGS, payload.body) == payload.item_count
    return [record for payload in payloads for record in items_in(LOGS, payload.body)]


@given(st.lists(st.tuples(TIMES, RECORDS), max_size=6))
def test_each_record_is_one_of_its_invocation(found):
    lines = [{"time": time, "type": "function", "record": record} for time, record in found]

    payloads, _ = told(batch(start("r-1", 0), *lines))

    records = decoded(payloads)
    ids = [[a for a in each.attributes if a.key == INVOCATION_ID] for each in records]
    assert [len(each) for each in ids] == [1] * len(lines)
    assert all(len(each.trace_id) in {0, 16} for each in records)


@given(st.lists(JSON, max_size=6))
def test_a_batch_may_be_of_any_shape(entries):
    payloads, _ = told(json.dumps(entries).encode())

    assert decoded(payloads) == []


@given(st.text(max_size=60), st.binary(max_size=60))
@example("[" * 100_000 + "]" * 100_000, b"")
@example("9" * 5_000, b"")
@example('"\\ud800"', b"\xff")
def test_the_end_of_an_invocation_before_it_is_always_read(record, more):
    body = f'[{DONE},{{"type":"function","record":{record}}}'.encode("utf-8", "replace") + more

    _, others = told(body)

    # Unless what follows makes the batch one of another shape, which Lambda does not post.
    assert any(isinstance(event, RuntimeDone) for event in others)
