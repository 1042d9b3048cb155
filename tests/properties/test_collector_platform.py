"""Whatever the platform may tell, in whatever shape: it is read, or passed over."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from collector_ext.core.actions import AskNext, Export
from collector_ext.core.delivery.strategy import End
from collector_ext.core.events import (
    Delivered,
    ExportFinished,
    InvokeReceived,
    PayloadReceived,
)
from collector_ext.core.lifecycle import Lifecycle
from collector_ext.core.otlp import METRICS, PROTOBUF, TRACES
from collector_ext.core.otlp_items import item_count
from collector_ext.core.platform.metrics import PlatformMetrics
from collector_ext.core.platform.observed import Observed
from collector_ext.core.platform.price import Prices
from collector_ext.core.platform.records import KINDS, events_in
from collector_ext.core.platform.traces import PlatformTraces
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import outbox_to, pipelines_to
from tests.fakes.platform_entries import at_ns, at_s
from tests.fakes.telemetry_requests import items_in, request, span

NOW = at_s(122)
OPEN = payload_of(TRACES, PROTOBUF, request(TRACES, span(start_time_unix_nano=at_ns(0))))
FINAL = payload_of(TRACES, PROTOBUF, request(TRACES, span()))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
TIMES = st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T00:00:[0-5][0-9](\.[0-9]{3})?Z") | JSON
AMOUNTS = st.floats() | st.integers() | JSON


def some(**fields):
    """Objects that may lack any of these."""
    return st.fixed_dictionaries({}, optional=fields)


SPANS = st.lists(some(name=st.text(), start=TIMES, durationMs=AMOUNTS) | JSON, max_size=4)
MEASURED = ("durationMs", "billedDurationMs", "billedRestoreDurationMs", "memorySizeMB")
RECORDS = some(
    requestId=st.sampled_from(["r-1", "r-2"]) | JSON,
    status=st.sampled_from(["success", "error", "timeout"]) | JSON,
    errorType=st.text() | JSON,
    initializationType=st.sampled_from(["on-demand", "snap-start"]) | JSON,
    phase=st.sampled_from(["init", "invoke"]) | JSON,
    metrics=some(**dict.fromkeys((*MEASURED, "maxMemoryUsedMB", "producedBytes"), AMOUNTS)) | JSON,
    spans=SPANS | JSON,
)
ENTRIES = some(
    time=TIMES, type=st.sampled_from([f"platform.{kind}" for kind in KINDS]), record=RECORDS | JSON
)


@given(st.lists(ENTRIES | JSON, max_size=12))
def test_an_invocation_ends_whatever_is_told_of_it(entries):
    outbox = outbox_to({TRACES: "https://otlp.example/v1/traces"})
    lifecycle = Lifecycle(pipelines_to(outbox), End(), flush_timeout_s=1.0, has_telemetry=True)
    metrics = PlatformMetrics(Prices(1.0, 1.0), {}, "0.1.0")
    core = Observed(lifecycle, PlatformTraces("0.1.0"), metrics)
    told = events_in(json.dumps(entries).encode(), NOW)
    events = [InvokeReceived("r-1", NOW + 3.0), PayloadReceived(OPEN, "r-1", "start"), *told]

    actions = []
    for event in [*events, PayloadReceived(FINAL, "r-1", "end")]:
        actions += core.handle(event, NOW)
        for order in [action for action in actions if isinstance(action, Export)]:
            actions.remove(order)
            sent = [payload for one in order.requests for payload in one.payloads]
            assert [len(items_in(TRACES, each.body)) for each in sent] == [
                each.item_count for each in sent
            ]
            outcomes = tuple(Delivered(one, 0, "") for one in order.requests)
            actions += core.handle(ExportFinished(order.exporter, outcomes), NOW)

    assert [action for action in actions if isinstance(action, AskNext)] == [AskNext()]
    body = metrics.take(at_ns(0), at_ns(1))
    assert item_count(METRICS, body) == sum(
        len(points.data_points)
        for metric in items_in(METRICS, body)
        for points in (metric.sum, metric.gauge, metric.histogram)
    )
